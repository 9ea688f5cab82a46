"""The experiment as a value: JSON and address bar in and out, and every limit with a sentence."""

import subprocess
import sys

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from playground.catalog import DATASETS, FEATURES, INITS, LAYERS, LOSSES, OPTIMIZERS, SCHEDULERS
from playground.catalog.base import Param
from playground.catalog.layers.base import LARGEST
from playground.spec import (
    KNOWN_WORDS,
    TRAINING,
    Args,
    DataSpec,
    Experiment,
    LayerSpec,
    LossSpec,
    OptimizerSpec,
    SchedulerSpec,
    TrainingSpec,
    needs_reset,
)


def values(param: Param) -> st.SearchStrategy:
    """Anything that a parameter may be."""
    if param.kind == "bool":
        return st.booleans()
    if param.kind == "choice":
        return st.sampled_from(param.choices)
    if param.kind == "expression":
        return st.sampled_from(["x", "x*x", "max(x, 0.1*x) - 1.", "a_b = sin(x)\na_b**2 / 3", "softplus(x)"])
    if param.default is None:
        return st.none()
    if param.kind == "sizes":
        return st.lists(st.integers(1, 30), min_size=1, max_size=4).map(tuple)
    if param.kind == "int":
        return st.integers(int(param.low), min(int(param.high), 60 if param.high == LARGEST else 10**7))
    number = st.floats(param.low, param.high)
    return st.tuples(number, number) if param.kind == "pair" else number


def parts(kind: type, registry: dict) -> st.SearchStrategy:
    def of(name: str) -> st.SearchStrategy:
        arguments = st.fixed_dictionaries({p.name: values(p) for p in registry[name].params})
        if name == "SGD":
            arguments = arguments.map(lambda args: args | {"nesterov": False})
        if name == "Rprop":
            arguments = arguments.map(lambda args: args | {"etas": (0.3, 1.7)})
        return arguments.map(lambda args: kind(name=name, args=Args(args)))

    return st.sampled_from(sorted(registry)).flatmap(of)


def layers() -> st.SearchStrategy:
    """Any layer, its weights begun in any way; blocks with any layers inside, which may be blocks."""

    def blocks(inner: st.SearchStrategy) -> st.SearchStrategy:
        inside = st.lists(inner, min_size=1, max_size=2).map(tuple)
        return st.tuples(parts(LayerSpec, {name: e for name, e in LAYERS.items() if e.holds}), inside).map(
            lambda pair: pair[0].but(layers=pair[1])
        )

    return plain_layers() | blocks(plain_layers() | blocks(plain_layers()))


def plain_layers() -> st.SearchStrategy:
    inits = st.sampled_from(sorted(INITS))
    return st.tuples(parts(LayerSpec, LAYERS), inits).map(
        lambda pair: pair[0].but(init=pair[1]) if pair[0].entry.has_weights else pair[0]
    )


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    name = draw(st.sampled_from(sorted(DATASETS)))
    plane = DATASETS[name].view == "plane"
    features = draw(st.lists(st.sampled_from(sorted(FEATURES)), min_size=1, unique=True)) if plane else ()
    args = {p.name: draw(values(p)) for p in DATASETS[name].params}
    fields = {
        "data": DataSpec(
            name=name,
            args=Args(args),
            features=tuple(features),
            train_fraction=draw(st.floats(0.1, 1.0)),
            seed=draw(st.integers(0, 2**31 - 1)),
            target="inputs"
            if DATASETS[name].view == "table" and "encoding" not in args and draw(st.booleans())
            else "labels",
        ),
        "layers": tuple(draw(st.lists(layers(), min_size=1, max_size=6))),
        "loss": draw(parts(LossSpec, LOSSES)),
        "optimizer": draw(parts(OptimizerSpec, OPTIMIZERS)),
        "scheduler": draw(st.none() | parts(SchedulerSpec, SCHEDULERS)),
        "training": TrainingSpec(**{name: draw(values(param)) for name, param in TRAINING.items()}),
        "seed": draw(st.integers(0, 2**31 - 1)),
    }
    try:
        return Experiment(**fields)
    except ValidationError as error:  # a network that is too large is another test's
        assert "the most is" in str(error)
        reject()


@settings(max_examples=150, deadline=None)
@given(experiments())
def test_json_and_address_bar_give_the_same_experiment_back(experiment):
    assert Experiment.model_validate_json(experiment.model_dump_json()) == experiment
    assert Experiment.from_query(experiment.to_query()) == experiment
    assert Experiment.from_query(experiment.query_string()) == experiment
    assert hash(Experiment.from_query(experiment.to_query())) == hash(experiment)
    assert "%" not in experiment.query_string()


@pytest.mark.parametrize("query", [None, 3, ["data"], b"data=iris"])
def test_what_is_no_link_is_refused(query):
    with pytest.raises(ValueError, match=f"not {type(query).__name__}"):
        Experiment.from_query(query)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(KNOWN_WORDS)), st.text(max_size=30) | st.sampled_from(
    ["Linear", "Linear.8", "Linear.8..0~Tanh", "spiral", "iris.20", "blobs..0.1..5", "Adam.0.1", "SGD", "1", "0.5", "-1",
     "1e999", "nan", "Linear." + "9" * 50, "~~~", "...."])))  # fmt: skip
