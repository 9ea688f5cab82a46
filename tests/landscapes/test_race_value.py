"""The race as a value: its address, its script, and a step of every optimizer worked out with its numbers."""

import subprocess
import sys

import numpy as np
import pytest

from playground.autograd.expression import parse
from playground.catalog import OPTIMIZERS
from playground.landscapes import LANDSCAPES, Racer, race
from playground.landscapes.script import to_script
from playground.landscapes.spec import RacerSpec, RaceSpec
from playground.landscapes.worked import RULES, numbers, rule
from playground.parts import Args


def texts(*racers):
    return tuple(RacerSpec.from_text(text) for text in racers)


OTHERS = [
    RaceSpec(),
    RaceSpec.of(landscape="bowl", args=Args(condition=7.0), start=(1.0, 0.5), steps=40, shared_lr=0.02),
    RaceSpec.of(
        landscape="levy",
        racers=texts("LBFGS.1.0", "Adam.0.1~clip.1.0~ReduceLROnPlateau", "SGD.0.01~OneCycleLR.0.1..20"),
        steps=30,
        budget="gradients",
        tolerance=0.5,
    ),
    RaceSpec.of(
        landscape="expression",
        expression="h = x*2; exp(2)/(1 + h**2) + max(y, 0.5)**2 + 2**y - x/3 + softplus(-x)",
        args=Args(extent=2.0),
        racers=texts("Adam.0.1"),
        steps=25,
    ),
    RaceSpec.of(landscape="ackley", steps=10),
    RaceSpec.of(landscape="griewank", steps=10, racers=texts("LBFGS.0.5~clip.1.0")),
]


@pytest.mark.parametrize("wanted", OTHERS, ids=lambda wanted: wanted.landscape)
def test_the_address_gives_the_race_back(wanted):
    assert RaceSpec.from_query(wanted.to_query()) == wanted


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_has_an_address(name):
    wanted = RaceSpec.of(racers=(RacerSpec.of_class(name),))
    assert RaceSpec.from_query(wanted.to_query()) == wanted


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"race": "Foo.1"}, "'Foo'"),
        ({"race": "~~".join(["SGD"] * 99)}, "99 racers"),
        ({"race": "SGD.0.0"}, "lr is 0.0"),
        ({"on": "mars"}, "'mars'"),
        ({"on": "expression", "expr": "x"}, "no y"),
        ({"start": "nan_1"}, "finite"),
        ({"start": "1"}, "two numbers"),
        ({"steps": "0"}, "steps is 0"),
        ({"steps": "1000000"}, "1,000,000"),
        ({"place": "z.1"}, "'z'"),
        ({"lr": "-1"}, "-1.0"),
        ({"v": "9"}, "version"),
        ({"expr": "x" * 9_999}, "characters"),
    ],
)
def test_a_bad_address_is_refused_in_a_sentence(query, words):
    with pytest.raises(ValueError, match=r".+") as caught:
        RaceSpec.from_query(query)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_value_needs_no_torch():
    code = "import sys, playground.landscapes.spec, playground.landscapes.script as s\n"
    code += "s.to_script(playground.landscapes.spec.RaceSpec()); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_one_rate_for_all():
    assert {racer.lr for racer in RaceSpec(shared_lr=0.5).field()} == {0.5}
    assert [racer.lr for racer in RaceSpec().field()] == [1e-3, 1e-3, 1e-2, 1e-2]


def test_the_scripts_print_the_same_final_losses(tmp_path):
    """All scripts in one process, one after the other: torch is imported once."""
    files = []
    for number, wanted in enumerate(OTHERS):
        files.append(tmp_path / f"race{number}.py")
        files[-1].write_text(to_script(wanted), "utf-8")
    code = "import runpy, sys\nfor name in sys.argv[1:]:\n    runpy.run_path(name)"
    done = subprocess.run([sys.executable, "-c", code, *map(str, files)], capture_output=True, text=True, check=True)
    printed = iter(done.stdout.splitlines())
    for wanted in OTHERS:
        for trail in race(wanted.place, wanted.field(), wanted.begin, wanted.steps):
            assert next(printed) == f"{trail.racer.label} {trail.loss[-1]!r}".replace("np.float64(", "").rstrip(")")
    assert next(printed, None) is None


VARIANTS = [
    *(Racer(name, OPTIMIZERS[name].race_lr or 0.05) for name in OPTIMIZERS),
    Racer("LBFGS", 1.0, {"line_search_fn": "strong_wolfe"}),
    Racer("LBFGS", 0.1, {"max_iter": 3}),
    Racer("SGD", 1e-3, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    Racer("Adam", 0.1, {"amsgrad": True, "weight_decay": 0.1}),
    Racer("AdamW", 0.1, {"weight_decay": 0.3}),
    Racer("RMSprop", 0.01, {"momentum": 0.5, "centered": True}),
    Racer("RMSprop", 0.01, {"centered": True}),
    Racer("Adagrad", 0.3, {"lr_decay": 0.1}),
    Racer("Adam", 0.02, {}, ("StepLR", {"step_size": 4}), clip=1.0),
]


@pytest.mark.parametrize("racer", VARIANTS, ids=lambda racer: racer.label)
def test_the_worked_step_gives_the_next_point(racer):
    """The rule as text, with the numbers put in, is what torch did."""
    [trail] = race(LANDSCAPES["rosenbrock"], [racer], (-1, 1), 12)
    program, known = parse(rule(racer)), numbers(trail)
    for step in range(12):
        for axis in (0, 1):
            values = {}
            for name in program.names:
                column = known[name]
                values[name] = column if column.ndim == 0 else column[step] if column.ndim == 1 else column[step, axis]
            if values.get("v") == 0 or values.get("v_hat") == 0:
                continue
            assert program(**values) == pytest.approx(trail.path[step + 1, axis], rel=1e-9, abs=1e-12)


def test_every_optimizer_has_a_rule():
    assert set(OPTIMIZERS) == set(RULES)


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
@pytest.mark.parametrize("start", [(1.0, 1.0), (-1.2, 0.7), (0.5, 0.5)])
def test_the_last_inner_step_of_lbfgs_begins_where_torch_has_been(search, start):
    """With one inner step per step, it begins at the step's own point; where torch rests, nothing is added."""
    [trail] = race(
        LANDSCAPES["rosenbrock"], [Racer("LBFGS", 0.5, {"max_iter": 1, "line_search_fn": search})], start, 30
    )
    known = numbers(trail)
    np.testing.assert_allclose(known["p"] + known["a"][:, None] * known["d"], trail.path[1:], rtol=1e-9, atol=1e-12)
    moved = known["a"] > 0
    np.testing.assert_array_equal(known["p"][moved], trail.path[:-1][moved])
    np.testing.assert_array_equal(moved, (trail.path[1:] != trail.path[:-1]).any(1))
