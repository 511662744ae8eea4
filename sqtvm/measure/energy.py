"""Energy of one inference: modelled from the board's supply current, or measured by a meter."""

from __future__ import annotations

from sqtvm.firmware.boards import Board
from sqtvm.measure.measurement import Energy
from sqtvm.measure.meter import MeterName
from sqtvm.measure.trace import Trace, inference_energy

_DEFAULT_VOLTS = 3.3


def supply_volts(board: Board) -> float:
    """What the board file says of its supply; 3.3 where it says nothing."""
    return _DEFAULT_VOLTS if board.power is None else board.power.supply_volts


def modelled_energy(board: Board, ms: float) -> Energy | None:
    """Supply voltage times running current times ``ms``; None where the board file has neither.

    It is the whole chip's, what it draws at idle included, with peripherals off, from the
    datasheet's typical figures for the board's clock and the memory that its code runs from.
    Weights of instruction classes are published for none of these chips, so every instruction
    counts alike.
    """
    power = board.power
    if power is None:
        return None
    memory = board.placement.code
    milliamperes = power.run_milliamperes(board.clock_hz, memory)
    place = ""
    if not power.knows(board.clock_hz, memory):
        known = ", ".join(f"{line.memory} at {line.clock_hz / 1e6:g} MHz" for line in power.run)
        place = f" from {memory} at {board.clock_hz / 1e6:g} MHz, by the figures for {known}"
    detail = (
        f"{milliamperes:.4g} mA at {power.supply_volts:g} V while it computes{place} "
        f"({power.conditions})"
    )
    return Energy(power.supply_volts * milliamperes * ms / 1e3, "modelled", detail)


def measured_energy(trace: Trace, meter: MeterName) -> Energy:
    """The median inference of a recording, without what flows at idle; MeasurementError where
    the recording holds none."""
    found = inference_energy(trace)
    how = "edges of the trigger pin" if found.by_edges else "steps of the current itself"
    detail = (
        f"{meter}, median of {found.inferences} inferences of {found.ms:.3f} ms by {how}, "
        f"{found.idle_milliamperes:.2f} mA of idle current subtracted "
        f"({found.gross_mj:.4f} mJ with it)"
    )
    return Energy(found.net_mj, "measured", detail)
