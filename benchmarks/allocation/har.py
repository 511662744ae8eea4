"""The accelerometer windows of examples/activity."""

from __future__ import annotations

import numpy as np
from torch.utils.data import TensorDataset

from benchmarks.allocation.example import module
from benchmarks.allocation.samples import Split
from sqtvm.errors import DataError
from sqtvm.frontend.model import Samples

_windows = module("activity", "accelerometer")
CLASSES: int = _windows.CLASSES


def load() -> Split:
    """Windows float32 [count, 3, 1, 128] in g, split by user, with the activity (0 to 5)."""
    try:
        return Split(_samples(_windows.train()), _samples(_windows.test()))
    except FileNotFoundError as error:
        raise DataError(str(error)) from error


def _samples(windows: TensorDataset) -> Samples:
    x, y = (tensor.numpy() for tensor in windows.tensors)
    return Samples(x, y.astype(np.int64), _windows.PACKAGE)
