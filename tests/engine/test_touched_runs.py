"""What a visitor sets or points at in the picture: weights, biases, a traced sample."""

import math

import numpy as np
import pytest
import torch

from playground.engine.guest import Guest
from playground.engine.picture import MAX_MOVING, Painter
from playground.engine.snapshot import pack, unpack
from playground.spec import Experiment
from playground.training import Run

SMALL = "data=circle.60&net=Linear.3~Tanh~Linear.1&loss=BCEWithLogitsLoss&opt=Adam.0.01"


def experiment(query: str = SMALL) -> Experiment:
    return Experiment.from_query(query)


def by_hand(layers: list[tuple[np.ndarray, np.ndarray]], x: np.ndarray) -> np.ndarray:
    """A network with tanh between its Linear layers, in float64."""
    for index, (weight, bias) in enumerate(layers):
        x = x @ weight.T + bias
        if index < len(layers) - 1:
            x = np.tanh(x)
    return x


def drawn(guest: Guest) -> tuple[dict, dict]:
    return unpack(guest.picture(0.0, at_once=True))


def layers_of(arrays: dict) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(arrays[f"weight_{c}"].astype(float), arrays[f"bias_{c}"].astype(float)) for c in (1, 2)]


def loss_by_hand(layers: list, run: Run) -> float:
    logits = by_hand(layers, run.data.x_train.astype(float))[:, 0]
    return float(np.mean(np.logaddexp(0, logits) - run.data.y_train * logits))


def test_what_is_set_is_what_the_picture_shows_and_what_trains_on() -> None:
    guest = Guest("r", Run(experiment()), 0, 0.0)
    guest.run.advance(steps=5)
    guest.set_parameter(1, 2, 0, 1.5)
    guest.set_parameter(2, 0, None, -0.75)
    header, arrays = drawn(guest)
    assert arrays["weight_1"][2, 0] == 1.5
    assert arrays["bias_2"][0] == -0.75
    assert header["step"] == 5
    assert header["train"]["loss"] == pytest.approx(loss_by_hand(layers_of(arrays), guest.run), rel=1e-5)

    twin = Run.restore(guest.run.state())
    batch, targets = twin.batches.next()
    weight = guest.run.model[0].weight.detach().clone()
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.tanh(batch @ weight.T + guest.run.model[0].bias.detach()) @ guest.run.model[2].weight.detach().T
        + guest.run.model[2].bias.detach(),
        targets,
    ).item()
    guest.run.advance(steps=1)
    assert guest.run.history["loss"][-1] == pytest.approx(expected, rel=1e-6)
    assert guest.run.model[0].weight[2, 0].item() != 1.5  # the optimizer went on from there
    assert abs(guest.run.model[0].weight[2, 0].item() - 1.5) < 0.05


def test_an_edit_survives_a_state_and_a_divergence() -> None:
    run = Run(experiment())
    run.advance(steps=2)
    run.set_parameter(0, 1, 1, 2.25)
    assert Run.restore(run.state()).model[0].weight[1, 1].item() == 2.25
    run.set_parameter(2, 0, None, 9e5)  # the loss is far too large: the run says so and gives back what was set
    run.advance(steps=3)
    assert run.status == "diverged"
    assert run.model[0].weight[1, 1].item() == 2.25
    run.set_parameter(2, 0, None, 0.0)
    assert (run.status, run.message) == ("ready", "")
    assert run.advance(steps=3) == 3


def test_an_edit_of_an_earlier_moment_goes_on_from_there() -> None:
    run = Run(experiment())
    run.advance(steps=3 * run.steps_per_epoch)
    run.look_back(0)
    run.set_parameter(0, 1, 1, 2.25)
    assert not run.looking_back
    run.advance(steps=run.steps_per_epoch)
    run.look_back(0)
    assert run.model[0].weight[1, 1].item() == 2.25


