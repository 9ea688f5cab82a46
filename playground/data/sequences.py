"""Sequences: numbers, bits and characters in an order that matters.

Every function stands alone: exported scripts carry its source.
"""

import numpy as np


def wave(n: int, steps: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Windows of sines, each with a frequency and a phase of its own: (n, steps, 1), and the value that follows.

    sin(p + w t) + normal noise of standard deviation `noise`, t = 0, 1, ..., steps; w ~ U(0.2, 0.6) radians per step
    and p ~ U(0, 2 pi). The last value is the target.
    """
    frequency, phase = rng.uniform(0.2, 0.6, (n, 1)), rng.uniform(0, 2 * np.pi, (n, 1))
    values = np.sin(phase + frequency * np.arange(steps + 1)) + rng.normal(0, noise, (n, steps + 1))
    return values[:, :-1, np.newaxis], values[:, -1]


def parity(n: int, steps: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Strings of bits: (n, steps, 1), 0 or 1; the class is 1 where the number of ones is odd.

    No string comes twice as long as there are enough: then validation asks for strings that were never seen.
    """
    drawn = rng.choice(2**steps, n, replace=n > 2**steps)
    bits = drawn[:, np.newaxis] >> np.arange(steps) & 1
    return bits[:, :, np.newaxis].astype(np.float64), bits.sum(axis=1) % 2


def adding(n: int, steps: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The adding problem (Hochreiter and Schmidhuber, 1997): (n, steps, 2), and the sum of two marked numbers.

    The first of the two columns holds numbers ~ U(0, 1), the second a 1 at two places, one in each half, and 0
    elsewhere. Always saying 1 has a mean squared error of 1/6.
    """
    numbers, marks, rows = rng.uniform(0, 1, (n, steps)), np.zeros((n, steps)), np.arange(n)
    marks[rows, rng.integers(0, steps // 2, n)] = 1
    marks[rows, rng.integers(steps // 2, steps, n)] = 1
    return np.stack([numbers, marks], axis=2), (numbers * marks).sum(axis=1)


def characters(n: int, steps: int, encoding: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The first n windows of a text, and the character that follows each: its place in the sorted vocabulary.

    As 'tokens' (n, steps) these are whole numbers, for an Embedding; as 'one_hot' (n, steps, 30) rows with a single 1.
    Windows overlap, so they are split by their place in the text and not at random; `rng` is not needed.
    """
    text = (
        "a network begins with numbers drawn at random, and so its first answer is a guess.\n"
        "the loss says how far the guess is from the truth, in one number.\n"
        "then the question is asked backwards. for every weight, would a little more make the loss larger or smaller.\n"
        "the answer is the gradient, and it is found by the chain rule, one layer after another, from the last to the "
        "first.\n"
        "the optimizer takes a small step against it, and the next guess is a little better.\n"
        "a step that is too long jumps over the valley, and a step that is too short never gets there.\n"
        "this is done a thousand times, and nothing else is done. it is quite a plain way to learn.\n"
        "\n"
        "a wide network can keep every example in its memory, the way a lazy pupil knows the answers by heart.\n"
        "so some of the examples are put aside, and the network never trains on them.\n"
        "as long as both losses fall, it learns the rule. when only one of them falls, it learns the list.\n"
        "dropout, a penalty on large weights, and more data are the usual cures, and an early stop is the cheapest.\n"
        "\n"
        "a picture is more than a row of pixels, since its neighbours belong together.\n"
        "a convolution looks through a small window and moves it over the whole picture.\n"
        "what it has found in one corner, it knows in every other corner too.\n"
        "the first layer finds edges, the next one finds corners and curves, and the last one finds a zero or a six.\n"
        "\n"
        "a sentence has an order, and a word means what the words before it have made of it.\n"
        "a recurrent network reads one character after another and keeps what it needs in a state.\n"
        "the state is a vector of a fixed size, however long the sentence is, so it must forget something.\n"
        "gates decide what is kept, what is written and what is shown. they are learned like everything else.\n"
        "attention does not forget. it looks back at every character and asks each one how much it matters.\n"
        "\n"
        "when the loss becomes a number that is no number, look at the learning rate before you look at the code.\n"
        "when the loss does not move at all, look at the data first, then at the labels, and then at the data again.\n"
        "when it works at once, be suspicious, and look for an example that sits on both sides of the split.\n"
        "write down the seed. a result that nobody can make again is a story, just not a result.\n"
    )
    vocabulary = sorted(set(text))
    numbers = np.array([vocabulary.index(character) for character in text])
    windows = np.lib.stride_tricks.sliding_window_view(numbers, steps + 1)[:n]
    inputs, following = windows[:, :-1].copy(), windows[:, -1].copy()
    return (inputs if encoding == "tokens" else np.eye(len(vocabulary))[inputs]), following
