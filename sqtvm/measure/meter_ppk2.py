"""Nordic's Power Profiler Kit II, by the package ``ppk2-api``: 100,000 samples a second.

The board is fed through the kit (its VOUT at the board's supply voltage); the trigger pin goes to
digital channel 0.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from sqtvm.errors import MeasurementError, ToolError
from sqtvm.measure.trace import Trace

_SAMPLES_PER_SECOND = 100_000
_POLL_SECONDS = 0.01


class Ppk2Meter:
    """port: of the kit; volts: that it feeds the board with."""

    def __init__(self, port: str, volts: float) -> None:
        self._port = port
        self._volts = volts

    def record(self, during: Callable[[], None]) -> Trace:
        kit = self._open()
        chunks: list[bytes] = []
        stop = threading.Event()

        def collect() -> None:
            while not stop.wait(_POLL_SECONDS):
                chunks.append(kit.get_data())

        reader = threading.Thread(target=collect, daemon=True)
        try:
            kit.start_measuring()
            reader.start()
            during()
        finally:
            stop.set()
            reader.join()
            kit.stop_measuring()
        return _trace(kit, chunks, self._volts)

    def _open(self) -> Any:
        try:
            api = importlib.import_module("ppk2_api.ppk2_api")
        except ImportError as error:
            raise ToolError(
                "the driver of the Power Profiler Kit II is missing", "pip install ppk2-api"
            ) from error
        try:
            kit = api.PPK2_API(self._port)
            kit.get_modifiers()
            kit.set_source_voltage(round(1000 * self._volts))
            kit.use_source_meter()
            kit.toggle_DUT_power("ON")
        except Exception as error:
            raise MeasurementError(
                f"the Power Profiler Kit II at {self._port} does not answer: {error}",
                "check the port (two are shown, the first is it) and that no other program has it",
            ) from error
        return kit


def _trace(kit: Any, chunks: list[bytes], volts: float) -> Trace:
    """Samples in microamperes, and the digital channels as bits, of what the kit sent."""
    currents: list[float] = []
    channels: list[int] = []
    for chunk in chunks:
        if chunk:
            values, bits = kit.get_samples(chunk)
            currents += values
            channels += bits
    count = min(len(currents), len(channels))
    seconds = np.arange(count) / _SAMPLES_PER_SECOND
    trigger = np.array([bool(bits & 1) for bits in channels[:count]])
    return Trace(seconds, np.array(currents[:count]) * 1e-6, volts, trigger)