@pytest.mark.parametrize(
    ("place", "value", "part"),
    [
        ((0, 0, 0), math.nan, "the value is nan; it must lie within -1,000,000 and 1,000,000."),
        ((0, 0, 0), math.inf, "the value is inf"),
        ((0, 0, 0), 2e6, "the value is 2e+06"),
        ((1, 0, 0), 1.0, "only weights and biases of a Linear layer"),
        ((9, 0, 0), 1.0, "only weights and biases of a Linear layer"),
        ((0, 3, 0), 1.0, "does not exist"),
        ((0, 0, 2), 1.0, "does not exist"),
        ((0, -1, 0), 1.0, "does not exist"),
    ],
)
def test_what_cannot_be_set_changes_nothing_and_is_said(place: tuple, value: float, part: str) -> None:
    run = Run(experiment())
    before = [parameter.tolist() for parameter in run.model.parameters()]
    with pytest.raises(ValueError) as caught:
        run.set_parameter(*place, value)
    assert part in str(caught.value)
    assert str(caught.value).endswith(".")
    assert [parameter.tolist() for parameter in run.model.parameters()] == before


def test_a_layer_without_a_bias_says_so() -> None:
    first, *rest = experiment().layers
    run = Run(experiment().but(layers=(first.set(bias=False), *rest)))
    with pytest.raises(ValueError, match="this layer has no bias"):
        run.set_parameter(0, 0, None, 1.0)
    painter = Painter(run)
    assert painter.step() == 1
    _, arrays = painter.picture()
    assert np.isnan(arrays["gradients"][6:9]).all()  # no bias has no gradient, which is not one of 0
    assert (arrays["updates"][6:9] == 0).all()


def test_gradients_and_updates_are_those_of_the_last_step() -> None:
    run = Run(experiment("data=circle.60&net=Linear.3~Tanh~Linear.1&loss=BCEWithLogitsLoss&opt=SGD.0.5&batch=60"))
    painter = Painter(run)
    assert not {"gradients", "updates"} & set(painter.picture()[1])  # no gradient yet is not a gradient of 0
    run.advance(steps=3)
    before = np.concatenate([p.detach().numpy().ravel() for p in run.model.parameters()])
    painter.step()
    after = np.concatenate([p.detach().numpy().ravel() for p in run.model.parameters()])
    _, arrays = painter.picture()
    np.testing.assert_array_equal(arrays["updates"], after - before)
    np.testing.assert_allclose(arrays["updates"], -0.5 * arrays["gradients"], rtol=1e-3, atol=1e-7)


def test_looking_back_the_gradients_and_updates_are_those_of_then() -> None:
    painter = Painter(Run(experiment("data=circle.60&net=Linear.3~Tanh~Linear.1&loss=BCEWithLogitsLoss&opt=SGD.0.5")))
    shown = {}
    for _ in range(9):
        painter.step()
        shown[painter.run.step] = painter.picture()[1]
    painter.run.look_back(6)
    arrays = painter.picture()[1]
    for name in ("gradients", "updates"):
        np.testing.assert_array_equal(arrays[name], shown[6][name])
    painter.run.look_back(0)
    assert not {"gradients", "updates"} & set(painter.picture()[1])
    painter.run.look_back(None)
    np.testing.assert_array_equal(painter.picture()[1]["updates"], shown[9]["updates"])


def test_many_gradients_travel_only_while_the_run_stands() -> None:
    painter = Painter(
        Run(experiment("data=circle.60&net=Linear.16~Tanh~Linear.16~Tanh~Linear.1&loss=BCEWithLogitsLoss&opt=SGD.0.1"))
    )
    painter.step()
    painter.still = False
    assert sum(weight.numel() for weight, _ in painter.blocks) > MAX_MOVING
    assert "gradients" not in painter.picture()[1]
    painter.still = True
    assert "gradients" in painter.picture()[1]


def test_watching_the_updates_leaves_the_course_as_it_is() -> None:
    plain, watched = Run(experiment()), Run(experiment())
    painter = Painter(watched)
    plain.advance(steps=40)
    for _ in range(40):
        painter.step()
        painter.picture()
    assert plain.history["loss"].tolist() == watched.history["loss"].tolist()


