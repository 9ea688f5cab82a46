"""Every template fits every data set that it suits, trains there, and is the script that is exported."""

import pytest
import torch
from torch import nn

from playground.catalog import DATASETS, LAYERS
from playground.export import to_script
from playground.fit import findings
from playground.models import resolve
from playground.shapes import outline
from playground.spec import DataSpec, Experiment
from playground.templates import TEMPLATES
from playground.training import Run, started

SHOWN = {"rows": "iris", "pictures": "digits", "sequences": "wave"}


def sets() -> dict[str, DataSpec]:
    """Every data set, and pictures and tokens in both ways."""
    found = {name: Experiment.starter(name).data for name in DATASETS}
    found["digits as pictures"] = found["digits"].set(layout="image")
    found["characters as tokens"] = found["characters"].set(encoding="tokens")
    return found


SUITED = [(name, key) for name, template in TEMPLATES.items() for key, data in sets().items() if template.suits(data)]


@pytest.mark.parametrize(("name", "key"), SUITED)
def test_a_template_fits_every_data_set_that_it_suits(name, key):
    experiment = TEMPLATES[name].experiment(sets()[key])
    assert [finding for finding in findings(experiment) if finding.fatal] == []
    assert Experiment.from_query(experiment.to_query()) == experiment
    assert experiment.outline()[-1].out_shape == (experiment.data.outputs,)


def test_every_template_suits_something_and_none_suits_everything_it_does_not():
    assert {name for name, _ in SUITED} == set(TEMPLATES)
    with pytest.raises(ValueError, match="LeNet-5 is for pictures, but a sample of iris is none"):
        TEMPLATES["lenet"].layers_for(DataSpec(name="iris"))
    with pytest.raises(ValueError, match="LSTM classifier is for sequences"):
        TEMPLATES["lstm"].layers_for(DataSpec(name="circle"))


def plain(report) -> nn.Module:
    return resolve(LAYERS[report.name].target)(*map(plain, report.layers), **report.arguments)


def small(name: str) -> Experiment:
    """The template on a few samples of a data set that it suits."""
    template = TEMPLATES[name]
    data = Experiment.starter(SHOWN[template.takes]).data
    return template.experiment(data.set(n=min(120, data.args["n"])))


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_run_of_a_template_is_the_plain_script_bit_for_bit(name):
    experiment = small(name)
    run = Run(experiment, "cpu")
    assert len(run.data.y_train[0].reshape(-1)) == (
        experiment.data.outputs if experiment.data.target == "inputs" else 1
    )
    state = torch.get_rng_state()
    torch.manual_seed(experiment.seed)
    model = nn.Sequential(*map(plain, experiment.outline()))
    optimizer = resolve(experiment.optimizer.entry.target)(model.parameters(), **experiment.optimizer.args, fused=True)
    loss_function, losses = resolve(experiment.loss.entry.target)(), []
    batches = Run(experiment, "cpu").batches
    for _ in range(5):
        x, y = batches.next()
        batches.done(len(x))
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    torch.set_rng_state(state)
    run.advance(steps=5)
    assert run.history["loss"].tolist() == losses
    for ours, theirs in zip(run.model.state_dict().values(), model.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)
    other = Run.restore(run.state(), "cpu")
    run.advance(steps=4)
    other.advance(steps=4)
    assert run.history["loss"].tolist() == other.history["loss"].tolist()


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_learns(name):
    experiment = small(name)
    run = Run(experiment, "cpu")
    before = run.evaluate()["train"]["loss"]
    run.advance(steps=40)
    assert run.status == "ready"
    assert run.evaluate()["train"]["loss"] < before


def test_sizes_are_those_of_the_names():
    def widths(name: str, data: DataSpec) -> list[int]:
        return [layer["out_features"] for layer in TEMPLATES[name].layers_for(data) if layer.name == "Linear"]

    digits = DataSpec(name="digits")
    assert widths("mlp", digits) == [128, 10]
    assert widths("dropout", digits) == [256, 128, 10]
    assert widths("ann", digits) == [128, 64, 10]
    assert widths("autoencoder", digits) == [64, 8, 64, 64]
    kernels = [layer["out_channels"] for layer in TEMPLATES["cnn"].layers_for(digits) if layer.name == "Conv2d"]
    assert kernels == [32, 64]
    assert widths("mlp", DataSpec(name="mnist")) == [128, 10]
    lenet = outline(TEMPLATES["lenet"].layers_for(DataSpec(name="mnist")), (1, 28, 28))
    assert sum(report.parameters for report in lenet) == 61_706, "six and sixteen maps, 120, 84 and 10 units"


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_exported(name):
    script = to_script(small(name), epochs=1)
    compile(script, name, "exec")
    assert "nn.Sequential(" in script


@pytest.mark.parametrize("name", [name for name in TEMPLATES if name != "transformer"])
def test_numpy_from_scratch_gives_the_same_losses_but_for_rounding(name):
    experiment = small(name)
    theirs, ours = (started(experiment.but(training=experiment.training.but(engine=one))) for one in ("torch", "numpy"))
    for run in (theirs, ours):
        run.advance(steps=6)
    assert ours.where == "cpu, NumPy"
    assert ours.history["loss"] == pytest.approx(theirs.history["loss"], rel=1e-4)


@pytest.mark.parametrize("name", ["lstm", "transformer", "ann"])
def test_tokens_are_learned_through_an_embedding(name):
    data = Experiment.starter("characters").data.set(encoding="tokens", n=200)
    experiment = TEMPLATES[name].experiment(data)
    assert experiment.layers[0].name == "Embedding"
    run = Run(experiment, "cpu")
    assert run.x_train.dtype == torch.int64
    before = run.evaluate()["train"]["loss"]
    run.advance(steps=40)
    assert run.evaluate()["train"]["loss"] < before
    assert run.predict(run.data.x_val).shape == (len(run.data.x_val), 30)


def test_an_autoencoder_answers_with_its_input():
    run = Run(small("autoencoder"), "cpu")
    assert run.t_train.equal(run.x_train.flatten(1))
    assert run.evaluate()["train"]["accuracy"] is None
    assert run.evaluate()["train"]["r2"] < 1
    with pytest.raises(ValueError, match="looked at in another way"):
        DataSpec.of(name="spiral", target="inputs")
    with pytest.raises(ValueError, match="choose one of labels, inputs"):
        DataSpec.of(name="iris", target="outputs")
