"""An INA219, INA226 or their like on this machine's I2C bus, by Linux' own driver.

The kernel shows it below ``/sys/class/hwmon``; it has no trigger input, so the current itself is
the trigger, and with about a thousand samples a second inferences should take 20 ms or more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sqtvm.errors import MeasurementError
from sqtvm.measure.trace import Trace

_FOLDER = Path("/sys/class/hwmon")
_NAMES = ("ina219", "ina220", "ina226", "ina230", "ina231", "ina2xx")


class Ina2xxMeter:
    """folder: where the kernel lists its monitors."""

    def __init__(self, folder: Path = _FOLDER) -> None:
        self._folder = folder

    def record(self, during: Callable[[], None]) -> Trace:
        monitor = self._monitor()
        rows: list[tuple[float, int, int]] = []
        stop = threading.Event()

        def collect() -> None:
            while not stop.is_set():
                # Milliamperes and millivolts, says the kernel's interface.
                current = int((monitor / "curr1_input").read_text())
                voltage = int((monitor / "in1_input").read_text())
                rows.append((time.monotonic(), current, voltage))

        reader = threading.Thread(target=collect, daemon=True)
        reader.start()
        try:
            during()
        finally:
            stop.set()
            reader.join()
        seconds, current, voltage = np.array(rows, np.float64).T
        return Trace(seconds - seconds[0], current * 1e-3, float(np.median(voltage)) * 1e-3)

    def _monitor(self) -> Path:
        for folder in sorted(self._folder.glob("hwmon*")):
            name = folder / "name"
            if name.is_file() and name.read_text().strip() in _NAMES:
                return folder
        raise MeasurementError(
            f"there is no INA2xx below {self._folder}",
            "load its driver: modprobe ina2xx, and tell the bus its address",
        )
