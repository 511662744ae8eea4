"""What the measure stage hands on, whatever the target was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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


@dataclass(frozen=True)
class MemoryUse:
    """Bytes. flash_* are from the ELF's sections and symbols; ram_workspace is the planner's
    static workspace; ram_static is every other initialised or zeroed object; ram_stack is the
    high-water mark that the firmware reported, or the reserved stack when nothing ran."""

    flash_weights: int
    flash_code: int
    flash_other: int
    ram_workspace: int
    ram_static: int
    ram_stack: int

    @property
    def flash_bytes(self) -> int:
        return self.flash_weights + self.flash_code + self.flash_other

    @property
    def ram_bytes(self) -> int:
        return self.ram_workspace + self.ram_static + self.ram_stack


@dataclass(frozen=True, eq=False)
class Measurement:
    """One firmware on one target.

    ms_source: "measured" (the board's counter), "emulated" (exact instructions through
    ``cycle_model``); outputs: int8 [samples, *output shape] for the inputs that were sent;
    layers in execution order; the instructions outside any layer are in ``instructions`` only.
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
