"""Instruments that record a board's supply current: one small interface, a file for each kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from sqtvm.errors import MeasurementError
from sqtvm.measure.trace import Trace

_FORMS = "ppk2:PORT (as in ppk2:/dev/ttyACM1), joulescope, ina2xx or csv:FILE"


class Meter(Protocol):
    """``record`` runs ``during`` and gives the current that flowed meanwhile.

    Raises ToolError where a driver is missing and MeasurementError where the instrument is.
    """

    def record(self, during: Callable[[], None]) -> Trace: ...


@dataclass(frozen=True)
class MeterName:
    """place: the port or file; empty unless the kind has one."""

    kind: Literal["ppk2", "joulescope", "ina2xx", "csv"]
    place: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.place}" if self.place else self.kind


def parse_meter(text: str) -> MeterName:
    """MeasurementError where ``text`` is none of the forms."""
    kind, _, place = text.partition(":")
    if kind == "ppk2" and place:
        return MeterName("ppk2", place)
    if kind == "csv" and place:
        return MeterName("csv", place)
    if text == "joulescope":
        return MeterName("joulescope")
    if text == "ina2xx":
        return MeterName("ina2xx")
    raise MeasurementError(f"'{text}' is no meter", f"use {_FORMS}")


def open_meter(name: MeterName, volts: float) -> Meter:
    """volts: of the board's supply, which PPK2 sets or is told; others measure their own."""
    if name.kind == "csv":
        from sqtvm.measure.meter_csv import CsvMeter

        return CsvMeter(Path(name.place), volts)
    if name.kind == "ppk2":
        from sqtvm.measure.meter_ppk2 import Ppk2Meter

        return Ppk2Meter(name.place, volts)
    if name.kind == "joulescope":
        from sqtvm.measure.meter_joulescope import JoulescopeMeter

        return JoulescopeMeter()
    from sqtvm.measure.meter_ina2xx import Ina2xxMeter

    return Ina2xxMeter()
