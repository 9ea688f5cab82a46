"""The landscapes: classic test functions, and four shapes that every optimizer meets.

Every function is written for both modules, `m` being torch or numpy. Powers are written as squares of squares, since
`x**4` takes another path for many points than for one and would differ in the last bit.
"""

from collections.abc import Callable
from math import cos, e, pi, radians, sin, sqrt
from typing import Any

from playground.catalog.base import Param
from playground.landscapes.landscape import Landscape
from playground.parts import Args

SURJANOVIC = "Surjanovic and Bingham, Virtual Library of Simulation Experiments"


def rosenbrock(m: Any, x: Any, y: Any, a: float, b: float) -> Any:
    return (a - x) ** 2 + b * (y - x**2) ** 2


def himmelblau(m: Any, x: Any, y: Any) -> Any:
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def beale(m: Any, x: Any, y: Any) -> Any:
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def booth(m: Any, x: Any, y: Any) -> Any:
    return (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2


def matyas(m: Any, x: Any, y: Any) -> Any:
    return 0.26 * (x**2 + y**2) - 0.48 * x * y


def rastrigin(m: Any, x: Any, y: Any) -> Any:
    return 20 + x**2 - 10 * m.cos(2 * pi * x) + y**2 - 10 * m.cos(2 * pi * y)


def ackley(m: Any, x: Any, y: Any) -> Any:
    # 1e-300 changes no value and makes the gradient at the tip 0 instead of nan
    cone = -20 * m.exp(-0.2 * m.sqrt(0.5 * (x**2 + y**2) + 1e-300))
    return cone - m.exp(0.5 * (m.cos(2 * pi * x) + m.cos(2 * pi * y))) + e + 20


def styblinski_tang(m: Any, x: Any, y: Any) -> Any:
    return ((x**2) ** 2 - 16 * x**2 + 5 * x + (y**2) ** 2 - 16 * y**2 + 5 * y) / 2


def three_hump_camel(m: Any, x: Any, y: Any) -> Any:
    return 2 * x**2 - 1.05 * (x**2) ** 2 + (x**3) ** 2 / 6 + x * y + y**2


def six_hump_camel(m: Any, x: Any, y: Any) -> Any:
    return (4 - 2.1 * x**2 + (x**2) ** 2 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2


def goldstein_price(m: Any, x: Any, y: Any) -> Any:
    first = 1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)
    second = 30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
    return first * second


def levy(m: Any, x: Any, y: Any) -> Any:
    u, v = 1 + (x - 1) / 4, 1 + (y - 1) / 4
    middle = (u - 1) ** 2 * (1 + 10 * m.sin(pi * u + 1) ** 2)
    return m.sin(pi * u) ** 2 + middle + (v - 1) ** 2 * (1 + m.sin(2 * pi * v) ** 2)


def griewank(m: Any, x: Any, y: Any) -> Any:
    return 1 + (x**2 + y**2) / 4000 - m.cos(x) * m.cos(y / sqrt(2))


def mccormick(m: Any, x: Any, y: Any) -> Any:
    return m.sin(x + y) + (x - y) ** 2 - 1.5 * x + 2.5 * y + 1


def easom(m: Any, x: Any, y: Any) -> Any:
    return -m.cos(x) * m.cos(y) * m.exp(-((x - pi) ** 2 + (y - pi) ** 2))


def bowl(m: Any, x: Any, y: Any, condition: float, angle: float) -> Any:
    u = cos(radians(angle)) * x + sin(radians(angle)) * y
    v = cos(radians(angle)) * y - sin(radians(angle)) * x
    return (u**2 + condition * v**2) / 2


def saddle(m: Any, x: Any, y: Any) -> Any:
    return x**2 - y**2


def monkey_saddle(m: Any, x: Any, y: Any) -> Any:
    return x**3 - 3 * x * y**2


def plateau(m: Any, x: Any, y: Any) -> Any:
    return 1 - m.exp(-(x**2 + y**2) / 2)


def _make_rosenbrock(a: float = 1.0, b: float = 100.0) -> Landscape:
    return Landscape(
        "rosenbrock",
        "Rosenbrock",
        rosenbrock,
        ((-1.5, 1.5), (-0.5, 1.5)) if a == 1 else ((-1.5 * a - 0.5, 1.5 * a + 0.5), (-0.5, 1.5 * a * a + 0.5)),
        starts=((-1.0, 1.0), (-1.5, 1.5), (0.0, 0.0), (-0.5, -0.5)),
        minima=((a, a * a, 0.0),),
        log=True,
        source="Rosenbrock (1960), The Computer Journal 3(3), 175-184",
        formula=r"(a - x)^2 + b (y - x^2)^2",
        summary="A bent valley with steep walls and a nearly flat floor.",
        params=(
            Param("a", "float", 1.0, 0.1, 3.0, "Where the minimum is: at (a, a²).", label="a"),
            Param("b", "float", 100.0, 0.1, 1000.0, "How steep the walls are.", label="b"),
        ),
        args=Args(a=a, b=b),
        make=_make_rosenbrock,
    )


def _make_bowl(condition: float = 20.0, angle: float = 30.0) -> Landscape:
    return Landscape(
        "bowl",
        "Quadratic bowl",
        bowl,
        ((-2.0, 2.0), (-2.0, 2.0)),
        starts=((-1.6, 1.2), (1.5, 1.5), (-1.5, -0.3)),
        minima=((0.0, 0.0, 0.0),),
        log=True,
        source="the second-order picture of every smooth minimum; Goh (2017), Why momentum really works, Distill",
        formula=r"\tfrac{1}{2} (u^2 + \kappa v^2), \quad (u, v) = R_\theta (x, y)",
        summary="What a minimum looks like from near by: one direction steeper than the other.",
        params=(
            Param("condition", "float", 20.0, 1.0, 10_000.0, "Largest curvature over the smallest.", label="condition"),
            Param("angle", "float", 30.0, 0.0, 180.0, "Degrees by which the bowl is turned.", label="angle in degrees"),
        ),
        args=Args(condition=condition, angle=angle),
        make=_make_bowl,
    )


def _square(half: float) -> tuple[tuple[float, float], tuple[float, float]]:
    return ((-half, half), (-half, half))


def _entry(rule: Callable[..., Any], label: str, **fields: Any) -> Landscape:
    return Landscape(rule.__name__, label, rule, **fields)


LANDSCAPES: dict[str, Landscape] = {
    landscape.key: landscape
    for landscape in (
        _make_rosenbrock(),
        _entry(
            himmelblau,
            "Himmelblau",
            domain=_square(5.0),
            starts=((0.0, 0.0), (-0.3, -0.9), (4.0, -4.5)),
            minima=(
                (3.0, 2.0, 0.0),
                (-2.805118086952745, 3.131312518250573, 0.0),
                (-3.779310253377747, -3.283185991286169, 0.0),
                (3.584428340330492, -1.848126526964404, 0.0),
            ),
            log=True,
            source="Himmelblau (1972), Applied Nonlinear Programming",
            formula=r"(x^2 + y - 11)^2 + (x + y^2 - 7)^2",
            summary="Four equal minima: small differences decide between them.",
        ),
        _entry(
            beale,
            "Beale",
            domain=_square(4.5),
            starts=((3.0, 4.0), (1.0, 1.5), (-3.0, -2.0)),
            minima=((3.0, 0.5, 0.0),),
            log=True,
            source="Beale (1958), On an iterative method for finding a local minimum, Princeton",
            formula=r"(1.5 - x + xy)^2 + (2.25 - x + xy^2)^2 + (2.625 - x + xy^3)^2",
            summary="Flat in the middle, with cliffs at the corners.",
        ),
        _entry(
            booth,
            "Booth",
            domain=_square(10.0),
            starts=((-8.0, -6.0), (8.0, -8.0)),
            minima=((1.0, 3.0, 0.0),),
            log=True,
            source=SURJANOVIC,
            formula=r"(x + 2y - 7)^2 + (2x + y - 5)^2",
            summary="A plain bowl, nine times as steep one way as the other.",
        ),
        _entry(
            matyas,
            "Matyas",
            domain=_square(10.0),
            starts=((-8.0, 6.0), (9.0, 7.0)),
            minima=((0.0, 0.0, 0.0),),
            log=True,
            source="Matyas (1965), Automation and Remote Control 26(2), 246-253",
            formula=r"0.26 (x^2 + y^2) - 0.48 xy",
            summary="A shallow trough: hardly any slope along its floor.",
        ),
        _entry(
            rastrigin,
            "Rastrigin",
            domain=_square(5.12),
            starts=((-2.0, 3.5), (3.3, 2.7)),
            minima=((0.0, 0.0, 0.0),),
            source="Rastrigin (1974), Systems of extremal control",
            formula=r"20 + x^2 - 10 \cos 2 \pi x + y^2 - 10 \cos 2 \pi y",
            summary="An egg box: a hundred minima, one of them the lowest.",
        ),
        _entry(
            ackley,
            "Ackley",
            domain=_square(5.0),
            starts=((-3.7, 2.6), (2.5, 4.4)),
            minima=((0.0, 0.0, 0.0),),
            source="Ackley (1987), A Connectionist Machine for Genetic Hillclimbing",
            formula=r"-20 e^{-0.2 \sqrt{(x^2 + y^2) / 2}} - e^{(\cos 2 \pi x + \cos 2 \pi y) / 2} + e + 20",
            summary="A rippled plain around one deep hole with a sharp tip.",
        ),
        _entry(
            styblinski_tang,
            "Styblinski-Tang",
            domain=_square(5.0),
            starts=((0.0, 0.0), (4.0, -4.5)),
            minima=((-2.903534027771177, -2.903534027771177, -78.33233140754284),),
            local_minima=(
                (2.746802770990837, -2.903534027771177, -64.19561235905536),
                (-2.903534027771177, 2.746802770990837, -64.19561235905536),
                (2.746802770990837, 2.746802770990837, -50.05889331056789),
            ),
            source="Styblinski and Tang (1990), Neural Networks 3(4), 467-483",
            formula=r"\tfrac{1}{2} (x^4 - 16 x^2 + 5x + y^4 - 16 y^2 + 5y)",
            summary="Four minima of different depth, one in each quadrant.",
        ),
        _entry(
            three_hump_camel,
            "Three-hump camel",
            domain=_square(2.5),
            starts=((-2.0, 2.0), (2.2, 1.0)),
            minima=((0.0, 0.0, 0.0),),
            local_minima=(
                (-1.7475523458302888, 0.8737761729151444, 0.298638442236859),
                (1.7475523458302888, -0.8737761729151444, 0.298638442236859),
            ),
            log=True,
            source="Branin (1972), IBM Journal of Research and Development 16(5), 504-522",
            formula=r"2x^2 - 1.05 x^4 + \tfrac{1}{6} x^6 + xy + y^2",
            summary="Three valleys side by side; the middle one is the deepest.",
        ),
        _entry(
            six_hump_camel,
            "Six-hump camel",
            domain=((-2.0, 2.0), (-1.2, 1.2)),
            starts=((-1.9, 1.1), (0.0, 1.1)),
            minima=(
                (0.08984201310031806, -0.7126564030207396, -1.0316284534898774),
                (-0.08984201310031806, 0.7126564030207396, -1.0316284534898774),
            ),
            local_minima=(
                (-1.7036067149699805, 0.7960835686726251, -0.21546382438371792),
                (1.7036067149699805, -0.7960835686726251, -0.21546382438371792),
                (-1.6071047529201974, -0.5686514548841314, 2.1042503103112584),
                (1.6071047529201974, 0.5686514548841314, 2.1042503103112584),
            ),
            log=True,
            source="Branin (1972), IBM Journal of Research and Development 16(5), 504-522",
            formula=r"(4 - 2.1 x^2 + \tfrac{1}{3} x^4) x^2 + xy + (4 y^2 - 4) y^2",
            summary="Two lowest minima, and four that are not.",
        ),
        _entry(
            goldstein_price,
            "Goldstein-Price",
            domain=((-2.0, 2.0), (-3.0, 1.0)),
            starts=((1.5, 0.5), (-1.5, -0.5)),
            minima=((0.0, -1.0, 3.0),),
            local_minima=((-0.6, -0.4, 30.0), (1.8, 0.2, 84.0), (1.2, 0.8, 840.0)),
            log=True,
            source="Goldstein and Price (1971), Mathematics of Computation 25(115), 569-574",
            formula=r"\left(1 + (x + y + 1)^2 (19 - 14x + 3x^2 - 14y + 6xy + 3y^2)\right) \left(30 + (2x - 3y)^2 "
            r"(18 - 32x + 12x^2 + 48y - 36xy + 27y^2)\right)",
            summary="Values over six orders of magnitude, and four minima.",
        ),
        _entry(
            levy,
            "Levy",
            domain=_square(10.0),
            starts=((-8.0, 7.0), (6.0, -6.0)),
            minima=((1.0, 1.0, 0.0),),
            source="Levy and Montalvo (1985), SIAM J. Sci. Stat. Comput. 6(1), 15-29",
            formula=r"\sin^2 \pi u + (u - 1)^2 (1 + 10 \sin^2(\pi u + 1)) + (v - 1)^2 (1 + \sin^2 2 \pi v), "
            r"\quad u = 1 + \tfrac{x - 1}{4}, v = 1 + \tfrac{y - 1}{4}",
            summary="Waves across a valley: many local minima in a row.",
        ),
        _entry(
            griewank,
            "Griewank",
            domain=_square(10.0),
            starts=((-8.0, 5.0), (3.0, 7.5)),
            minima=((0.0, 0.0, 0.0),),
            source="Griewank (1981), J. of Optimization Theory and Applications 34(1), 11-39",
            formula=r"1 + \tfrac{x^2 + y^2}{4000} - \cos x \cos \tfrac{y}{\sqrt 2}",
            summary="Regular waves on a bowl so wide that it hardly shows.",
        ),
        _entry(
            mccormick,
            "McCormick",
            domain=((-1.5, 4.0), (-3.0, 4.0)),
            starts=((3.0, 3.0), (0.0, 2.0)),
            minima=((-0.5471975511965977, -1.547197551196598, -1.913222954981037),),
            local_minima=((2.594395102393196, 1.594395102393196, 1.228369698608756),),
            log=True,
            source="McCormick (1976), Mathematical Programming 10, 147-175",
            formula=r"\sin(x + y) + (x - y)^2 - 1.5x + 2.5y + 1",
            summary="A wave along a valley that goes on beyond the picture, lower every time.",
        ),
        _entry(
            easom,
            "Easom",
            domain=((-2.0, 8.0), (-2.0, 8.0)),
            starts=((4.6, 4.2), (1.2, 2.6), (6.5, 1.0)),
            minima=((pi, pi, -1.0),),
            source="Easom (1990), thesis, University of Louisville",
            formula=r"-\cos x \cos y \, e^{-(x - \pi)^2 - (y - \pi)^2}",
            summary="A needle hole in a plain without any slope.",
        ),
        _make_bowl(),
        _entry(
            saddle,
            "Saddle",
            domain=_square(2.0),
            starts=((-1.5, 0.01), (-1.5, 0.0)),
            source="the simplest stationary point that is no minimum; Dauphin et al. (2014), arXiv:1406.2572",
            formula=r"x^2 - y^2",
            summary="Down one way, up the other; it falls without end, so there is no minimum to reach.",
        ),
        _entry(
            monkey_saddle,
            "Monkey saddle",
            domain=_square(2.0),
            starts=((1.2, 0.4), (1.2, 0.0)),
            source="Hilbert and Cohn-Vossen (1952), Geometry and the Imagination, section 29",
            formula=r"x^3 - 3xy^2",
            summary="Three ways down: two for the legs and one for the tail. Its middle is flat to second order.",
        ),
        _entry(
            plateau,
            "Plateau",
            domain=_square(5.0),
            starts=((-3.0, 2.0), (-1.6, 1.0)),
            minima=((0.0, 0.0, 0.0),),
            source="an upturned Gaussian, after Bengio, Simard and Frasconi (1994) on gradients that vanish",
            formula=r"1 - e^{-(x^2 + y^2) / 2}",
            summary="A hole in a plain where the gradient all but vanishes.",
        ),
    )
}
