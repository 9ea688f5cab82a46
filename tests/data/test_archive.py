"""Zip archives of pictures: what is in them, and what is refused before it is decoded."""

import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from playground.data import archive, load, store
from playground.limits import Limits
from playground.spec import Args, DataSpec, Experiment
from playground.training import Run


def picture(value: int = 200, size=(20, 12), kind="PNG", mode="RGB") -> bytes:
    made = io.BytesIO()
    Image.new(mode, size, value if mode == "L" else (value, 0, 0)).save(made, kind)
    return made.getvalue()


def packed(files: dict[str, bytes], compression=zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return made.getvalue()


def good(n: int = 6, **fields) -> dict[str, bytes]:
    return {f"all/{'cats' if k % 2 else 'dogs'}/{k}.png": picture(100 + k * 10, **fields) for k in range(n)}


def read(data: bytes, side: int = 16, colour: bool = False):
    return archive.read(data, side, colour, lambda share, said: None)


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_one_folder_is_one_class(kind, colour):
    files = {
        name.replace(".png", f".{kind.lower()}"): picture(240 if "cats" in name else 40, kind=kind) for name in good()
    }
    content, count, names = read(packed({**files, "__MACOSX/x.png": b"", "all/readme.txt": b"hello"}), 16, colour)
    assert (count, names) == (6, ("cats", "dogs"))
    side = {"n": 6, "classes": 2, "side": 16, "colour": "colour" if colour else "grey"}
    spec = DataSpec(name="pictures", args=Args(side), file=store.put(content), train_fraction=0.7)
    data = load(spec)
    channels = 3 if colour else 1
    assert data.x_train.shape[1:] == spec.input_shape == (channels, 16, 16)
    assert spec.set(layout="flat").input_shape == (channels * 256,)
    assert data.names == names
    assert data.x_train.mean() == pytest.approx(0, abs=1e-5)
    assert data.x_train.std() == pytest.approx(1, abs=1e-3)
    bright = np.concatenate([data.raw_train, data.raw_val])[:, 0].mean(axis=(1, 2))
    cats = np.concatenate([data.y_train, data.y_val]) == 0
    assert bright[cats].min() > bright[~cats].max()


def test_pictures_train_from_their_link():
    content, count, names = read(packed(good(12)))
    args = Args({"n": count, "classes": len(names), "side": 16})
    experiment = Experiment.starter("pictures").but(data=DataSpec(name="pictures", args=args, file=store.put(content)))
    experiment = Experiment.from_query(experiment.query_string())
    run = Run(experiment)
    assert run.advance(steps=5) == 5


def bomb() -> bytes:
    """A PNG of 60,000 x 60,000 pixels in a few hundred bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


def link() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as zipped:
        entry = zipfile.ZipInfo("cats/1.png")
        entry.external_attr = 0o120777 << 16
        zipped.writestr(entry, "/etc/passwd")
    return made.getvalue()


def lying(data: bytes) -> bytes:
    """The same archive, whose directory claims that the first file is one byte shorter than it is."""
    where = data.index(b"PK\x01\x02") + 24
    size = struct.unpack_from("<I", data, where)[0]
    return data[:where] + struct.pack("<I", size - 1) + data[where + 4 :]


BAD = {
    "no archive": (b"hello", "no zip archive"),
    "empty": (b"", "no zip archive"),
    "truncated": (packed(good())[:-30], "no zip archive"),
    "truncated in the middle": (packed(good())[:200], "no zip archive"),
    "without its beginning": (packed(good())[40:], "damaged"),
    "spoiled inside": (packed(good()).replace(b"IDAT", b"TADI", 1)[:60] + b"?" + packed(good())[61:], "damaged"),
    "a place that is none": (packed({**good(), ".": b"", "/": b""}), "a path outside"),
    "bomb": (packed({"a/1.png": b"\0" * 300_000_000, **good()}), "unpacks to 300 MB; the most is 200 MB"),
    "picture bomb": (
        packed({**good(), "cats/bomb.png": bomb()}),
        "bomb.png' is too large: the most is 16,000,000 pixels",
    ),
    "above": (packed({**good(), "../cats/9.png": picture()}), "a path outside"),
    "above, other strokes": (packed({**good(), "..\\cats\\9.png": picture()}), "a path outside"),
    "absolute": (packed({**good(), "/etc/9.png": picture()}), "a path outside"),
    "a drive": (packed({**good(), "C:/cats/9.png": picture()}), "a path outside"),
    "a link": (link(), "a link and no picture"),
    "no folder": (packed({**good(), "9.png": picture()}), "lies in no folder"),
    "no pictures": (packed({"a/1.txt": b"x"}), "holds no pictures"),
    "one class": (packed({f"cats/{k}.png": picture() for k in range(6)}), "two classes need two folders"),
    "few": (packed(good(2)), "at least 4"),
    "no picture inside": (packed({**good(), "cats/9.png": b"hello"}), "9.png' is damaged, or no picture"),
    "half a picture": (packed({**good(), "cats/9.png": picture()[:45]}), "9.png' is damaged"),
    "a script as a picture": (packed({**good(), "cats/9.png": b"%!PS-Adobe-3.0 EPSF\n"}), "no picture"),
    "sizes that lie": (lying(packed(good(), zipfile.ZIP_STORED)), "longer or shorter|damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_archive_gives_one_sentence(name):
    data, words = BAD[name]
    with pytest.raises(ValueError, match=words) as caught:
        read(data)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"max_archive_files": 5}, "6 entries; the most is 5"),
        ({"max_samples": 5}, "6 pictures; the most is 5"),
        ({"max_classes": 1}, "2 folders; the most is 1"),
        ({"max_picture_pixels": 100}, "20 x 12 pixels; the most is 100"),
        ({"max_archive_pixels": 1000}, "more than 1,000 pixels together"),
    ],
)
def test_limits(limit, words, monkeypatch):
    monkeypatch.setattr(archive, "LIMITS", Limits(**limit))
    with pytest.raises(ValueError, match=words):
        read(packed(good()))


def test_an_archive_with_a_password_is_refused():
    data = bytearray(packed(good()))
    for head, flag in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(head)
        while start >= 0:
            data[start + flag] |= 1
            start = data.find(head, start + 1)
    with pytest.raises(ValueError, match="it is encrypted"):
        read(bytes(data))
