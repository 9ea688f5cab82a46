"""Made-up snapshots in the wire format, one kind per picture that the live view can draw. NumPy alone, no training."""

import json
import math

import numpy as np

TRAIN_POINTS = 150
KINDS = ("binary", "classes", "regression", "line", "digits", "iris", "table", "diverged", "deep")


def pack(header: dict, arrays: dict[str, np.ndarray]) -> bytes:
    """The packed buffer: uint32 length, JSON header padded to a multiple of 4, payload."""
    entries, payload = {}, b""
    for name, array in arrays.items():
        payload += b"\0" * (-len(payload) % 4)
        kind = "u1" if array.dtype == np.uint8 else "f4"
        entries[name] = {"dtype": kind, "shape": list(array.shape), "offset": len(payload)}
        payload += array.tobytes() if kind == "u1" else array.astype("<f4").tobytes()
    text = json.dumps({**header, "arrays": entries}, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    return len(text).to_bytes(4, "little") + text + payload


def snapshot(kind: str, seq: int = 0) -> bytes:
    """The `seq`-th made-up snapshot of one of KINDS, or 'blank'; numbers move a little from one to the next."""
    rng = np.random.default_rng(7)
    header, arrays = _base(kind, seq)
    header["train_points"] = TRAIN_POINTS if header["view"] == "plane" else None
    if kind == "blank":
        nothing = dict.fromkeys(("train", "val", "lr", "device", "steps_per_second", "steps_per_epoch"))
        header |= {"status": "starting", "message": "The run is being built.", "step": 0, "epoch": 0.0, **nothing}
        return pack(header, {})
    columns = _columns(kind)
    header["columns"] = columns
    arrays |= _parameters(columns, seq, rng) | _curves(header, seq) | _PICTURES[kind](header, columns, seq, rng)
    if kind == "diverged":
        header |= {"status": "diverged", "train": {"loss": None, "accuracy": None, "r2": None}, "val": None}
        header["message"] = (
            "The loss stopped being a number at step 340; the first layer to overflow was Linear 8 (layer 1). "
            "Try a learning rate of 0.03 or less, or gradient clipping."
        )
    return pack(header, arrays)


def _base(kind: str, seq: int) -> tuple[dict, dict]:
    step = 100 + 37 * seq
    classification = kind not in ("regression", "line", "table")
    names = {
        "binary": ["orange", "blue"],
        "blank": ["orange", "blue"],
        "deep": ["malignant", "benign"],
        "classes": ["one", "two", "three"],
        "iris": ["setosa", "versicolor", "virginica"],
        "digits": [str(k) for k in range(10)],
        "diverged": ["orange", "blue"],
    }
    loss = 0.02 + 0.6 * math.exp(-seq / 40)
    scores = {"loss": loss, "accuracy": 1 - 0.4 * loss, "r2": None}
    if not classification:
        scores |= {"accuracy": None, "r2": 1 - loss}
    view = {"line": "line", "digits": "table", "iris": "table", "table": "table"}.get(kind, "plane")
    header = {
        "v": 1,
        "run": "made-up",
        "seq": seq,
        "status": "playing",
        "message": "",
        "step": step,
        "epoch": step / 25,
        "steps_per_epoch": 25,
        "epochs": 1000,
        "lr": 0.03,
        "steps_per_second": 3312.4 + seq % 7,
        "device": "cpu",
        "train": scores,
        "val": {**scores, "loss": loss * 1.2},
        "task": "classification" if classification else "regression",
        "view": view,
        "classes": names.get(kind, []),
        "domain": None if view == "table" else [-6.0, 6.0],
        "loss_name": "BCEWithLogitsLoss",
        "parameters": 105,
        "value_scale": 1.0,
        "confusion_split": "validation",
        "worst": [],
    }
    return header, {}


_INPUTS = {
    "digits": [f"pixel {row}, {column}" for row in range(8) for column in range(8)][:16],
    "iris": ["sepal length", "sepal width", "petal length", "petal width"],
    "table": ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"],
    "line": ["x"],
    "deep": ["x", "y", "x²", "y²", "x·y", "sin x", "sin y"],
}
_HIDDEN = {
    "digits": [64, 32],
    "classes": [16, 16],
    "deep": [16, 16, 12, 12, 8, 8, 6, 6, 4, 4, 3],
}
_OUTPUTS = {"classes": 3, "iris": 3, "digits": 10}


def _columns(kind: str) -> list[dict]:
    labels = _INPUTS.get(kind, ["x", "y"])
    units = 64 if kind == "digits" else len(labels)
    columns = [{"title": "input", "units": units, "shown": len(labels), "labels": labels, "scale": 6.0}]
    for width in _HIDDEN.get(kind, [8, 8]):
        title = f"Linear {width} · Tanh"
        columns.append({"title": title, "units": width, "shown": min(width, 16), "labels": [], "scale": 1.0})
    width = _OUTPUTS.get(kind, 1)
    columns.append({"title": f"Linear {width}", "units": width, "shown": width, "labels": [], "scale": 4.0})
    return columns


def _parameters(columns: list[dict], seq: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    arrays = {}
    for c in range(1, len(columns)):
        shape = (columns[c]["shown"], columns[c - 1]["shown"])
        arrays[f"weight_{c}"] = rng.normal(size=shape) * (0.8 + 0.5 * math.sin(seq / 9 + c))
        arrays[f"bias_{c}"] = rng.normal(size=shape[0]) * 0.5
    return arrays


def _curves(header: dict, seq: int) -> dict[str, np.ndarray]:
    k = min(120, 4 + seq)
    step = np.linspace(0, header["step"], k)
    loss = 0.02 + 0.65 * np.exp(-step / 900) + 0.01 * np.sin(step / 30)
    nothing = np.full(k, np.nan)
    accuracy = 1 - 0.7 * loss if header["task"] == "classification" else nothing
    val = loss * 1.2 + 0.01
    val[k // 2 : k // 2 + 2] = np.nan
    return {
        "curve_step": step,
        "curve_train_loss": loss,
        "curve_val_loss": val,
        "curve_train_accuracy": accuracy,
        "curve_val_accuracy": accuracy - 0.02,
    }


def _grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    axis = np.linspace(-6, 6, size)
    return np.meshgrid(axis, axis[::-1])


def _level(values: np.ndarray) -> np.ndarray:
    return np.clip((values + 1) * 127.5, 0, 255).astype(np.uint8)


def _unit_maps(columns: list[dict], seq: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    x, y = _grid(16)
    arrays = {"map_0": np.stack([_level(v / 6) for v in (x, y, x, y, x, y, x)[: columns[0]["shown"]]])}
    for c in range(1, len(columns)):
        maps = []
        for _ in range(columns[c]["shown"]):
            a, b, bias = rng.normal(size=3)
            maps.append(_level(np.tanh(a * x + b * y * math.cos(seq / 15) + 2 * bias)))
        arrays[f"map_{c}"] = np.stack(maps)
    return arrays


def _positions(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    radius = np.where(np.arange(count) % 2 == 0, rng.uniform(0, 2.5, count), rng.uniform(3.5, 5, count))
    angle = rng.uniform(0, 2 * np.pi, count)
    return radius * np.cos(angle), radius * np.sin(angle), (radius < 3).astype(int)


def _points(x, y, target, rng) -> dict[str, np.ndarray]:
    byte = [np.clip((v + 6) / 12 * 255, 0, 255) for v in (x, y)]
    return {"points": np.stack([*byte, target], axis=1).astype(np.uint8)}


def _binary(header, columns, seq, rng) -> dict[str, np.ndarray]:
    x, y = _grid(50)
    sharp = 0.2 + min(seq, 60) / 40
    p = 1 / (1 + np.exp((np.hypot(x, y) - 3) * sharp))
    px, py, target = _positions(300, rng)
    surface = {"surface": (p * 255).astype(np.uint8)}
    return _unit_maps(columns, seq, rng) | surface | _points(px, py, target, rng)


def _classes(header, columns, seq, rng) -> dict[str, np.ndarray]:
    x, y = _grid(50)
    angle = np.arctan2(y, x) + np.hypot(x, y) * 0.25 + seq / 80
    scores = np.stack([np.cos(angle - 2 * np.pi * k / 3) for k in range(3)]) * np.hypot(x, y) / 1.5
    p = np.exp(scores) / np.exp(scores).sum(0)
    px, py = rng.uniform(-5.5, 5.5, (2, 300))
    at = np.arctan2(py, px) + np.hypot(px, py) * 0.25
    target = np.argmax([np.cos(at - 2 * np.pi * k / 3) for k in range(3)], axis=0)
    surface = {"surface": p.argmax(0).astype(np.uint8), "confidence": (p.max(0) * 255).astype(np.uint8)}
    return _unit_maps(columns, seq, rng) | surface | _points(px, py, target, rng)


def _regression(header, columns, seq, rng) -> dict[str, np.ndarray]:
    x, y = _grid(50)
    px, py = rng.uniform(-5.5, 5.5, (2, 300))
    surface = {"surface": _level((x + y * math.cos(seq / 50)) / 12)}
    return _unit_maps(columns, seq, rng) | surface | _points(px, py, _level((px + py) / 12), rng)


def _line(header, columns, seq, rng) -> dict[str, np.ndarray]:
    x = np.linspace(-6, 6, 64)
    arrays = {"map_0": _level(x / 6)[None, None]}
    for c in range(1, len(columns)):
        a, b = rng.normal(size=(2, columns[c]["shown"], 1))
        arrays[f"map_{c}"] = _level(np.tanh(a * x + 2 * b))[:, None]
    px = rng.uniform(-6, 6, 200)
    points = np.stack([px, np.sin(px) + rng.normal(size=200) * 0.1, rng.uniform(size=200) < 0.3], axis=1)
    line = np.sin(np.linspace(-6, 6, 200)) * min(1, 0.2 + seq / 60)
    return arrays | {"line": line, "line_points": points}


def _means(columns, seq, rng) -> dict[str, np.ndarray]:
    return {f"mean_{c}": np.tanh(rng.normal(size=entry["shown"])) for c, entry in enumerate(columns)}


def _confusion(header, columns, seq, rng) -> dict[str, np.ndarray]:
    count = len(header["classes"])
    confusion = rng.poisson(1, (count, count)) + np.diag(rng.integers(25, 38, count))
    header["worst"] = [
        {"index": int(i), "true": int(i) % count, "predicted": (int(i) + 1) % count, "probability": 0.98 - k / 50}
        for k, i in enumerate(rng.integers(0, 400, 6))
    ]
    arrays = _means(columns, seq, rng) | {"confusion": confusion.astype(np.float32)}
    if count == 10:
        arrays["worst_images"] = rng.integers(0, 255, (6, 8, 8)).astype(np.uint8)
    return arrays


def _scatter(header, columns, seq, rng) -> dict[str, np.ndarray]:
    true = rng.uniform(25, 340, 300)
    predicted = true + rng.normal(size=300) * 40
    header["worst"] = [{"index": k, "true": 310.0 - k, "predicted": 120.5 + k} for k in range(6)]
    split = rng.uniform(size=300) < 0.3
    return _means(columns, seq, rng) | {"scatter": np.stack([true, predicted, split], axis=1)}


_PICTURES = {
    "binary": _binary,
    "deep": _binary,
    "diverged": _binary,
    "classes": _classes,
    "regression": _regression,
    "line": _line,
    "digits": _confusion,
    "iris": _confusion,
    "table": _scatter,
}
