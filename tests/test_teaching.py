"""A teacher's link: it says what it says, whatever is written in it, and fixes what it locks."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.autograd.study import WORDS as AUTOGRAD_WORDS
from playground.landscapes.spec import WORDS as RACE_WORDS
from playground.limits import LIMITS
from playground.parity.spec import WORD as PARITY_WORD
from playground.spec import KNOWN_WORDS, Experiment, LossSpec
from playground.teaching import CONTROLS, LOCKABLE, WORDS, Teaching, cleaned

SUBSETS = st.lists(st.sampled_from(list(CONTROLS)), unique=True)
LOCKS = st.lists(st.sampled_from(LOCKABLE), unique=True)


@given(st.text(max_size=LIMITS.max_task), SUBSETS, LOCKS)
def test_whatever_is_typed_comes_out_of_the_link_as_it_went_in(task, hide, lock):
    teaching = Teaching.of(task=task, hide=tuple(hide), lock=tuple(lock))
    assert Teaching.from_query(teaching.to_query()) == teaching
    assert set(teaching.hide) == set(hide)
    assert set(teaching.lock) == set(lock)


@given(st.text())
def test_no_character_that_steers_the_page_is_left_in_a_task(text):
    seen = cleaned(text)
    assert cleaned(seen) == seen
    assert "\n\n\n" not in seen
    for char in seen.replace("\n", "").replace("\u200c", "").replace("\u200d", ""):
        assert unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"), hex(ord(char))


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("abc\u202edcba", "abcdcba"),
        ("\u2066a\u2069", "a"),
        ("bell\x07 and \x1b[31m", "bell and [31m"),
        ("one\r\ntwo\u2028three", "one\ntwo\nthree"),
        ("a\n\n\n\n\nb", "a\n\nb"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🏫", "👩\u200d🏫"),
        ("\ufeff \u200b", ""),
    ],
)
def test_direction_overrides_and_controls_are_taken_out_and_writing_is_left(typed, shown):
    assert cleaned(typed) == shown


@given(st.dictionaries(st.sampled_from(WORDS), st.text()))
def test_any_link_is_read_or_refused_with_one_sentence(query):
    try:
        Teaching.from_query(query)
    except ValueError as error:
        assert str(error).startswith(("task: ", "hide: ", "lock: "))
        assert str(error).endswith(".")
        assert len(str(error)) < 300


def test_a_task_that_is_too_long_says_how_long_it_may_be():
    with pytest.raises(ValueError, match=f"task: the text has 1,000,000 characters; the most is {LIMITS.max_task}"):
        Teaching.from_query({"task": "x" * 1_000_000})


DIFFERENT = {
    "data": lambda old: old.but(data=old.data.set(noise=0.3)),
    "layers": lambda old: old.but(layers=old.layers[1:]),
    "loss": lambda old: old.but(loss=LossSpec(name="MSELoss")),
    "optimizer": lambda old: old.but(optimizer=old.optimizer.set(lr=0.5)),
    "schedule": lambda old: Experiment.from_query({**old.to_query(), "sched": "StepLR"}),
    "training": lambda old: old.but(training=old.training.but(l1=0.5)),
    "seed": lambda old: old.but(seed=9),
}


@pytest.mark.parametrize("name", LOCKABLE)
@pytest.mark.parametrize("word", ["hide", "lock"])
def test_what_is_locked_or_hidden_cannot_change_and_the_rest_can(name, word):
    teaching, old = Teaching.of(**{word: (name,)}), Experiment()
    for changed, change in DIFFERENT.items():
        refusal = teaching.refusal(old, change(old))
        if changed == name:
            assert refusal.startswith(f"{CONTROLS[name].title}: ")
        else:
            assert refusal is None


def test_every_part_of_an_experiment_can_be_locked():
    everything = Teaching.of(lock=LOCKABLE)
    for change in DIFFERENT.values():
        assert everything.refusal(Experiment(), change(Experiment()))
    assert set(DIFFERENT) == set(LOCKABLE)
    assert everything.refusal(Experiment(), Experiment.from_query("points=7")).startswith("Seed: ")


def test_no_other_page_uses_the_words_of_a_task():
    assert not set(WORDS) & {*KNOWN_WORDS, *AUTOGRAD_WORDS, *RACE_WORDS, *PARITY_WORD.values(), "lesson"}
