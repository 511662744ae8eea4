"""What the measure stage hands on, whatever the target was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sqtvm.firmware.memory_use import MemoryUse


@dataclass(frozen=True)
class Repeatability:
    """Cycles of so many runs by the board's own counter."""

    runs: int
    minimum: int
    median: int
    maximum: int


@dataclass(frozen=True)
class Energy:
    """Of one inference, in millijoules.

    source: "measured" (a meter) or "modelled" (the board's supply current); detail: by what.
    """

    mj: float
    source: str
    detail: str


@dataclass(frozen=True)
class LayerMeasurement:
    """One layer of one inference.

    instructions: executed, exact, emulator only; est_cycles: from the instructions by a named
    cycle model; measured_cycles: of the board's own counter, boards only, the median of several
    runs; ms: of measured_cycles where there are any, of est_cycles otherwise; by_class: the
    instructions by class (load, store, mac, alu, branch); repeatability: boards only; mj:
    modelled, by the layer's time, None where nothing is known of the board's current or a meter
    measured the whole.
    """

    name: str
    instructions: int | None
    est_cycles: float | None
    measured_cycles: int | None
    ms: float | None = None
    by_class: Mapping[str, int] = field(default_factory=dict)
    repeatability: Repeatability | None = None
    mj: float | None = None


@dataclass(frozen=True, eq=False)
class Measurement:
    """One firmware on one target.

    ms_source: "measured" (the board's counter), "emulated" (exact instructions through
    ``cycle_model``, whose range for the whole inference is ``est_cycles_range``); outputs: int8
    [samples, output bytes] for the inputs that were sent, each as it lies in memory; layers in
    execution order; the instructions outside any layer are in ``instructions`` only.
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
    est_cycles_range: tuple[float, float] | None = None
    repeatability: Repeatability | None = None
    energy: Energy | None = None
