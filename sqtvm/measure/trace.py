"""A recorded supply current, and the energy of the inferences in it."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from sqtvm.errors import MeasurementError

# Of an inference's length, left out on both of its sides where idle current is looked for: a
# supply's capacitors take a while to follow.
_MARGIN = 0.1


@dataclass(frozen=True, eq=False)
class Trace:
    """seconds: float64, ascending; amperes: float64; volts: of the supply; trigger: bool, true
    while the board says that it computes, None where the meter has no such input."""

    seconds: NDArray[np.float64]
    amperes: NDArray[np.float64]
    volts: float
    trigger: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if len(self.seconds) != len(self.amperes) or len(self.seconds) < 2:
            raise MeasurementError("the recorded current has fewer than two samples")
        if np.any(np.diff(self.seconds) <= 0):
            raise MeasurementError("the recorded current's times do not ascend")


@dataclass(frozen=True)
class TraceEnergy:
    """Of one inference, the median over ``inferences``: net is without what flows at idle.

    millijoules; milliseconds: between the edges; idle_milliamperes: outside of them.
    """

    net_mj: float
    gross_mj: float
    ms: float
    idle_milliamperes: float
    inferences: int
    by_edges: bool


def inference_energy(trace: Trace) -> TraceEnergy:
    """Energy between each rising and falling edge of the trigger.

    Without a trigger the current itself is one, above the middle of its lowest and highest level.
    An inference that begins before the recording or ends after it does not count. Raises
    MeasurementError where none is left.
    """
    active = _active(trace)
    windows = _windows(active)
    if not windows:
        raise MeasurementError(
            "the recording holds no whole inference",
            "wire the board's trigger pin to the meter, and record from before the first inference",
        )
    idle = _idle(trace, active, windows)
    gross, net, lengths = [], [], []
    for first, end in windows:
        seconds, amperes = trace.seconds[first : end + 1], trace.amperes[first : end + 1]
        length = float(seconds[-1] - seconds[0])
        charge = float(np.trapezoid(amperes, seconds))
        gross.append(charge * trace.volts * 1e3)
        net.append((charge - idle * length) * trace.volts * 1e3)
        lengths.append(length * 1e3)
    return TraceEnergy(
        median(net),
        median(gross),
        median(lengths),
        idle * 1e3,
        len(windows),
        trace.trigger is not None,
    )


def _active(trace: Trace) -> NDArray[np.bool_]:
    if trace.trigger is not None:
        return trace.trigger
    low, high = np.percentile(trace.amperes, (5, 95))
    if high <= 1.05 * low:
        raise MeasurementError(
            "the recorded current is as high at idle as it is while computing",
            "use a meter with a trigger input, and wire the board's trigger pin to it",
        )
    return np.asarray(trace.amperes > (low + high) / 2)


def _windows(active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First sample of each stretch, and the first after it; only stretches with both edges."""
    edges = np.diff(active.astype(np.int8))
    rising, falling = np.flatnonzero(edges == 1) + 1, np.flatnonzero(edges == -1) + 1
    if len(rising) == 0:
        return []
    falling = falling[falling > rising[0]]
    return [(int(first), int(end)) for first, end in zip(rising, falling, strict=False)]


def _idle(trace: Trace, active: NDArray[np.bool_], windows: list[tuple[int, int]]) -> float:
    """The median current outside of all inferences and their margins, in amperes; 0 where the
    recording has nothing but inferences."""
    quiet = ~active
    for first, end in windows:
        margin = max(1, round(_MARGIN * (end - first)))
        quiet[max(0, first - margin) : end + margin] = False
    return float(np.median(trace.amperes[quiet])) if quiet.any() else 0.0
