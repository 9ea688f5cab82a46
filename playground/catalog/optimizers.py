"""Every `torch.optim` class that trains a dense network, with torch's names and defaults.

Muon takes matrices only (a dense network has bias vectors), and SparseAdam sparse gradients only: both stay out.
"""

from dataclasses import dataclass

from playground.catalog.base import Entry, Param

DOC = "https://docs.pytorch.org/docs/stable/generated/"


@dataclass(frozen=True)
class OptimizerEntry(Entry):
    """An optimizer.

    Attributes:
        fused: whether `fused=True` is faster on the CPU too; it is then named wherever the optimizer is built.
        closure: whether `step` evaluates the loss itself, several times.
        elementwise: whether every number is stepped for itself, so that many points can be rows of one tensor.
        race_lr: a learning rate that suits Rosenbrock's valley, or 0 where the default does.
        restarts: arguments that are read when the state begins; changing one begins the state anew.
    """

    fused: bool = False
    closure: bool = False
    elementwise: bool = True
    race_lr: float = 0.0
    restarts: tuple[str, ...] = ()


def _lr(default: float) -> Param:
    return Param("lr", "float", default, 0.0, 1e6, "How far one step goes.", scale="log", label="learning rate")


def _decay(default: float = 0.0) -> Param:
    return Param(
        "weight_decay",
        "float",
        default,
        0.0,
        10.0,
        "Pulls every weight towards 0: this times the weight is added to its gradient (AdamW: taken off directly).",
        scale="log",
    )


def _momentum(default: float = 0.0) -> Param:
    return Param("momentum", "float", default, 0.0, 0.9999, "Share of the last step that is kept.")


_BETAS = Param(
    "betas",
    "pair",
    (0.9, 0.999),
    0.0,
    0.999999,
    "How slowly the means of the gradient and of its square forget.",
)
_AMSGRAD = Param("amsgrad", "bool", False, help="Divide by the largest mean square so far instead of the present one.")


def _eps(default: float = 1e-8) -> Param:
    return Param("eps", "float", default, 1e-16, 1.0, "Keeps the division away from 0.", scale="log")


