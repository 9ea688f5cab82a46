"""Lessons: experiments that show one thing each, with a question to answer before pressing Play.

Plain data. Lessons of one topic are the same experiment but for what the topic is about.
"""

from dataclasses import dataclass

from playground.spec import Experiment

_NOISY = "data=moons.60..0.4&opt=Adam.0.01&net=Linear.64~ReLU~"
_DEEP = "data=circle&opt=SGD.0.1&seed=2&net="
_SPIRAL = "data=spiral&batch=25&net=Linear.8~Tanh~Linear.8~Tanh~Linear.1"


@dataclass(frozen=True)
class Lesson:
    """One thing to see.

    Attributes:
        name: the word in the address bar.
        topic: what it belongs to.
        query: its experiment, as in the address bar.
        question: to answer before pressing Play, with `choices`, of which the one numbered `right` is right.
        notice: what to look at afterwards, and why it is so.
        epochs: after how many it is to be seen.
    """

    name: str
    topic: str
    title: str
    query: str
    question: str
    choices: tuple[str, ...]
    right: int
    notice: str
    epochs: int

    @property
    def experiment(self) -> Experiment:
        return Experiment.from_query(self.query)

    def address(self) -> dict[str, str]:
        """The words of the address bar that open the lesson."""
        return {**self.experiment.to_query(), "lesson": self.name}


LESSONS: dict[str, Lesson] = {
    lesson.name: lesson
    for lesson in (
        Lesson(
            "xor-line",
            "Hidden layers",
            "XOR without a hidden layer",
            "data=xor&opt=Adam.0.03&net=Linear.1",
            "Opposite quarters share a class. How far will the loss of a single unit fall?",
            ("nearly to 0", "to about half", "hardly at all"),
            2,
            "The surface is a plain slope: one unit draws one straight line, and no line parts opposite quarters. "
            "The loss stays near 0.69, which is the loss of a coin toss, however long it trains.",
            30,
        ),
        Lesson(
            "xor-hidden",
            "Hidden layers",
            "XOR with a hidden layer",
            "data=xor&opt=Adam.0.03&net=Linear.4~Tanh~Linear.1",
            "Four units and a bend come in between. What will the border between the classes look like?",
            ("a straight line", "two bent lines", "a circle"),
            1,
            "Each hidden unit draws a line of its own; the output adds them up. Look at the four small maps: their "
            "sum is the surface. Nearly all points are right.",
            30,
        ),
        Lesson(
            "vanishing-sigmoid",
            "Depth",
            "Five layers of sigmoids",
            _DEEP + "Linear.8~Sigmoid~" * 5 + "Linear.1",
            "Five hidden layers where one would do. Will it learn the circle faster, slower, or hardly at all?",
            ("faster", "slower", "hardly at all"),
            2,
            "Open Health: the gradient of the first layer is a thousandth of the last one's, or less. A sigmoid's "
            "slope is at most 1/4, and the backward pass multiplies one of them in for every layer.",
            40,
        ),
        Lesson(
            "vanishing-relu",
            "Depth",
            "The same depth with ReLU",
            _DEEP + "Linear.8~ReLU~" * 5 + "Linear.1",
            "The sigmoids become ReLUs; all else stays. What happens to the gradient of the first layer?",
            ("it stays as small", "it gets through", "it explodes"),
            1,
            "Where a ReLU is on, its slope is exactly 1, so the gradient passes unchanged. The circle is learned "
            "within a few epochs. In Health, compare the gradient norms with those of the sigmoids.",
            40,
        ),
        Lesson(
            "batch-norm",
            "Depth",
            "Sigmoids rescued by batch norm",
            _DEEP + "Linear.8~BatchNorm1d~Sigmoid~" * 5 + "Linear.1",
            "A batch norm before each sigmoid, and nothing else. Does the network with five sigmoid layers learn now?",
            ("no, the sigmoids are still there", "yes"),
            1,
            "Batch norm brings what goes into each sigmoid to mean 0 and variance 1 over the batch, where its slope "
            "is largest and its values differ. The gradient arrives, and the circle is learned.",
            40,
        ),
        Lesson(
            "large-step",
            "Step size",
            "Too large a step",
            "data=plane&opt=SGD.3.0&loss=MSELoss&net=Linear.8~ReLU~Linear.8~ReLU~Linear.1",
            "A tilted plane is the easiest thing to learn. With a learning rate of 3, how long will it take?",
            ("a few steps", "a few epochs", "it never gets there"),
            2,
            "Every step jumps over the valley to a place that is steeper still, so the next jump is larger: the "
            "loss explodes within some steps. The advice under the picture takes a tenth of the rate; press it.",
            1,
        ),
        Lesson(
            "small-step",
            "Step size",
            "A step that fits",
            "data=plane&opt=SGD.0.03&loss=MSELoss&net=Linear.8~ReLU~Linear.8~ReLU~Linear.1",
            "The same network and data with a learning rate of 0.03. How many epochs until R² is above 0.9?",
            ("fewer than 10", "about 100", "it never gets there"),
            0,
            "Small enough not to jump over the valley, large enough to arrive: a hundredth of the rate turns an "
            "explosion into a run that is done in a few epochs.",
            10,
        ),
        Lesson(
            "overfitting",
            "Overfitting",
            "Learning by heart",
            _NOISY + "Linear.64~ReLU~Linear.1",
            "30 noisy points and 4,417 parameters. The training loss will fall; what will the validation loss do?",
            ("fall as well", "fall, then rise", "stay level"),
            1,
            "The two curves part: the surface bends around single points, and every bend that fits a stray point is "
            "wrong for new ones. The best network was there at the lowest point of the dashed curve.",
            100,
        ),
        Lesson(
            "dropout",
            "Overfitting",
            "The same with dropout",
            _NOISY + "Dropout~Linear.64~ReLU~Dropout~Linear.1",
            "Dropout silences half of the units at every step. How high will the validation loss be after 100 epochs?",
            ("higher", "about as high", "lower"),
            2,
            "No unit can rely on another one, so the network cannot bend around single points as easily: the border "
            "is smoother, and the validation loss rises much less.",
            100,
        ),
        Lesson(
            "early-stopping",
            "Overfitting",
            "The same, stopped early",
            _NOISY + "Linear.64~ReLU~Linear.1&patience=20",
            "The run stops when the validation loss has not fallen for 20 epochs. Which weights does it keep?",
            ("those of the last epoch", "those of the best epoch", "their mean"),
            1,
            "It stops by itself and takes back the weights of the epoch with the lowest validation loss: the line "
            "under the picture says which. That is the network before it began to learn by heart.",
            100,
        ),
        Lesson(
            "sgd",
            "Optimizers",
            "SGD on the spiral",
            _SPIRAL + "&opt=SGD.0.03",
            "Plain gradient descent with a rate of 0.03. Will the spiral be learned within 100 epochs?",
            ("yes", "no"),
            1,
            "Every weight takes its step in proportion to its gradient, and on the long plateau at the start all "
            "gradients are tiny. Note the loss at epoch 100, then open the next lesson: it starts from the same "
            "weights.",
            100,
        ),
        Lesson(
            "adam",
            "Optimizers",
            "Adam from the same weights",
            _SPIRAL + "&opt=Adam.0.03",
            "The same weights, batches and rate, but Adam. Where will the loss be after 100 epochs?",
            ("about the same", "far lower", "higher"),
            1,
            "Adam divides each weight's step by the usual size of its gradient, so small gradients still move. In "
            "Health, choose a weight and compare its m and v: the step is about lr · m / √v.",
            100,
        ),
    )
}
