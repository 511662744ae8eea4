"""Runs ``sqtvm`` commands for the tests of the documentation.

``python -m tests.docs.command_server SOCKET``: imports torch, TVM and sqtvm once, then forks a
process for every command that the stand-in program ``sqtvm`` hands over, in the caller's folder,
with its environment and its standard streams. What a command needs of hardware is put in its place
here: the serial port of the virtual board, energy meters, and labgrid's driver that flashes.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import attr
import labgrid.driver
import numpy as np
import serial
from labgrid import target_factory
from labgrid.driver.common import Driver
from labgrid.protocol import BootstrapProtocol
from serial.tools import list_ports

from sqtvm import api, calibrate, pipeline
from sqtvm.cli import main as command
from sqtvm.firmware.boards import Board, board_names, load_board
from sqtvm.frontend.load import load_model
from sqtvm.frontend.model import Model
from sqtvm.measure import calibrated
from sqtvm.measure.calibrated import Calibration
from sqtvm.measure.cycles import Span
from sqtvm.measure.target import Target
from sqtvm.progress import OnProgress
from sqtvm.quantize.loss import Loss, found_loss
from sqtvm.settings import DeploySettings
from tests.cli.conftest import FakeResult
from tests.report.samples import report

# Imported so that no command has to.
__all__ = ["api", "labgrid"]

BOARD_PORT = "/dev/ttyACM0"
_RATE = 100_000
# 4 ms at 110 mA, 6 ms at 20 mA.
_TRIGGER = np.tile(np.repeat([False, True, False], [300, 400, 300]), 20)
_AMPERES = np.where(_TRIGGER, 0.110, 0.020)


def serve(path: Path) -> None:
    put_in_place()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        while True:
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                handle(connection)
            connection.close()


def handle(connection: socket.socket) -> None:
    """Never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    status = 70
    try:
        message, streams, _, _ = socket.recv_fds(connection, 1 << 20, 3)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        # Those of this process remember whether what they wrote to before could seek.
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        asked = json.loads(message)
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        sys.argv = [asked["program"], *asked["arguments"]]
        if asked["environment"].get("SQTVM_ONLY_CHECK"):
            pipeline.deploy = checked_deploy  # type: ignore[assignment]
            calibrate.calibrate = checked_calibration  # type: ignore[assignment]
        if asked["program"] == "sqtvm":
            command()
        else:
            sys.argv = asked["arguments"]
            sys.path.insert(0, asked["folder"])
            runpy.run_path(sys.argv[0], run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        connection.sendall(bytes([status]))
        os._exit(0)


def checked_deploy(
    settings: DeploySettings,
    _: OnProgress,
    read: Callable[[], Model] | None = None,
    loss: Loss | None = None,
) -> FakeResult:
    """Everything that a deployment is asked for is there; but what it leaves is what the folder's
    earlier deployment left."""
    load_board(settings.board)
    found_loss(loss or settings.loss)
    if read is not None:
        read()
        return FakeResult(report())
    sources = (settings.model, settings.data, settings.calibration, settings.training)
    if "examples" in Path.cwd().parts:
        # Their data comes with packages that may not be installed.
        for source in sources:
            assert source is None or Path(source.partition(":")[0] + ".py").is_file(), source
    else:
        assert settings.data
        load_model(*sources)  # type: ignore[arg-type]
        if not settings.out.exists():
            ignored = shutil.ignore_patterns("build")
            shutil.copytree("sqtvm-out", settings.out, ignore=ignored)
    return FakeResult(report())


def checked_calibration(board: Board, target: Target, *_: Any) -> tuple[Calibration, Path]:
    assert target.kind == "serial"
    span = Span(low=1, likely=1, high=1)
    found = Calibration(
        base="m", base_version=1, board=board.name, date="", layers=3, scale=span, fills=1
    )
    return found, calibration_path(board)


def put_in_place() -> None:
    real = serial.serial_for_url

    def serial_for_url(url: str, *arguments: Any, **options: Any) -> Any:
        board = os.environ.get("SQTVM_VIRTUAL_BOARD", "")
        return real(board if url.startswith("/dev/tty") else url, *arguments, **options)

    serial.serial_for_url = serial_for_url
    list_ports.comports = connected_ports
    calibrated.calibration_path = calibration_path
    calibrate.calibration_path = calibration_path
    for name, module in (("ppk2_api.ppk2_api", "PPK2_API"), ("joulescope", "scan_require_one")):
        fake = ModuleType(name)
        setattr(fake, module, PowerProfilerKit if "ppk2" in name else Joulescope)
        sys.modules[name] = fake


def calibration_path(board: Board) -> Path:
    """In the current folder, not beside the board files of the checkout."""
    return Path.cwd() / f"{board.name}.cycles.toml"


def connected_ports() -> list[SimpleNamespace]:
    """One port, with the USB id of the board that was flashed last."""
    last = Path(os.environ["SQTVM_VIRTUAL_BOARD_NAME"]).read_text()
    usb = load_board(last).usb if last in board_names() else ()
    if not usb:
        return []
    vendor, _, product = usb[0].partition(":")
    port = SimpleNamespace(
        device=BOARD_PORT, vid=int(vendor, 16), pid=int(product, 16), serial_number="1"
    )
    return [port]


class PowerProfilerKit:
    """Sends a recorded trace, by the interface of ppk2-api that sqtvm uses."""

    def __init__(self, port: str) -> None:
        self.sent = 0

    def get_modifiers(self) -> None: ...

    def set_source_voltage(self, millivolts: int) -> None: ...

    def use_source_meter(self) -> None: ...

    def toggle_DUT_power(self, state: str) -> None:  # noqa: N802
        assert state == "ON"

    def start_measuring(self) -> None: ...

    def stop_measuring(self) -> None: ...

    def get_data(self) -> bytes:
        first, self.sent = self.sent, min(self.sent + 8000, len(_AMPERES))
        return np.arange(first, self.sent, dtype=np.uint32).tobytes()

    def get_samples(self, data: bytes) -> tuple[list[float], list[int]]:
        numbers = np.frombuffer(data, np.uint32)
        return list(_AMPERES[numbers] * 1e6), [int(high) for high in _TRIGGER[numbers]]


class Joulescope:
    """Gives a recorded trace, by the interface of the package joulescope that sqtvm uses."""

    def __init__(self, name: str) -> None:
        self.stream_buffer = self
        self.sample_id_range = (0, len(_AMPERES))

    def __enter__(self) -> Joulescope:
        return self

    def __exit__(self, *_: object) -> None: ...

    def parameter_set(self, name: str, value: str) -> None: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def samples_get(self, first: int, last: int, fields: Any) -> dict[str, Any]:
        signals = {
            "current": _AMPERES,
            "voltage": np.full(len(_AMPERES), 3.3),
            "current_lsb": _TRIGGER.astype(np.uint8),
        }
        return {
            "time": {"sampling_frequency": {"value": _RATE}},
            "signals": {name: {"value": signals[name]} for name in fields},
        }


@target_factory.reg_driver
@attr.s(eq=False)
class VirtualBoardDriver(Driver, BootstrapProtocol):
    """What OpenOCDDriver is to labgrid, for the virtual board."""

    def load(self, filename: str) -> None:
        program = ["openocd", "-c", f"program {{{filename}}} verify reset exit"]
        subprocess.run(program, check=True)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
