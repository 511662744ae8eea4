"""The accelerometer windows of examples/activity, each user's tested in one of five folds."""

from __future__ import annotations

import numpy as np
from torch.utils.data import TensorDataset

from benchmarks.allocation.example import module
from benchmarks.allocation.samples import Split
from sqtvm.errors import DataError
from sqtvm.frontend.model import Samples

_windows = module("activity", "accelerometer")
CLASSES: int = _windows.CLASSES
FOLDS = range(5)


def load(fold: int) -> Split:
    """Windows float32 [count, 3, 1, 128] in g with the activity (0 to 5); the test's are those of
    every fifth user of the thirty, beginning with user ``fold`` (0 is the fifth)."""
    try:
        return Split(
            _samples(_windows.windows_of(lambda user: user % len(FOLDS) != fold)),
            _samples(_windows.windows_of(lambda user: user % len(FOLDS) == fold)),
        )
    except FileNotFoundError as error:
        raise DataError(str(error)) from error


def _samples(windows: TensorDataset) -> Samples:
    x, y = (tensor.numpy() for tensor in windows.tensors)
    return Samples(x, y.astype(np.int64), _windows.PACKAGE)
