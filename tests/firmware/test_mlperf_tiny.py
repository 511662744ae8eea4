"""The MLPerf Tiny harness in the emulator, by a script written from the published protocol: the
commands of EEMBC's EnergyRunner and of MLCommons' open runner."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import serial

from sqtvm.errors import SqtvmError
from sqtvm.firmware.archive import read_archive
from sqtvm.firmware.boards import load_board
from sqtvm.firmware.build import Variant, build
from sqtvm.firmware.harness import Harness
from sqtvm.firmware.project import generate
from sqtvm.measure.emulator import Emulator, Machine
from tests.firmware import reference_network
from tests.firmware.conftest import Builder
from tests.firmware.fake_archive import expected

OUTPUT_SCALE, OUTPUT_ZERO_POINT = 2.0, -7
INPUT_SCALE, INPUT_ZERO_POINT = 0.1, 3
BYTES_A_COMMAND = 31


class Runner:
    """The computer's side: a command, then lines until the target is ready again."""

    def __init__(self, line: serial.SerialBase) -> None:
        self._line = line
        self._received = b""

    def until_ready(self) -> list[str]:
        lines: list[str] = []
        while not lines or lines[-1] != "m-ready":
            end = self._received.find(b"\r\n")
            if end < 0:
                data = self._line.read(1)
                assert data, f"silence after {lines} and {self._received!r}"
                self._received += data + self._line.read(self._line.in_waiting)
                continue
            lines.append(self._received[:end].decode("ascii"))
            self._received = self._received[end + 2 :]
        return lines[:-1]

    def ask(self, command: str) -> list[str]:
        self._line.write(f"{command}%".encode())
        return self.until_ready()

    def load(self, data: bytes) -> list[str]:
        answer = self.ask(f"db load {len(data)}")
        assert answer == [f"m-[Expecting {len(data)} bytes]"]
        for begin in range(0, len(data), BYTES_A_COMMAND):
            answer = self.ask(f"db {data[begin : begin + BYTES_A_COMMAND].hex()}")
        return answer


@pytest.fixture(scope="module")
def images(builder: Builder) -> dict[str, Path]:
    """The fake network on the emulated F746, once for each kind of input."""
    project = builder.project("stm32f746")
    return {
        model: build(project, "emulator", harness=Harness("mlperf-tiny", model)).elf.rename(
            project.path / f"{model}.elf"
        )
        for model in ("ic01", "kws01", "ad01")
    }


@contextmanager
def runner(elf: Path) -> Iterator[Runner]:
    machine = Machine("qemu-system-arm", "mps2-an500")
    with (
        Emulator(machine, elf) as emulator,
        serial.serial_for_url(emulator.address, timeout=10) as line,
    ):
        found = Runner(line)
        announced = found.until_ready()
        assert announced[0] == "m-timestamp-mode-performance"
        assert re.fullmatch(r"m-lap-us-\d+", announced[1])
        assert announced[2:] == ["m-init-done"]
        yield found


def results(line: str) -> list[float]:
    match = re.fullmatch(r"m-results-\[([^\]]+)\]", line)
    assert match, line
    assert re.fullmatch(r"-?\d+\.\d{3}(,-?\d+\.\d{3})*", match[1])
    return [float(value) for value in match[1].split(",")]


def real(x: np.ndarray) -> list[float]:
    return [OUTPUT_SCALE * (int(value) - OUTPUT_ZERO_POINT) for value in expected(x)]


def test_the_handshake_names_device_profile_and_model(images: dict[str, Path]) -> None:
    with runner(images["ic01"]) as dut:
        assert dut.ask("name") == ["m-name-dut-[sqtvm]"]
        assert dut.ask("profile") == [
            "m-profile-[ULPMark for tinyML Firmware V0.0.1]",
            "m-model-[ic01]",
        ]
        assert re.fullmatch(r"m-lap-us-\d+", *dut.ask("timestamp"))
        # What a runner sends to flush half a command of another program.
        assert dut.ask("nam")[0].startswith("e-[Unknown command: nam")
        assert dut.ask("") == ["e-[Unknown command: ]"]
        assert any("infer N" in line for line in dut.ask("help"))


def test_inferences_on_images(images: dict[str, Path]) -> None:
    """Image files hold 0 to 255; the network's values are 128 less."""
    random = np.random.default_rng(5)
    with runner(images["ic01"]) as dut:
        for _ in range(5):
            pixels = random.integers(0, 254, 6).astype(np.uint8)
            assert dut.load(pixels.tobytes()) == ["m-load-done"]
            assert dut.ask("db print") == ["m-buffer-" + pixels.tobytes().hex("-")]
            x = (pixels.astype(np.int16) - 128).astype(np.int8)
            answer = dut.ask("infer 20 5")
            assert answer[:3] == ["m-warmup-start-5", "m-warmup-done", "m-infer-start-20"]
            assert re.fullmatch(r"m-lap-us-\d+", answer[3])
            assert re.fullmatch(r"m-lap-us-\d+", answer[4])
            assert answer[5] == "m-infer-done"
            assert results(answer[6]) == real(x)
            assert len(answer) == 7
            assert results(*dut.ask("results")) == real(x)
        # One image serves for many commands.
        assert results(dut.ask("infer 1 0")[-1]) == real(x)
        assert dut.ask("infer")[2] == "m-infer-start-1"


