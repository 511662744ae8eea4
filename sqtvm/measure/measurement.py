"""What the measure stage hands on, whatever the target was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sqtvm.firmware.memory_use import MemoryUse


@dataclass(frozen=True)
class LayerMeasurement:
    """One layer of one inference.

    instructions: executed, exact, emulator only; est_cycles: from the instructions by a named
    cycle model; measured_cycles: of the board's own counter, boards only.
    """

    name: str
    instructions: int | None
    est_cycles: float | None
    measured_cycles: int | None


@dataclass(frozen=True, eq=False)
class Measurement:
    """One firmware on one target.

    ms_source: "measured" (the board's counter), "emulated" (exact instructions through
    ``cycle_model``); outputs: int8 [samples, output bytes] for the inputs that were sent, each
    as it lies in memory; layers in execution order; the instructions outside any layer are in
    ``instructions`` only.
    """

    target: str
    layers: tuple[LayerMeasurement, ...]
    instructions: int | None
    est_cycles: float | None
    cycle_model: str | None
    measured_cycles: int | None
    ms: float
    ms_source: str
    memory: MemoryUse
    outputs: NDArray[np.int8]
