"""A Joulescope, by its own package ``joulescope``; the trigger pin goes to its input 0."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from sqtvm.errors import MeasurementError, ToolError
from sqtvm.measure.trace import Trace

_FIELDS = ("current", "voltage", "current_lsb")


class JoulescopeMeter:
    """The first instrument that is connected."""

    def record(self, during: Callable[[], None]) -> Trace:
        device = _open()
        failed: list[BaseException] = []

        def run() -> None:
            try:
                during()
            except BaseException as error:
                failed.append(error)
            finally:
                device.stop()

        with device:
            device.parameter_set("i_range", "auto")
            device.start()
            worker = threading.Thread(target=run)
            worker.start()
            worker.join()
            if failed:
                raise failed[0]
            data = device.stream_buffer.samples_get(
                *device.stream_buffer.sample_id_range, fields=_FIELDS
            )
        return trace_of(data)


def trace_of(data: Any) -> Trace:
    """Of what the package gives for a recording: values by signal, and the sampling rate."""
    signals = data["signals"]
    current = np.asarray(signals["current"]["value"], np.float64)
    voltage = np.asarray(signals["voltage"]["value"], np.float64)
    trigger = np.asarray(signals["current_lsb"]["value"]).astype(bool)
    # The instrument marks samples that it lost as not a number.
    kept = np.isfinite(current) & np.isfinite(voltage)
    seconds = np.arange(len(current)) / float(data["time"]["sampling_frequency"]["value"])
    if not kept.any():
        raise MeasurementError("the Joulescope gave no samples", "record again")
    return Trace(seconds[kept], current[kept], float(np.median(voltage[kept])), trigger[kept])


def _open() -> Any:
    try:
        package = importlib.import_module("joulescope")
    except ImportError as error:
        raise ToolError("the Joulescope's driver is missing", "pip install joulescope") from error
    try:
        return package.scan_require_one(name="Joulescope")
    except Exception as error:
        raise MeasurementError(
            f"no Joulescope is found: {error}", "check its cable, and its udev rules on Linux"
        ) from error