OPTIMIZERS: dict[str, OptimizerEntry] = {
    entry.name: entry
    for entry in (
        OptimizerEntry(
            "SGD",
            "torch.optim.SGD",
            (
                _lr(1e-3),
                _momentum(),
                Param("dampening", "float", 0.0, 0.0, 1.0, "Share of the new gradient that momentum leaves out."),
                _decay(),
                Param("nesterov", "bool", False, help="Look ahead along the momentum (needs momentum above 0)."),
            ),
            r"b \leftarrow \mu b + g, \quad w \leftarrow w - \eta b",
            "Straight down the gradient, with momentum if you like.",
            DOC + "torch.optim.SGD.html",
            race_lr=0.001,
        ),
        OptimizerEntry(
            "Adam",
            "torch.optim.Adam",
            (_lr(1e-3), _BETAS, _eps(), _decay(), _AMSGRAD),
            r"w \leftarrow w - \eta \frac{\hat m}{\sqrt{\hat v} + \epsilon}",
            "Every weight has its own step: the mean gradient over the root of the mean square.",
            DOC + "torch.optim.Adam.html",
            race_lr=0.02,
            restarts=("amsgrad",),
            fused=True,
        ),
        OptimizerEntry(
            "AdamW",
            "torch.optim.AdamW",
            (_lr(1e-3), _BETAS, _eps(), _decay(0.01), _AMSGRAD),
            r"w \leftarrow (1 - \eta \lambda) w - \eta \frac{\hat m}{\sqrt{\hat v} + \epsilon}",
            "Adam with the weight decay kept apart from the gradient.",
            DOC + "torch.optim.AdamW.html",
            race_lr=0.02,
            restarts=("amsgrad",),
            fused=True,
        ),
        OptimizerEntry(
            "RMSprop",
            "torch.optim.RMSprop",
            (
                _lr(1e-2),
                Param("alpha", "float", 0.99, 0.0, 0.99999, "How slowly the mean square forgets."),
                _eps(),
                _decay(),
                _momentum(),
                Param("centered", "bool", False, help="Take the squared mean off the mean square."),
            ),
            r"w \leftarrow w - \eta \frac{g}{\sqrt{v} + \epsilon}",
            "The gradient over the root of its recent mean square.",
            DOC + "torch.optim.RMSprop.html",
            race_lr=0.01,
            restarts=("momentum", "centered"),
        ),
        OptimizerEntry(
            "Adagrad",
            "torch.optim.Adagrad",
            (
                _lr(1e-2),
                Param("lr_decay", "float", 0.0, 0.0, 1.0, "How fast the step shrinks with time."),
                _decay(),
                Param("initial_accumulator_value", "float", 0.0, 0.0, 100.0, "Where the sum of squares starts."),
                _eps(1e-10),
            ),
            r"w \leftarrow w - \eta \frac{g}{\sqrt{\sum g^2} + \epsilon}",
            "Steps shrink with the sum of all squared gradients so far.",
            DOC + "torch.optim.Adagrad.html",
            race_lr=0.5,
            restarts=("initial_accumulator_value",),
        ),
        OptimizerEntry(
            "Adadelta",
            "torch.optim.Adadelta",
            (
                _lr(1.0),
                Param("rho", "float", 0.9, 0.0, 0.99999, "How slowly the means forget."),
                _eps(1e-6),
                _decay(),
            ),
            r"w \leftarrow w - \eta \frac{\sqrt{u + \epsilon}}{\sqrt{v + \epsilon}} g",
            "Sets its own step from how large the last steps were.",
            DOC + "torch.optim.Adadelta.html",
        ),
        OptimizerEntry(
            "Adamax",
            "torch.optim.Adamax",
            (_lr(2e-3), _BETAS, _eps(), _decay()),
            r"w \leftarrow w - \frac{\eta}{1 - \beta_1^t} \frac{m}{u}",
            "Adam with the largest recent gradient in place of the mean square.",
            DOC + "torch.optim.Adamax.html",
            race_lr=0.5,
        ),
        OptimizerEntry(
            "NAdam",
            "torch.optim.NAdam",
            (
                _lr(2e-3),
                _BETAS,
                _eps(),
                _decay(),
                Param(
                    "momentum_decay",
                    "float",
                    4e-3,
                    0.0,
                    1.0,
                    "How the momentum grows with time.",
                    scale="log",
                ),
            ),
            r"w \leftarrow w - \eta \frac{\mu_{t+1} \hat m + (1 - \mu_t) \hat g}{\sqrt{\hat v} + \epsilon}",
            "Adam that looks ahead along its momentum.",
            DOC + "torch.optim.NAdam.html",
            race_lr=0.02,
        ),
        OptimizerEntry(
            "RAdam",
            "torch.optim.RAdam",
            (_lr(1e-3), _BETAS, _eps(), _decay()),
            r"w \leftarrow w - \eta \, r_t \frac{\hat m}{\sqrt{\hat v} + \epsilon}",
            "Adam that waits with its own steps until the mean square can be trusted.",
            DOC + "torch.optim.RAdam.html",
            race_lr=0.005,
        ),
        OptimizerEntry(
            "Rprop",
            "torch.optim.Rprop",
            (
                _lr(1e-2),
                Param(
                    "etas",
                    "pair",
                    (0.5, 1.2),
                    0.01,
                    10.0,
                    "Factors for a step that changed its sign, or did not.",
                ),
                Param("step_sizes", "pair", (1e-6, 50.0), 1e-12, 1000.0, "The least and the largest step."),
            ),
            r"w \leftarrow w - s \cdot \text{sign}(g)",
            "Only the sign of the gradient counts: meant for full batches.",
            DOC + "torch.optim.Rprop.html",
            restarts=("lr",),
        ),
        OptimizerEntry(
            "ASGD",
            "torch.optim.ASGD",
            (
                _lr(1e-2),
                Param("lambd", "float", 1e-4, 0.0, 1.0, "Decay of the weights.", scale="log"),
                Param("alpha", "float", 0.75, 0.0, 2.0, "Power with which the step shrinks."),
                Param("t0", "float", 1e6, 0.0, 1e9, "The step from which weights are averaged.", scale="log"),
                _decay(),
            ),
            r"w \leftarrow (1 - \lambda \eta_t) w - \eta_t g",
            "SGD with shrinking steps that also averages its weights.",
            DOC + "torch.optim.ASGD.html",
            race_lr=0.001,
        ),
        OptimizerEntry(
            "Adafactor",
            "torch.optim.Adafactor",
            (
                _lr(1e-2),
                Param(
                    "beta2_decay",
                    "float",
                    -0.8,
                    -2.0,
                    0.0,
                    "Power with which the mean square starts to remember.",
                ),
                Param("d", "float", 1.0, 1.0, 100.0, "The largest root mean square of one update."),
                _decay(),
            ),
            r"w \leftarrow w - \rho_t \frac{g}{\sqrt{r c}}",
            "Keeps row and column means of the squares instead of all of them, to save memory.",
            DOC + "torch.optim.Adafactor.html",
            race_lr=1.0,
            elementwise=False,
            twin=False,
        ),
        OptimizerEntry(
            "LBFGS",
            "torch.optim.LBFGS",
            (
                _lr(1.0),
                Param("max_iter", "int", 20, 1, 100, "Inner iterations of one step, each one a gradient."),
                Param("history_size", "int", 100, 1, 200, "How many past steps shape the next."),
                Param(
                    "line_search_fn",
                    "choice",
                    None,
                    choices=(None, "strong_wolfe"),
                    help="Search along the step until the loss has really fallen.",
                ),
            ),
            r"w \leftarrow w - \eta H^{-1} g",
            "Learns the curvature from past gradients. Best with full batches.",
            DOC + "torch.optim.LBFGS.html",
            restarts=("max_iter", "history_size", "line_search_fn"),
            closure=True,
            elementwise=False,
            twin=False,
        ),
    )
}
