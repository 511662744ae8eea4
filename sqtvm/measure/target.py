"""Where firmware is measured: what ``--measure`` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqtvm.errors import MeasurementError
from sqtvm.measure.line import DEFAULT_BAUD

# The port of a board that is found by its USB ids.
AUTO = "auto"
_DEFAULT_PLACE = "main"
_FORMS = (
    "emulator, serial:auto, serial:PORT (as in serial:/dev/ttyACM0, serial:COM3@921600), "
    "labgrid:ENV.yaml#PLACE or none"
)


@dataclass(frozen=True)
class Target:
    """port: for ``serial``, what pyserial opens, a device or an address, or ``auto``; for
    ``labgrid``, the environment's file; place: the labgrid target in it."""

    kind: Literal["emulator", "serial", "labgrid", "none"]
    port: str = ""
    baudrate: int = DEFAULT_BAUD
    place: str = ""

    def __str__(self) -> str:
        if self.kind == "labgrid":
            return f"labgrid:{self.port}#{self.place}"
        return f"serial:{self.port}" if self.kind == "serial" else self.kind


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
    if kind == "labgrid" and rest:
        environment, _, place = rest.partition("#")
        if environment:
            return Target("labgrid", environment, place=place or _DEFAULT_PLACE)
    raise MeasurementError(f"'{text}' is no target to measure on", f"use {_FORMS}")
