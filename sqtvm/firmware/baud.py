"""The rates that a UART really speaks."""

from __future__ import annotations

# Of one end of the line; a receiver that samples amid a bit bears about twice that.
MOST_DEVIATION = 0.025

# A bit is sampled at one of sixteen clocks.
_LEAST_CLOCKS = 16
# The rates that the nRF52840 has a value for, and what they really are by its specification.
_NRF_RATES = {9600: 9598, 115200: 115942, 230400: 231884, 460800: 470588, 921600: 941176}


def actual_baud(kind: str, clock_hz: int, baud: int) -> float | None:
    """Bits a second for a UART of that kind (as in a board file) that is asked for ``baud``; None
    where it cannot divide its clock so far, or so little."""
    if kind == "nrf-uart":
        return _NRF_RATES.get(baud)
    # Clocks a bit, in the steps that the divider has.
    step = {"rp2-uart": 1 / 4, "ns16550": 16}.get(kind, 1)
    clocks = max(round(clock_hz / baud / step), 1) * step
    return clock_hz / clocks if clocks >= _LEAST_CLOCKS else None
