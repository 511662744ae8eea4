"""Places of labgrid: its QEMU and external console drivers, on this machine."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attr
import numpy as np
import pytest
from labgrid import target_factory
from labgrid.driver.common import Driver
from labgrid.protocol import BootstrapProtocol, PowerProtocol

from sqtvm.errors import MeasurementError
from sqtvm.firmware.boards import load_board
from sqtvm.measure.emulator import Emulator, Machine
from sqtvm.measure.target import parse_target
from sqtvm.measure.target_open import open_session

from .test_emulator import INPUT_BYTES, QEMU
from .test_emulator import expected as expected_sum
from .test_session import HASH, expected, sample

BOARD = load_board("stm32f746")
# Where pip puts labgrid's programs, on PATH or not.
BESIDE_PYTHON = Path(sys.executable).parent

QEMU_PLACE = """
targets:
  board:
    drivers:
      QEMUDriver:
        qemu_bin: qemu
        machine: {machine}
        cpu: {cpu}
        memory: 16M
        kernel: sqtvm
tools:
  qemu: qemu-system-arm
"""

CONSOLE_PLACE = """
targets:
  main:
    drivers:
      RecordedPowerDriver: {{}}
      RecordedFlashDriver: {{}}
      ExternalConsoleDriver:
        cmd: {program}
"""

REMOTE_PLACE = """
targets:
  main:
    resources:
      RemotePlace:
        name: shelf-3
    drivers:
      SerialDriver: {{}}
options:
  coordinator_address: {coordinator}
"""

EXPORTED = """
bench:
  NetworkSerialPort:
    host: 127.0.0.1
    port: {port}
    protocol: raw
"""

RECORD: list[str] = []


@target_factory.reg_driver
@attr.s(eq=False)
class RecordedPowerDriver(Driver, PowerProtocol):
    """What a farm's switched sockets are to labgrid."""

    def on(self) -> None:
        RECORD.append("on")

    def off(self) -> None:
        RECORD.append("off")

    def cycle(self) -> None:
        RECORD.append("cycle")


@target_factory.reg_driver
@attr.s(eq=False)
class RecordedFlashDriver(Driver, BootstrapProtocol):
    """What OpenOCDDriver is to labgrid."""

    def load(self, filename: str) -> None:
        RECORD.append(f"load {Path(filename).name}")
        if Path(filename).name == "broken.elf":
            raise OSError("Error: open failed")


@pytest.fixture(autouse=True)
def record() -> None:
    RECORD.clear()


def environment(folder: Path, text: str, **values: object) -> Path:
    path = folder / "env.yaml"
    path.write_text(text.format(**values))
    return path


def test_the_qemu_driver_runs_what_was_built(
    emulated_firmware: tuple[str, Path], tmp_path: Path
) -> None:
    machine, elf = emulated_firmware
    cpu = {"mps2-an386": "cortex-m4", "mps2-an500": "cortex-m7"}[machine]
    path = environment(tmp_path, QEMU_PLACE, machine=machine, cpu=cpu)
    target = parse_target(f"labgrid:{path}#board")
    with open_session(target, BOARD, elf) as session:
        assert session.identify().model == "known-instructions"
        for seed in range(3):
            x = np.random.default_rng(seed).integers(-128, 128, INPUT_BYTES).astype(np.int8)
            np.testing.assert_array_equal(session.infer(x)[0], expected_sum(x))
        session.reset()
        np.testing.assert_array_equal(session.infer(x)[0], expected_sum(x))


def test_power_flash_and_console_in_that_order(host_firmware: Path, tmp_path: Path) -> None:
    path = environment(tmp_path, CONSOLE_PLACE, program=host_firmware)
    with open_session(parse_target(f"labgrid:{path}"), BOARD, Path("firmware.elf")) as session:
        session.identify(HASH)
        for run in range(1, 4):
            y, result = session.infer(sample(run))
            np.testing.assert_array_equal(y, expected(sample(run)))
            assert result.stack_bytes == run
    assert RECORD == ["on", "load firmware.elf", "cycle"]


