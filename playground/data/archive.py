"""A zip archive of pictures, one folder for each class: looked at closely before anything in it is decoded."""

import io
import stat
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import PurePosixPath

import numpy as np

from playground.limits import LIMITS

KINDS = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"}
SIDES = (8, 64)
"""Least and most rows and columns that pictures are brought to."""

Told = Callable[[float, str], None]


def read(data: bytes, side: int, colour: bool, told: Told) -> tuple[bytes, int, tuple[str, ...]]:
    """The pictures of an archive as NumPy arrays in an .npz, how many there are, and the classes' names.

    Every picture is cut to its middle square and brought to side x side pixels.

    Raises:
        ValueError: the archive, or a picture in it, is not what it should be; one sentence.
    """
    if not SIDES[0] <= side <= SIDES[1]:
        raise ValueError(f"The pictures' size is {side}; it can be {SIDES[0]} to {SIDES[1]}.")
    with _opened(data) as archive:
        chosen = _checked(archive)
        names = tuple(sorted({folder for _, folder in chosen}))
        images, pixels = [], 0
        for number, (entry, _) in enumerate(chosen):
            content = _content(archive, entry)
            image, size = _decoded(content, entry.filename, side, colour)
            pixels += size
            if pixels > LIMITS.max_archive_pixels:
                raise ValueError(
                    f"The pictures have more than {LIMITS.max_archive_pixels:,} pixels together; make them smaller."
                )
            images.append(image)
            told(number / len(chosen), f"{number:,} of {len(chosen):,} pictures")
    packed = io.BytesIO()
    labels = np.array([names.index(folder) for _, folder in chosen], dtype=np.int64)
    np.savez_compressed(packed, images=np.stack(images), labels=labels, names=np.array(names))
    return packed.getvalue(), len(images), names


def _opened(data: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except Exception:  # zipfile has many words for a directory that is not there, or leads nowhere
        raise ValueError("This is no zip archive, or only a part of one; pack the folders anew.") from None


def _checked(archive: zipfile.ZipFile) -> list[tuple[zipfile.ZipInfo, str]]:
    """The pictures and their folders, by what the archive says of itself; nothing is unpacked yet."""
    entries = archive.infolist()
    if len(entries) > LIMITS.max_archive_files:
        raise ValueError(f"The archive has {len(entries):,} entries; the most is {LIMITS.max_archive_files:,}.")
    total = sum(entry.file_size for entry in entries)
    if total > LIMITS.max_archive_bytes:
        raise ValueError(
            f"The archive unpacks to {total / 1e6:,.0f} MB; the most is {LIMITS.max_archive_bytes / 1e6:,.0f} MB."
        )
    chosen = []
    for entry in entries:
        name = entry.filename
        place = PurePosixPath(name.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts or ":" in "".join(place.parts[:1]):
            raise ValueError(f"The archive holds {name[:60]!r}, a path outside of it; pack the folders anew.")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise ValueError(f"The archive holds {name[:60]!r}, a link and no picture; pack the files themselves.")
        hidden = any(part.startswith((".", "__MACOSX")) for part in place.parts)
        if not entry.is_dir() and not hidden and place.suffix.lower() in KINDS:
            if len(place.parts) < 2:
                raise ValueError(f"{name[:60]!r} lies in no folder; put the pictures of each class into one folder.")
            chosen.append((entry, place.parts[-2]))
    if not chosen:
        raise ValueError(f"The archive holds no pictures ({', '.join(sorted(KINDS))}); put each class into a folder.")
    if len(chosen) > LIMITS.max_samples:
        raise ValueError(f"The archive holds {len(chosen):,} pictures; the most is {LIMITS.max_samples:,}.")
    counts = Counter(folder for _, folder in chosen)
    if len(counts) < 2:
        raise ValueError(f"All pictures are in the folder {next(iter(counts))[:40]!r}: two classes need two folders.")
    if len(counts) > LIMITS.max_classes:
        raise ValueError(f"The archive has {len(counts):,} folders; the most is {LIMITS.max_classes} classes.")
    if len(chosen) < 4:
        raise ValueError(f"The archive holds {len(chosen)} pictures; at least 4 are needed.")
    return sorted(chosen, key=lambda one: one[0].filename)


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """One file, read no further than the size it claims."""
    try:
        with archive.open(entry) as file:
            content = file.read(entry.file_size + 1)
    except MemoryError:
        raise
    except Exception as error:  # each way of packing has an error of its own
        what = "it is encrypted" if "encrypted" in str(error) else f"{entry.filename[:60]!r} is damaged"
        raise ValueError(f"The archive cannot be read: {what}; pack the folders anew, without a password.") from None
    if len(content) != entry.file_size:
        raise ValueError(f"{entry.filename[:60]!r} is longer or shorter than the archive says; pack the folders anew.")
    return content


def _decoded(content: bytes, name: str, side: int, colour: bool) -> tuple[np.ndarray, int]:
    """(channels, side, side) uint8, and how many pixels it had; only the picture's head is read before its size is
    checked."""
    from PIL import Image, UnidentifiedImageError

    kinds = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower, and says so
            picture = Image.open(io.BytesIO(content), formats=kinds)
            width, height = picture.size
            if width * height > LIMITS.max_picture_pixels:
                raise ValueError(
                    f"{name[:60]!r} has {width:,} x {height:,} pixels; the most is {LIMITS.max_picture_pixels:,}."
                )
            picture.draft("RGB" if colour else "L", (2 * side, 2 * side))
            shown = picture.convert("RGBA") if "transparency" in picture.info or "A" in picture.mode else picture
            if shown.mode == "RGBA":
                ground = Image.new("RGBA", shown.size, "white")
                ground.alpha_composite(shown)
                shown = ground
            shown = shown.convert("RGB" if colour else "L")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, EOFError) as error:
        too_large = f"is too large: the most is {LIMITS.max_picture_pixels:,} pixels"
        what = too_large if isinstance(error, Image.DecompressionBombError) else "is damaged, or no picture"
        raise ValueError(f"{name[:60]!r} {what}; mend it or leave it out.") from None
    edge, (wide, high) = min(shown.size), shown.size
    left, top = (wide - edge) // 2, (high - edge) // 2
    shown = shown.crop((left, top, left + edge, top + edge)).resize((side, side), Image.Resampling.BILINEAR)
    pixels = np.asarray(shown, np.uint8)
    return (pixels.transpose(2, 0, 1) if colour else pixels[np.newaxis]), width * height