def test_inferences_on_quantized_features(images: dict[str, Path]) -> None:
    x = np.array([1, -2, 3, -40, 50, -6], np.int8)
    with runner(images["kws01"]) as dut:
        assert "m-model-[kws01]" in dut.ask("profile")
        assert dut.load(x.tobytes()) == ["m-load-done"]
        assert results(dut.ask("infer 3 1")[-1]) == real(x)


def test_inferences_on_real_numbers(images: dict[str, Path]) -> None:
    values = np.array([0.0, -1.04, 2.5, 900.0, -900.0, 0.26], np.float32)
    quantized = np.round(values / INPUT_SCALE) + INPUT_ZERO_POINT
    x = np.clip(quantized, -128, 125).astype(np.int8)
    values[3] = (125 - INPUT_ZERO_POINT) * INPUT_SCALE
    with runner(images["ad01"]) as dut:
        assert dut.load(struct.pack("<6f", *values)) == ["m-load-done"]
        assert results(dut.ask("infer 2 0")[-1]) == real(x)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("db", "e-[Command 'db' requires a subcommand]"),
        ("db load", "e-[Command 'db load' requires the # of bytes]"),
        ("db load 0", "e-[Command 'db load' must be >0 bytes]"),
        ("db load 7", "e-[Supplied buffer size 7 exceeds maximum of 6]"),
        ("db load 99999999999", "e-[Command 'db load' must be >0 bytes]"),
        ("db 123", "e-[Insufficent number of hex digits]"),
        ("db 12xy", "e-[Invalid hex digit 'xy']"),
        ("infer 0", "e-[Inference iterations must be >0]"),
        ("infer 1 -1", "e-[Inference warmup must be >=0]"),
        ("infer 1", "e-[Input has 1 bytes, the network takes 6]"),
        ("x" * 300, f"e-[Unknown command: {'x' * 80}]"),
    ],
)
def test_what_is_wrong_is_said(command: str, answer: str, images: dict[str, Path]) -> None:
    with runner(images["kws01"]) as dut:
        dut.ask("db load 6")
        dut.ask("db 12")
        assert dut.ask(command) == [answer]
        # It goes on answering.
        assert dut.load(bytes(6)) == ["m-load-done"]
        assert len(results(dut.ask("infer 1 0")[-1])) == 3


@pytest.mark.parametrize("board", ["stm32f746", "stm32f446"])
@pytest.mark.parametrize("mode", ["performance", "energy"])
def test_it_builds_for_boards(board: str, mode: str, builder: Builder) -> None:
    harness = Harness("mlperf-tiny", "ic01", mode)
    built = build(builder.project(board), "board", harness=harness)
    text = built.elf.read_bytes()
    assert b"m-timestamp-mode-" + mode.encode() in text
    assert (b"m-lap-us-" in text) == (mode == "performance")


@pytest.mark.parametrize(
    ("name", "variant", "told"),
    [
        ("mps2-an386", "board", "mps2-an386's board file names none"),
        ("stm32f746", "emulator", "the baremetal platform's image for the board only"),
    ],
)
def test_energy_needs_a_pin(name: str, variant: Variant, told: str, builder: Builder) -> None:
    energy = Harness("mlperf-tiny", "ic01", "energy")
    with pytest.raises(SqtvmError, match=told):
        build(builder.project(name), variant, harness=energy)


def test_one_input_serves_for_many_inferences_of_a_real_network(tmp_path: Path) -> None:
    """Its inferences overwrite their input."""
    board = load_board("stm32f746")
    reference = reference_network.compiled(board.tvm_target, tmp_path / "model.tar", samples=1)
    project = generate(reference.archive, board, tmp_path / "project")
    built = build(project, "emulator", harness=Harness("mlperf-tiny", "kws01"))
    output = read_archive(reference.archive).output
    steps = reference.outputs.reshape(-1).astype(np.int64) - output.zero_point
    with runner(built.elf) as dut:
        assert dut.load(reference.inputs[0].tobytes()) == ["m-load-done"]
        for command in ("infer 1 0", "infer 3 2"):
            found = results(dut.ask(command)[-1])
            assert found == pytest.approx((output.scale * steps).tolist(), abs=6e-4)