def test_a_place_is_measured_in_many_rounds(host_firmware: Path, tmp_path: Path) -> None:
    """A second reading of the environment would register its drivers twice, which fails."""
    (tmp_path / "own.py").write_text(
        "import attr\n"
        "from labgrid import target_factory\n"
        "from labgrid.driver import ExternalConsoleDriver\n"
        "@target_factory.reg_driver\n"
        "@attr.s(eq=False)\n"
        "class OwnConsoleDriver(ExternalConsoleDriver):\n"
        "    pass\n"
    )
    text = "imports: [own.py]\n" + CONSOLE_PLACE.replace("External", "Own")
    target = parse_target(f"labgrid:{environment(tmp_path, text, program=host_firmware)}")
    for turn in range(2):
        with open_session(target, BOARD, Path(f"round-{turn}.elf")) as session:
            assert session.infer(sample(turn))[1].stack_bytes == 1
    assert RECORD == ["on", "load round-0.elf", "cycle", "on", "load round-1.elf", "cycle"]


def test_a_driver_that_fails_says_so(host_firmware: Path, tmp_path: Path) -> None:
    target = parse_target(f"labgrid:{environment(tmp_path, CONSOLE_PLACE, program=host_firmware)}")
    with (
        pytest.raises(MeasurementError, match="#main: Error: open failed") as caught,
        open_session(target, BOARD, Path("broken.elf")),
    ):
        pass
    assert "acquire" in caught.value.hint


def test_a_console_that_ends_is_a_line_that_vanished(tmp_path: Path) -> None:
    target = parse_target(f"labgrid:{environment(tmp_path, CONSOLE_PLACE, program='/bin/true')}")
    with (
        pytest.raises(MeasurementError, match=r"vanished during 'identify': .*vanished"),
        open_session(target, BOARD, Path("firmware.elf")) as session,
    ):
        session.identify()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no labgrid environment"),
        ("targets: {other: {}}", "has no target 'main'"),
        ("targets: {main: {drivers: {NoSuchDriver: {}}}}", "NoSuchDriver"),
        ("targets: {main: {drivers: {}}}", "no ConsoleProtocol driver found"),
        ("targets: [", "Error in configuration file"),
    ],
)
def test_what_is_wrong_with_an_environment(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "env.yaml"
    if text is not None:
        path.write_text(text)
    target = parse_target(f"labgrid:{path}")
    with (
        pytest.raises(MeasurementError, match=message) as caught,
        open_session(target, BOARD, Path("firmware.elf")),
    ):
        pass
    assert "\n" not in str(caught.value)


@contextmanager
def program(folder: Path, *command: str) -> Iterator[None]:
    """A program of labgrid's, ended with the test."""
    with (folder / f"{command[0]}.log").open("wb") as log:
        process = subprocess.Popen(
            [BESIDE_PYTHON / command[0], *command[1:]], cwd=folder, stdout=log, stderr=log
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


def client(coordinator: str, *arguments: str) -> str:
    """labgrid-client, repeated until the coordinator and the exporter are up."""
    command = [BESIDE_PYTHON / "labgrid-client", "-x", coordinator, "-p", "shelf-3", *arguments]
    end = time.monotonic() + 30
    while True:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout
        assert time.monotonic() < end, done.stdout + done.stderr
        time.sleep(0.3)


@pytest.mark.parametrize("emulated_firmware", ["cortex-m4"], indirect=True)
def test_a_place_of_a_coordinator(emulated_firmware: tuple[str, Path], tmp_path: Path) -> None:
    """A board's serial port that another machine exports, lent by a coordinator."""
    machine, elf = emulated_firmware
    with socket.create_server(("127.0.0.1", 0)) as probe:
        coordinator = f"127.0.0.1:{probe.getsockname()[1]}"
    with ExitStack() as running:
        emulator = running.enter_context(Emulator(Machine(QEMU, machine), elf))
        resources = tmp_path / "exported.yaml"
        resources.write_text(EXPORTED.format(port=emulator.address.rpartition(":")[2]))
        running.enter_context(program(tmp_path, "labgrid-coordinator", "-l", coordinator))
        # It waits for the coordinator; the exporter gives up where there is none yet.
        client(coordinator, "create")
        exporter = ("labgrid-exporter", "-c", coordinator, "--hostname", "127.0.0.1", "-n", "lab")
        running.enter_context(program(tmp_path, *exporter, str(resources)))
        client(coordinator, "add-match", "lab/bench/NetworkSerialPort")
        path = environment(tmp_path, REMOTE_PLACE, coordinator=coordinator)
        client(coordinator, "acquire")
        with open_session(parse_target(f"labgrid:{path}"), BOARD, elf) as session:
            for seed in range(3):
                x = np.random.default_rng(seed).integers(-128, 128, INPUT_BYTES).astype(np.int8)
                np.testing.assert_array_equal(session.infer(x)[0], expected_sum(x))
        client(coordinator, "release")
