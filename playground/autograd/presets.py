"""Programs to begin with, each with values and the derivative that is known for it."""

from dataclasses import dataclass, field

Value = float | tuple[float, ...]


@dataclass(frozen=True)
class Preset:
    """A program worth looking at.

    Attributes:
        derivatives: of the (summed) output by each input, as programs of the same language.
        otherwise: the program of the other side of `if x > 0`; "" without a branch.
        note: what to look for, in a sentence.
    """

    title: str
    text: str
    values: dict[str, Value]
    derivatives: dict[str, str]
    note: str
    otherwise: str = ""
    otherwise_derivatives: dict[str, str] = field(default_factory=dict)


PRESETS: dict[str, Preset] = {
    "square": Preset(
        "x**2 at 3",
        "x**2",
        {"x": 3.0},
        {"x": "2*x"},
        "One operation, one local derivative: 2x.",
    ),
    "polynomial": Preset(
        "x**2 + 2x + 1 at 2",
        "x**2 + 2*x + 1",
        {"x": 2.0},
        {"x": "2*x + 2"},
        "Two paths lead back to x, and their contributions add up.",
    ),
    "chain": Preset(
        "((x**2)+1)*3 at 2",
        "((x**2)+1)*3",
        {"x": 2.0},
        {"x": "6*x"},
        "One path: the local derivatives are multiplied along it.",
    ),
    "shift": Preset(
        "((x+3)**2)-4 at 2",
        "((x+3)**2)-4",
        {"x": 2.0},
        {"x": "2*(x + 3)"},
        "A sum passes the gradient on unchanged; a constant gets none.",
    ),
    "vector": Preset(
        "mean((2x)**2) at [1, 2, 3]",
        "mean((2*x)**2)",
        {"x": (1.0, 2.0, 3.0)},
        {"x": "8*x/3"},
        "A vector: every element has its own gradient, and the mean divides it by 3.",
    ),
    "neuron": Preset(
        "sigmoid(w*x + b), squared error",
        "y = sigmoid(w*x + b)\n(y - t)**2",
        {"w": 0.5, "x": 2.0, "b": -0.5, "t": 1.0},
        {
            "w": "y = sigmoid(w*x + b)\n2*(y - t)*y*(1 - y)*x",
            "x": "y = sigmoid(w*x + b)\n2*(y - t)*y*(1 - y)*w",
            "b": "y = sigmoid(w*x + b)\n2*(y - t)*y*(1 - y)",
            "t": "2*(t - sigmoid(w*x + b))",
        },
        "A neuron. Make w large: the sigmoid saturates, and nearly nothing flows back.",
    ),
    "rosenbrock": Preset(
        "Rosenbrock's valley",
        "(1 - x)**2 + 100*(y - x**2)**2",
        {"x": -1.0, "y": 0.5},
        {"x": "-2*(1 - x) - 400*x*(y - x**2)", "y": "200*(y - x**2)"},
        "x is used twice, and the 100 makes one side of the valley steep.",
    ),
    "twice": Preset(
        "A leaf used twice",
        "x*x + sin(x)",
        {"x": 2.0},
        {"x": "2*x + cos(x)"},
        "Three edges leave x, so its gradient is a sum of three: that is what += in a backward is for.",
    ),
    "network": Preset(
        "A two-layer network",
        "h1 = tanh(w1*x + b1)\nh2 = tanh(w2*x + b2)\ny = v1*h1 + v2*h2\n(y - t)**2",
        {"w1": 1.0, "x": 0.5, "b1": 0.25, "w2": -1.5, "b2": 0.5, "v1": 1.0, "v2": -1.0, "t": 1.0},
        {
            "w1": "y = v1*tanh(w1*x + b1) + v2*tanh(w2*x + b2)\n2*(y - t)*v1*(1 - tanh(w1*x + b1)**2)*x",
            "w2": "y = v1*tanh(w1*x + b1) + v2*tanh(w2*x + b2)\n2*(y - t)*v2*(1 - tanh(w2*x + b2)**2)*x",
            "b1": "y = v1*tanh(w1*x + b1) + v2*tanh(w2*x + b2)\n2*(y - t)*v1*(1 - tanh(w1*x + b1)**2)",
            "b2": "y = v1*tanh(w1*x + b1) + v2*tanh(w2*x + b2)\n2*(y - t)*v2*(1 - tanh(w2*x + b2)**2)",
            "v1": "y = v1*tanh(w1*x + b1) + v2*tanh(w2*x + b2)\n2*(y - t)*tanh(w1*x + b1)",
            "v2": "y = v1*tanh(w1*x + b1) + v2*tanh(w2*x + b2)\n2*(y - t)*tanh(w2*x + b2)",
            "t": "2*(t - v1*tanh(w1*x + b1) - v2*tanh(w2*x + b2))",
            "x": "p = tanh(w1*x + b1)\nq = tanh(w2*x + b2)\n2*(v1*p + v2*q - t)*(v1*(1 - p**2)*w1 + v2*(1 - q**2)*w2)",
        },
        "Backpropagation: the error at the output flows to every weight in one walk.",
    ),
    "branch": Preset(
        "A branch: if x > 0",
        "x**2",
        {"x": 1.5},
        {"x": "2*x"},
        "Two programs, but only the one that ran is recorded. Take x below 0.",
        otherwise="-3*x",
        otherwise_derivatives={"x": "-3"},
    ),
    "detach": Preset(
        "detach and no_grad",
        "a = x*y\ndetach(a)*x + no_grad(2*y)*x",
        {"x": 2.0, "y": 3.0},
        {"x": "x*y + 2*y"},
        "The dashed parts are computed but not recorded: no gradient reaches y.",
    ),
}
