import math

import numpy as np
import pytest

from playground.catalog import DATASETS
from playground.engine.picture import CONTINUED, MAX_CURVE, Painter, picture
from playground.engine.snapshot import Snapshot, blank, pack, read_header, unpack
from playground.spec import DataSpec, Experiment, LayerSpec
from playground.templates import TEMPLATES
from playground.training import Run
from tests.layers_around import REAL, around

FIELDS = {
    "v", "step", "scored", "epoch", "steps_per_epoch", "epochs", "lr", "device", "train", "val", "task", "view", "classes",
    "domain", "loss_name", "parameters", "columns", "worst", "confusion_split", "value_scale",
    "train_points", "own",
}  # fmt: skip
OWN = {"run": "r", "seq": 3, "status": "ready", "message": "", "steps_per_second": None}


def draw(experiment: Experiment, steps: int = 60) -> tuple[Run, dict, dict]:
    run = Run(experiment)
    run.advance(steps=steps)
    header, arrays = picture(run)
    return run, *unpack(pack({**header, **OWN}, arrays))


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_follows_the_wire_format(name: str) -> None:
    run, header, arrays = draw(Experiment.starter(name))
    entry = DATASETS[name]
    goes_on = {"continued"} if name in ("wave", "characters") else set()
    assert set(header) == FIELDS | set(OWN) | {"arrays"} | goes_on
    assert header["step"] == run.step
    assert header["epoch"] == pytest.approx(run.epoch, abs=1e-4)
    assert header["train"] == run.evaluate()["train"]
    assert (header["val"] is None) == (not len(run.data.x_val))
    shown = [column["shown"] for column in header["columns"]]
    assert shown == [min(16, column["units"]) for column in header["columns"]]
    for index in range(1, len(shown)):
        assert arrays[f"weight_{index}"].shape == (shown[index], shown[index - 1])
        assert arrays[f"bias_{index}"].shape == (shown[index],)
    for index, units in enumerate(shown):
        if entry.view == "table":
            assert arrays[f"mean_{index}"].shape == (units,)
            assert np.abs(arrays[f"mean_{index}"]).max() <= 1.001
        else:
            side = max(10, min(16, math.isqrt(3_000 // sum(shown))))
            assert arrays[f"map_{index}"].shape == ((units, side, side) if entry.view == "plane" else (units, 1, 64))
    for name in ("step", "train_loss", "val_loss", "train_accuracy", "val_accuracy"):
        assert arrays[f"curve_{name}"].shape == arrays["curve_step"].shape
    for entry in header["arrays"].values():
        assert entry["dtype"] == "u1" or entry["offset"] % 4 == 0


def test_two_classes_on_the_plane() -> None:
    run, header, arrays = draw(Experiment.starter("circle"), 400)
    x = np.linspace(-6, 6, 50)
    row, column = 7, 31  # row 0 is the top: y = 6
    point = np.array([[x[column], x[49 - row]]], np.float32)
    probability = run.predict(point)[0]
    probability = probability[-1] if probability.ndim else probability
    if run.experiment.loss.name == "BCEWithLogitsLoss" and not 0 <= probability <= 1:
        probability = 1 / (1 + math.exp(-probability))
    assert arrays["surface"].shape == (50, 50)
    assert arrays["surface"][row, column] == pytest.approx(255 * probability, abs=1)
    points = arrays["points"]
    assert points.shape == (500, 3)
    assert 500 - header["train_points"] == len(run.data.x_val)
    assert (points[:250, 2] == run.data.y_train).all()
    assert points[0, 1] == pytest.approx((run.data.raw_train[0, 1] + 6) / 12 * 255, abs=0.51)
    inputs = arrays["map_0"]
    assert inputs[0, 0, 0] == 0  # x grows to the right
    assert inputs[0, 0, -1] == 255
    assert inputs[1, 0, 0] == 255  # y grows upward
    assert header["columns"][1]["title"] == "Linear 4 · Tanh"
    assert header["columns"][0]["labels"] == ["x", "y"]


def test_more_classes_and_regression_on_the_plane() -> None:
    run, header, arrays = draw(Experiment.starter("blobs"))
    assert set(np.unique(arrays["surface"])) <= {0, 1, 2}
    assert arrays["confidence"].min() >= 255 // 3
    assert header["classes"] == ["0", "1", "2"]
    run, header, arrays = draw(Experiment.starter("multigauss"))
    assert "confidence" not in arrays
    assert header["value_scale"] == pytest.approx(np.abs(run.data.y_train).max(), rel=1e-3)
    values = (arrays["points"][:, 2] / 127.5 - 1) * header["value_scale"]
    assert len(values) == 500  # of 1,200
    assert np.isclose(values[0], run.data.y_train[0], atol=0.01)


def test_a_line() -> None:
    run, _, arrays = draw(Experiment.starter("sine"))
    x = np.linspace(*run.experiment.data.entry.domain, 200, dtype=np.float32)[:, None]
    assert np.allclose(arrays["line"], run.predict(x).reshape(-1), atol=1e-5)
    assert arrays["line_points"].shape == (200, 3)


def test_digits() -> None:
    run, header, arrays = draw(Experiment.starter("digits"), 200)
    assert (arrays["confusion"] == run.confusion()).all()
    assert header["confusion_split"] == "validation"
    worst = header["worst"]
    assert 0 < len(worst) <= 6
    assert all(one["true"] != one["predicted"] for one in worst)
    assert worst == sorted(worst, key=lambda one: -one["probability"])
    place = list(run.data.index_val).index(worst[0]["index"])
    assert run.data.y_val[place] == worst[0]["true"]
    assert arrays["worst_images"].shape == (len(worst), 8, 8)
    pixels = run.data.raw_val[place].reshape(8, 8)
    assert np.abs(arrays["worst_images"][0] / 255 * 16 - pixels).max() < 0.1


def test_a_table_of_values_is_in_its_own_units() -> None:
    _, header, arrays = draw(Experiment.starter("diabetes"))
    true = arrays["scatter"][:, 0]
    assert true.min() >= 25  # disease progression goes from 25 to 346
    assert true.max() <= 346
    assert (arrays["scatter"][:, 2] == 1).all()
    errors = [abs(one["true"] - one["predicted"]) for one in header["worst"]]
    assert errors == sorted(errors, reverse=True)
    assert "confusion" not in arrays


def test_without_a_validation_part_the_training_one_is_shown() -> None:
    starter = Experiment.starter("iris")
    _, header, arrays = draw(starter.but(data=starter.data.but(train_fraction=1.0)))
    assert header["val"] is None
    assert header["confusion_split"] == "training"
    assert np.isnan(arrays["curve_val_loss"]).all()


def test_layers_before_the_first_units_belong_to_the_input() -> None:
    layers = (LayerSpec(name="LayerNorm"), LayerSpec(name="Linear", args={"out_features": 20, "bias": False}))
    experiment = Experiment().but(layers=(*layers, LayerSpec(name="Tanh"), *Experiment().layers[-1:]))
    _, header, arrays = draw(experiment)
    assert [column["title"] for column in header["columns"]] == ["input · LayerNorm", "Linear 20 · Tanh", "Linear 1"]
    assert header["columns"][1]["shown"] == 16
    assert (arrays["bias_1"] == 0).all()


def test_curves_are_thinned_and_end_at_the_present() -> None:
    run = Run(Experiment())
    run.advance(steps=25 * 200 + 7)
    _, arrays = picture(run)
    steps = arrays["curve_step"]
    assert len(steps) == MAX_CURVE <= 120
    assert (steps[0], steps[-1]) == (0, run.step)
    assert (np.diff(steps) > 0).all()
    assert arrays["curve_train_loss"][-1] == pytest.approx(run.evaluate()["train"]["loss"])


def test_a_diverged_run_can_be_drawn() -> None:
    starter = Experiment.starter("plane")
    run = Run(starter.but(optimizer={"name": "SGD", "args": {"lr": 1e6}}))
    run.advance(steps=500)
    assert run.status == "diverged"
    header, arrays = picture(run)
    read_header(pack({**header, **OWN}, arrays))


def test_drawing_does_not_touch_the_run() -> None:
    layers = [LayerSpec.from_text(text) for text in ("Linear.8", "BatchNorm1d", "Dropout", "Tanh", "Linear.1")]
    experiment = Experiment().but(layers=tuple(layers))
    plain, drawn = Run(experiment), Run(experiment)
    plain.advance(steps=100)
    painter = Painter(drawn)
    for _ in range(20):
        drawn.advance(steps=5)
        painter.picture()
    assert drawn.model.training
    assert (plain.history["loss"] == drawn.history["loss"]).all()


def test_size() -> None:
    run = Run(Experiment())
    run.advance(steps=3000)
    painter = Painter(run)
    header, arrays = painter.picture()
    assert len(pack({**header, **OWN}, arrays)) <= 13_000


def test_a_dear_network_shows_its_last_evaluation_while_it_plays_and_the_present_one_at_rest() -> None:
    run = Run(TEMPLATES["cnn"].experiment(DataSpec(name="digits", args={"n": 600, "layout": "image"})))
    run.advance(steps=3)
    painter = Painter(run)
    assert painter.heavy
    painter.still = False
    header, arrays = painter.picture()
    start = Run(run.experiment)
    assert (header["step"], header["scored"], header["train"]) == (3, 0, start.evaluate()["train"])
    assert np.array_equal(arrays["confusion"], start.confusion())
    assert arrays["curve_step"].tolist() == [0]
    assert {"mean_0", "feature_0", "worst_images"} <= set(arrays)
    painter.still = True
    header, arrays = painter.picture()
    assert (header["step"], header["scored"], header["train"]) == (3, 3, run.evaluate()["train"])
    assert np.array_equal(arrays["confusion"], run.confusion())
    assert arrays["curve_step"].tolist() == [0, 3]


def test_a_blank_snapshot_has_every_field() -> None:
    snapshot = blank(Experiment(), "r", 0, "starting", "Starting.")
    assert set(snapshot.header) == FIELDS | set(OWN) | {"arrays"}
    assert Snapshot.of(snapshot.data) == snapshot
    other = Snapshot.of(snapshot.but(seq=4, status="failed", message="größer").data)
    assert (other.seq, other.header["message"], other.header["arrays"]) == (4, "größer", {})


def test_another_header_keeps_the_arrays() -> None:
    run = Run(Experiment.starter("iris"))
    header, arrays = picture(run)
    first = Snapshot.of(pack({**header, **OWN}, arrays))
    _, again = unpack(first.but(message="something longer than before").data)
    assert all(np.array_equal(array, again[name], equal_nan=True) for name, array in arrays.items())


def test_classes_that_a_parameter_says() -> None:
    data = DataSpec(name="blobs", args={"classes": 5})
    experiment = Experiment.starter("blobs")
    experiment = experiment.but(data=data, layers=(*experiment.layers[:-1], LayerSpec.from_text("Linear.5")))
    _, header, arrays = draw(experiment)
    assert header["classes"] == ["0", "1", "2", "3", "4"]
    assert arrays["points"][:, 2].max() == 4


def test_digits_as_images_give_the_picture_of_flat_ones() -> None:
    starter = Experiment.starter("digits")
    image = starter.but(data=starter.data.set(layout="image"), layers=(LayerSpec(name="Flatten"), *starter.layers))
    _, header, arrays = draw(starter, 20)
    _, header_image, arrays_image = draw(image, 20)
    assert header_image["columns"][0]["units"] == header["columns"][0]["units"] == 64
    for name in ("confusion", "worst_images", "mean_0", "weight_1"):
        np.testing.assert_array_equal(arrays[name], arrays_image[name])


@pytest.mark.parametrize("name", REAL)
def test_every_layer_is_drawn(name: str) -> None:
    """Channels are units, shown by the mean of their maps; edges are there where weights are."""
    layers = (*around(name), LayerSpec(name="Linear", args={"out_features": 1}))
    starter = Experiment.starter("diabetes")
    _, header, arrays = draw(starter.but(data=starter.data.set(n=400), layers=layers), 3)
    assert len(header["columns"]) == 1 + sum(layer.entry.role == "units" for layer in layers)
    for index, column in enumerate(header["columns"]):
        assert arrays[f"mean_{index}"].shape == (column["shown"],)
        if f"weight_{index}" in arrays:
            assert arrays[f"weight_{index}"].shape == (column["shown"], header["columns"][index - 1]["shown"])
    assert header["columns"][-1]["units"] == 1


def test_a_unit_of_a_convolution_is_the_mean_of_its_map() -> None:
    layers = tuple(map(LayerSpec.from_text, ("Unflatten.1_8_8", "Conv2d.4", "Flatten", "Linear.10")))
    experiment = Experiment.starter("digits").but(layers=layers)
    painter = Painter(run := Run(experiment))
    assert [(column.units, column.last) for column in painter.columns] == [(1, 0), (4, 1), (10, 3)]
    _, arrays = painter.picture()
    samples = run.x_train[np.linspace(0, len(run.x_train) - 1, 256).round().astype(int)]
    maps = run.model[:2](samples).mean((0, 2, 3)).detach().numpy()
    np.testing.assert_allclose(arrays["mean_1"] * np.abs(maps).max(), maps, atol=1e-4)


def test_feature_maps_are_one_sample_on_its_way_through_the_channels() -> None:
    data = Experiment.starter("digits").data.set(layout="image")
    run, header, arrays = draw(TEMPLATES["cnn"].experiment(data), 3)
    maps = [arrays[f"feature_{index}"] for index in range(3)]
    assert [len(one) for one in maps] == [column["shown"] for column in header["columns"][:3]]
    spread = np.linspace(0, len(run.data.x_train) - 1, 256).round().astype(int)
    pixels = run.data.x_train[spread[0], 0]
    assert np.allclose(maps[0][0] / 127.5 - 1, pixels / np.abs(pixels).max(), atol=0.01)
    assert sum(one.nbytes for one in maps) < 9_000
    _, _, flat = draw(Experiment.starter("digits"), 3)
    assert not any(name.startswith("feature_") for name in flat)


def test_a_wave_goes_on_from_its_own_answers() -> None:
    run, header, arrays = draw(Experiment.starter("wave"), 100)
    seen, values = header["continued"]["seen"], arrays["continued"]
    assert (seen, len(values)) == (20, 20 + CONTINUED)
    assert np.allclose(values[:seen], run.data.raw_val[0, :, 0], atol=1e-6)
    for k in (seen, seen + 7, len(values) - 1):
        given = values[k - seen : k].reshape(1, seen, 1)
        assert values[k] == pytest.approx(run.predict(given).item(), abs=1e-4)


def test_a_text_goes_on_from_its_own_answers() -> None:
    run, header, _ = draw(Experiment.starter("characters"), 100)
    seen, text = header["continued"]["seen"], header["continued"]["text"]
    names = run.experiment.data.entry.names
    assert len(text) == seen + CONTINUED
    last = np.array([names.index(letter) for letter in text])
    given = np.eye(30)[last[-seen - 1 : -1]][None]
    assert last[-1] == run.predict(given).argmax()


def test_the_inputs_of_a_table_have_their_names():
    header, _ = picture(Run(Experiment.starter("iris")))
    assert header["columns"][0]["labels"] == ["sepal length", "sepal width", "petal length", "petal width"]
    header, _ = picture(Run(Experiment.starter("breast_cancer")))
    assert len(header["columns"][0]["labels"]) == header["columns"][0]["shown"] == 16
    header, _ = picture(Run(Experiment.starter("digits")))
    assert header["columns"][0]["labels"] == []
