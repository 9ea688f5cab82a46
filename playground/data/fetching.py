"""Data sets that are downloaded once: MNIST and Fashion-MNIST from openml.org, through scikit-learn."""

import io
import tempfile
from collections.abc import Callable
from pathlib import Path

from playground.catalog import FILE_SETS
from playground.data import store

SIZES = {"mnist": 15_500_000, "fashion": 33_000_000}
"""Bytes that come over the network, roughly."""


def place(name: str) -> Path:
    """Where the downloaded set is.

    Raises:
        ValueError: it has not been downloaded.
    """
    where = _where(name)
    if not where.is_file():
        title = FILE_SETS[name].title
        raise ValueError(
            f"{title} is not on this server yet: download it on the page Data ({SIZES[name] / 1e6:.0f} MB)."
        )
    return where


def is_here(name: str) -> bool:
    """Whether the set has been downloaded."""
    return _where(name).is_file()


def _where(name: str) -> Path:
    return store.folder() / f"{name}.npz"


def fetch(name: str, told: Callable[[float, str], None]) -> None:
    """Download a set and keep its pictures as small integers; `told` is given the share done and a word about it.

    scikit-learn's download goes into a folder of its own, which also says how far it is, and is removed afterwards.

    Raises:
        ValueError: there is no network, or what came is no such set; one sentence.
    """
    import threading
    from urllib.error import URLError

    import numpy as np
    from sklearn.datasets import fetch_openml

    entry, over = FILE_SETS[name], threading.Event()
    with tempfile.TemporaryDirectory(dir=store.folder(), prefix="part-") as folder:

        def watch() -> None:
            while not over.wait(0.2):
                done = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
                told(min(0.8, 0.8 * done / SIZES[name]), f"{done / 1e6:.1f} of about {SIZES[name] / 1e6:.0f} MB")

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            images, labels = fetch_openml(
                entry.openml, version=1, return_X_y=True, as_frame=False, parser="liac-arff", data_home=folder
            )
        except (URLError, OSError) as error:
            reason = str(getattr(error, "reason", error)).splitlines()[0][:120]
            raise ValueError(
                f"{entry.title} could not be downloaded: openml.org cannot be reached ({reason}). Check the "
                "network and "
                "try again, or use the digits of 8x8 pixels, which are here already."
            ) from None
        finally:
            over.set()
            watcher.join(2)
    told(0.9, "packing")
    pixels = np.asarray(images)
    if pixels.ndim != 2 or pixels.shape[1] != entry.inputs or len(pixels) != len(labels):
        raise ValueError(f"What openml.org sent for {entry.title} has the shape {pixels.shape}; try again later.")
    packed = io.BytesIO()
    np.savez_compressed(
        packed,
        images=pixels.astype(np.uint8).reshape(-1, 1, *(entry.image or ())),
        labels=np.asarray(labels).astype(np.int64),
    )
    store.write(_where(name), packed.getvalue())
    told(1.0, "done")
