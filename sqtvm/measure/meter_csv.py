"""Recordings that another program made, as CSV with a header.

The columns are found by their names: a time (``Timestamp(ms)``, ``time_us``, ``Time (s)``; seconds
where no unit stands), a current (``Current(uA)``, ``current_mA``, ``I [A]``; amperes), perhaps a
voltage, and perhaps a trigger: ``trigger``, ``D0``, ``gpi0``, or ``D0-D7`` with one digit a line,
as Nordic's Power Profiler exports it, of which D0 is taken.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sqtvm.errors import MeasurementError
from sqtvm.measure.trace import Trace

_TIME = re.compile(r"time|^t\b|seconds", re.IGNORECASE)
_CURRENT = re.compile(r"current|amps|amperes|^i\b", re.IGNORECASE)
_VOLTAGE = re.compile(r"volt|^v\b", re.IGNORECASE)
_TRIGGER = re.compile(r"trigger|^d0(-d7)?$|gpi_?0?$|in0", re.IGNORECASE)
_UNIT = re.compile(r"(?<![A-Za-z])([nuµm]?)([sAV])(?![A-Za-z])")
_PREFIXES = {"": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "n": 1e-9}


@dataclass(frozen=True)
class CsvMeter:
    """volts: where the file has no column for it."""

    path: Path
    volts: float

    def record(self, during: Callable[[], None]) -> Trace:
        """The file's recording; it is read after ``during``, so that it may be made meanwhile."""
        during()
        return read_trace(self.path, self.volts)


def read_trace(path: Path, volts: float) -> Trace:
    """Raises MeasurementError naming the file and what is wrong with it."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise MeasurementError(
            f"{path}: cannot be read: {reason}",
            "give the CSV file that the instrument's program exports",
        ) from error
    if len(rows) < 2:
        raise MeasurementError(f"{path}: is empty", "record again")
    header = [name.strip() for name in rows[0]]
    time, current = _column(header, _TIME), _column(header, _CURRENT)
    if time is None or current is None:
        raise MeasurementError(
            f"{path}: no column for {'time' if time is None else 'current'} among "
            f"{', '.join(header)}",
            "name the columns in the first line, as time_s, current_mA and trigger",
        )
    voltage, trigger = _column(header, _VOLTAGE), _column(header, _TRIGGER)
    try:
        columns = list(zip(*(row for row in rows[1:] if row), strict=True))
        seconds = _numbers(columns[time], header[time])
        amperes = _numbers(columns[current], header[current])
        own = None if voltage is None else _numbers(columns[voltage], header[voltage])
        high = None if trigger is None else np.array([_is_high(x) for x in columns[trigger]])
    except (ValueError, IndexError) as error:
        raise MeasurementError(
            f"{path}: a line has no numbers in the columns of the first: {error}",
            "every line needs a number in each column that the first line names",
        ) from error
    return Trace(seconds, amperes, volts if own is None else float(np.median(own)), high)


def _column(header: Sequence[str], name: re.Pattern[str]) -> int | None:
    return next((place for place, text in enumerate(header) if name.search(text)), None)


def _numbers(column: Sequence[str], name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    unit = _UNIT.search(name.replace("_", " "))
    return np.array([float(x) for x in column]) * _PREFIXES[unit.group(1) if unit else ""]


def _is_high(text: str) -> bool:
    """``1``, ``1.0``, ``true``; of several digits the first, which is D0."""
    digits = text.strip().lower()
    if len(digits) == 8 and set(digits) <= {"0", "1"}:
        return digits[0] == "1"
    return digits == "true" or (digits != "false" and float(digits) > 0.5)
