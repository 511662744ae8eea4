"""What the load stage hands on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sqtvm.frontend.graph import FloatArray, Graph


@dataclass(frozen=True, eq=False)
class Samples:
    """x: float32 [count, *input shape]; y: int64 [count] class labels, or None."""

    x: FloatArray
    y: NDArray[np.int64] | None
    source: str

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True, eq=False)
class Model:
    """A network with the data to calibrate, fine-tune and judge it by.

    calibration: a few hundred samples for ranges and biases; evaluation: what accuracy is
    measured on, never used to choose anything; training: labelled samples for fine-tuning and
    for the accuracy that guides the allocation, or None.
    """

    name: str
    graph: Graph
    calibration: Samples
    evaluation: Samples
    training: Samples | None = None