def test_a_traced_point_shows_every_value_and_its_loss() -> None:
    run = Run(experiment())
    run.advance(steps=9)
    guest = Guest("r", run, 0, 0.0)
    guest.trace(tuple(run.data.raw_train[4] + 0.01))
    header, arrays = drawn(guest)
    trace = header["trace"]
    x = run.data.x_train[4:5].astype(float)
    hidden = np.tanh(x @ arrays["weight_1"].T.astype(float) + arrays["bias_1"])
    output = by_hand(layers_of(arrays), x)
    assert trace["at"] == pytest.approx(run.data.raw_train[4], abs=1e-4)
    assert trace["split"] == "training"
    assert trace["true"] == run.data.y_train[4]
    for column, values in enumerate((x, hidden, output)):
        assert trace["values"][column] == pytest.approx(values[0], abs=1e-5)
    chance = 1 / (1 + math.exp(-output[0, 0]))
    assert trace["chances"] == pytest.approx([1 - chance, chance], abs=1e-5)
    assert trace["loss"] == pytest.approx(-math.log(chance if trace["true"] else 1 - chance), rel=1e-4)
    guest.reset()
    assert "trace" in drawn(guest)[0]
    guest.trace(None)
    assert "trace" not in drawn(guest)[0]


def test_a_traced_place_without_a_point_has_no_loss() -> None:
    guest = Guest("r", Run(experiment()), 0, 0.0)
    guest.trace((-5.9, 5.9))
    trace = drawn(guest)[0]["trace"]
    assert (trace["split"], trace["true"], trace["loss"]) == (None, None, None)
    with pytest.raises(ValueError, match=r"outside; it lies within -6 and 6\."):
        guest.trace((7.0, 0.0))
    with pytest.raises(ValueError, match="outside"):
        guest.trace((math.nan, 0.0))
    with pytest.raises(ValueError, match="no place to point at"):
        Guest("r", Run(experiment("data=iris")), 0, 0.0).trace((0.0, 0.0))


@pytest.mark.parametrize("data", ["sine", "blobs", "multigauss"])
def test_every_picture_with_a_place_can_be_traced(data: str) -> None:
    run = Run(experiment(f"data={data}"))
    painter = Painter(run)
    painter.traced = tuple(np.append(run.data.raw_train[0], 0)[:2])
    trace = painter.picture()[0]["trace"]
    assert trace["split"] == "training"
    assert trace["true"] == pytest.approx(run.data.y_train[0].item())
    assert len(trace["values"]) == len(painter.columns)


def test_wrong_points_are_marked_as_the_network_says() -> None:
    run = Run(experiment())
    run.advance(steps=30)
    _, arrays = Painter(run).picture()
    points = len(arrays["points"])
    wrong = np.unpackbits(arrays["wrong"])[:points]
    x = np.concatenate([run.data.x_train, run.data.x_val])
    y = np.concatenate([run.data.y_train, run.data.y_val])
    assert (wrong == ((run.predict(x)[:, 0] > 0) != y)).all()


@pytest.mark.parametrize(
    ("query", "most"),
    [
        ("data=spiral&net=Linear.8~Tanh~Linear.8~Tanh~Linear.1&loss=BCEWithLogitsLoss&opt=Adam.0.01", 12_000),
        ("data=spirals&net=Linear.16~ReLU~Linear.16~ReLU~Linear.3&loss=CrossEntropyLoss&opt=Adam.0.01", 16_000),
    ],
)
def test_a_moving_picture_stays_small(query: str, most: int) -> None:
    run = Run(experiment(query))
    run.advance(steps=2_000)
    painter = Painter(run)
    painter.step()
    painter.still = False
    header, arrays = painter.picture()
    own = {"run": "0" * 12, "seq": 123_456, "status": "playing", "message": "", "steps_per_second": 3312.45}
    assert len(pack({**header, **own}, arrays)) <= most
