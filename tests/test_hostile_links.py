"""Links and specs from anywhere: each is read, and says the same again, or refused with one sentence."""

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from playground.autograd.study import WORDS as STUDY_WORDS
from playground.autograd.study import Study
from playground.catalog import DATASETS, LAYERS, LOSSES, OPTIMIZERS, SCHEDULERS
from playground.landscapes.spec import WORDS as RACE_WORDS
from playground.landscapes.spec import RaceSpec
from playground.parity.spec import WORD as PARITY_WORD
from playground.parity.spec import ParitySpec
from playground.parts import sentence
from playground.spec import KNOWN_WORDS, Experiment
from playground.teaching import WORDS as TEACHING_WORDS
from playground.teaching import Teaching

READERS: dict[str, tuple[Callable[[Mapping[str, str]], Any], tuple[str, ...]]] = {
    "Train": (Experiment.from_query, tuple(sorted(KNOWN_WORDS))),
    "Autograd": (Study.from_query, tuple(sorted(STUDY_WORDS))),
    "Optimizers": (RaceSpec.from_query, tuple(sorted(RACE_WORDS))),
    "NumPy vs PyTorch": (ParitySpec.from_query, tuple(PARITY_WORD.values())),
    "a teacher's": (Teaching.from_query, TEACHING_WORDS),
}
NAMES = [*DATASETS, *LAYERS, *LOSSES, *OPTIMIZERS, *SCHEDULERS, "program", "network", "training", "expression"]
NUMBERS = ["0", "-0", "1", "-1", "3.5", "1e308", "1e309", "nan", "inf", "9" * 30, "1_0", "٣", "0x1", "1e-320", "", " "]
HOSTILE = [
    "<script>",
    "__class__",
    "None",
    "\x00",
    "\u202e",
    "💥",
    "%00",
    "{}",
    "'--",
    "x+y",
    "x = y\ny",
    "(" * 50,
    "a" * 3000,
]
PIECES = st.one_of(st.sampled_from(NAMES), st.sampled_from(NUMBERS), st.sampled_from(HOSTILE), st.text(max_size=8))
TEXTS = (
    st.builds(
        lambda parts, separators: "".join(part + separator for part, separator in zip(parts, separators, strict=False)),
        st.lists(PIECES, min_size=1, max_size=6),
        st.lists(st.sampled_from([".", "..", "~", "~~", "_", ":", "-", "", "\n", ","]), min_size=6, max_size=6),
    )
    | PIECES
)


def refused(error: Exception) -> None:
    """Whether a refusal is one sentence that can be shown."""
    text = str(error)
    assert text.endswith((".", "?")), text
    assert len(text) < 700, f"{len(text)} characters: {text[:100]}"
    assert "\n" not in text, text
    assert "Traceback" not in text
    assert "pydantic" not in text


@pytest.mark.parametrize("page", READERS)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_link_is_read_or_refused_with_one_sentence(page, data):
    read, words = READERS[page]
    query = data.draw(st.dictionaries(st.sampled_from(words), TEXTS, max_size=4))
    try:
        value = read(query)
    except ValueError as error:
        assert not isinstance(error, ValidationError), "pydantic's own words are no sentence"
        refused(error)
        return
    assert read(value.to_query()) == value


@pytest.mark.parametrize("page", READERS)
@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_word_alone_harms_no_page(page, text):
    read, words = READERS[page]
    for word in words:
        try:
            read({word: text})
        except ValueError as error:
            refused(error)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([*NAMES, *HOSTILE]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "args", "lr", "n"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*Experiment.model_fields, "extra"]), JSON, max_size=4))
@example({"layers": []})
@example({"data": {"name": "spiral", "args": {"n": 10**30}}})
@example({"layers": [{"name": "Linear", "args": {"out_features": 10**9}}] * 3})
@example({"optimizer": {"name": "Adam", "args": {"lr": float("nan")}}})
def test_any_spec_is_read_or_refused_with_one_sentence(fields):
    try:
        experiment = Experiment.of(**fields)
    except ValueError as error:
        refused(error)
        return
    assert Experiment.from_query(experiment.to_query()) == experiment


@given(st.text(max_size=200) | st.binary(max_size=200))
@example("[" * 10_000)
@example('{"seed": 1' + "0" * 5_000 + "}")
def test_what_is_no_json_is_no_spec(text):
    with contextlib.suppress(ValueError, RecursionError):
        assume(not isinstance(json.loads(text), dict))
    with pytest.raises(ValidationError) as said:
        Experiment.model_validate_json(text)
    assert len(sentence(said.value)) < 700
