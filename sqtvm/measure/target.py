"""Where firmware is measured: ``emulator``, ``serial:PORT`` or ``none``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqtvm.errors import MeasurementError
from sqtvm.measure.line import DEFAULT_BAUD

_FORMS = "emulator, serial:PORT (as in serial:/dev/ttyACM0, serial:COM3@921600) or none"


@dataclass(frozen=True)
class Target:
    """port: what pyserial opens, a device or an address; empty unless kind is ``serial``."""

    kind: Literal["emulator", "serial", "none"]
    port: str = ""
    baudrate: int = DEFAULT_BAUD

    def __str__(self) -> str:
        return f"{self.kind}:{self.port}" if self.kind == "serial" else self.kind


def parse_target(text: str) -> Target:
    """MeasurementError where ``text`` is none of the forms."""
    kind, _, rest = text.partition(":")
    if text == "emulator":
        return Target("emulator")
    if text == "none":
        return Target("none")
    if kind == "serial" and rest:
        port, at, baudrate = rest.rpartition("@")
        if at and baudrate.isdecimal() and int(baudrate) > 0:
            return Target("serial", port, int(baudrate))
        return Target("serial", rest)
    raise MeasurementError(f"'{text}' is no target to measure on", f"use {_FORMS}")