def test_any_link_gives_an_experiment_or_one_sentence(query):
    try:
        Experiment.from_query(query)
    except ValueError as error:
        assert not isinstance(error, ValidationError)
        text = str(error)
        assert text.endswith(".")
        assert "\n" not in text
        assert len(text) < 600


def test_starters_exist_for_every_data_set_and_links_may_name_the_data_alone():
    for name in DATASETS:
        assert Experiment.starter(name).data.name == name
        assert Experiment.from_query({"data": name}) == Experiment.starter(name)
    assert Experiment.from_query("") == Experiment()


def test_unknown_words_are_ignored_and_words_keep_their_meaning():
    old = "v=1&data=circle.300&features=x_y_x2&net=Linear.4~Tanh~Linear.1&opt=SGD.0.03..0.9&batch=20&tomorrow=1"
    experiment = Experiment.from_query(old)
    assert experiment.data["n"] == 300
    assert experiment.data.features == ("x", "y", "x2")
    assert experiment.optimizer.args["momentum"] == 0.9
    assert experiment.training.batch_size == 20
    assert [layer.name for layer in experiment.layers] == ["Linear", "Tanh", "Linear"]
    assert Experiment.from_query(experiment.to_query()) == experiment


@pytest.mark.parametrize(
    ("query", "word", "part"),
    [
        ("data=mars", "data", "there is no 'mars'"),
        ("data=circle.7", "data", "n is 7; the least is 10"),
        ("net=Linear.99999", "layers", "out_features is 99,999; the most is 1,024"),
        ("net=" + "~".join(["Linear"] * 40), "net", "40 layers; the most is 32"),
        ("net=" + "~".join(["Linear.1024"] * 6), "layers", "the most is 2,000,000"),
        ("net=Linear~Linaer", "net", "there is no 'Linaer'; choose one of the"),
        ("net=Linear~Lambda", "net", "there is no 'Lambda'"),
        ("net=Linear-best.4", "net", "init: there is no 'best'; choose one of default, xavier, he, zeros, normal"),
        ("net=Linear.4~Tanh-he", "net", "it has no weights; leave it out"),
        ("opt=Adam.fast", "opt", "lr is 'fast'; it takes a number"),
        ("batch=0", "batch", "the least is 1"),
        ("batch=1.5", "batch", "'1.5'"),
        ("epochs=1e99", "epochs", "takes a number"),
        ("seed=-3", "seed", "the least is 0"),
        ("split=5", "split", "the most is 1.0"),
        ("v=2", "v", "reads links of version 1"),
        ("features=z", "features", "no input feature 'z'"),
        ("net=" + "x" * 3000, "net", "3,000 characters"),
    ],
)  # fmt: skip
def test_mistakes_in_a_link_are_named(query, word, part):
    with pytest.raises(ValueError, match=".") as caught:
        Experiment.from_query(query)
    assert part in str(caught.value)
    assert str(caught.value).startswith("optimizer" if word == "opt" else word)


def test_experiments_are_frozen_to_the_last_argument():
    experiment = Experiment()
    with pytest.raises(ValidationError):
        experiment.seed = 3
    with pytest.raises(TypeError):
        experiment.layers[0].args["out_features"] = 9
    assert len({experiment, Experiment(), Experiment.starter("iris")}) == 2


def test_unknown_fields_and_arguments_are_refused():
    with pytest.raises(ValidationError):
        Experiment(colour="red")
    with pytest.raises(ValidationError, match="no argument 'units'"):
        LayerSpec(name="Linear", args=Args(units=3))
    with pytest.raises(ValidationError, match="nesterov needs a momentum"):
        OptimizerSpec(name="SGD", args=Args(nesterov=True))


def test_what_needs_a_reset_says_so():
    experiment = Experiment()
    assert needs_reset(experiment, experiment.but(optimizer=OptimizerSpec(name="SGD"))) is None
    assert needs_reset(experiment, experiment.but(training=TrainingSpec(batch_size=3, l2=0.1, clip_norm=1))) is None
    assert needs_reset(experiment, experiment.but(scheduler=SchedulerSpec(name="StepLR"))) is None
    sentence = needs_reset(experiment, experiment.but(seed=1, layers=experiment.layers[1:]))
    assert sentence == "Changing the layers and the seed starts training anew."


def test_changes_that_cannot_be_are_refused_with_a_sentence():
    with pytest.raises(ValueError, match="batch_size is 0; the least is 1"):
        TrainingSpec().but(batch_size=0)
    with pytest.raises(ValueError, match="the network is empty"):
        Experiment().but(layers=())


def test_the_web_process_needs_neither_torch_nor_numpy_to_draw_its_controls():
    code = "import sys, playground.spec, playground.fit, playground.catalog; print({'torch', 'numpy', 'sklearn'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
