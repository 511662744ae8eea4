"""The MLPerf Tiny images that would be flashed, on virtual boards: microseconds by the cycle
counter, and edges of the pin that energy monitors watch."""

from __future__ import annotations

import re
import subprocess
from itertools import pairwise

import numpy as np
import pytest

from sqtvm.firmware.build import build
from sqtvm.firmware.harness import Harness
from tests.firmware.conftest import Builder
from tests.firmware.fake_archive import expected
from tests.firmware.test_mlperf_tiny import Runner, results
from tests.firmware.virtual.board import STM32F446_NUCLEO, STM32F746_DISCOVERY, VirtualBoard

# Energy monitors are wired to D7 of the Arduino connector: UM1907 says PI3, UM1724 PA8.
PARTS = {"stm32f746": STM32F746_DISCOVERY, "stm32f446": STM32F446_NUCLEO}
PINS = {"stm32f746": (8, 3), "stm32f446": (0, 8)}
X = np.array([1, -2, 3, -40, 50, -6], np.int8)


class VirtualLine:
    """A virtual board as the runner sees a serial port."""

    in_waiting = 0

    def __init__(self, board: VirtualBoard) -> None:
        self._board = board
        self.write = board.write

    def read(self, count: int) -> bytes:
        for _ in range(100 if count else 0):
            if data := self._board.read(count):
                return data
        return b""


def flashed(name: str, mode: str, builder: Builder, baud: int) -> VirtualBoard:
    built = build(builder.project(name), "board", harness=Harness("mlperf-tiny", "kws01", mode))
    return VirtualBoard(PARTS[name], built.elf.with_suffix(".hex"), baud=baud)


def times(answer: list[str]) -> list[int]:
    return [int(match[1]) for line in answer if (match := re.fullmatch(r"m-lap-us-(\d+)", line))]


@pytest.mark.parametrize("name", PARTS)
def test_microseconds_are_those_of_the_inferences(name: str, builder: Builder) -> None:
    board = flashed(name, "performance", builder, 115200)
    dut = Runner(VirtualLine(board))
    dut.until_ready()
    dut.load(X.tobytes())
    taken = []
    for count in (100, 200, 400):
        answer = dut.ask(f"infer {count} 2")
        assert results(answer[-1]) == [2.0 * (int(value) + 7) for value in expected(X)]
        begin, end = times(answer)
        taken.append(end - begin)
    # Each time also holds the line that tells its beginning, some 18 bytes of 87 us.
    assert taken[2] - taken[1] == pytest.approx(2 * (taken[1] - taken[0]), abs=90)
    assert 1000 < 2 * taken[0] - taken[1] < 2000
    (now,) = times(dut.ask("timestamp"))
    assert now == pytest.approx(board.core.time.cycles / board.clock.core_hz * 1e6, rel=0.5)


# Where each family's pin is driven from, as the linked code holds the address.
OUTPUTS = {
    "stm32l476": 0x4800_0018,
    "stm32h743": 0x5802_1818,
    "nrf52840": 0x5000_080C,
    "rp2040": 0xD000_0018,
    "rp2350": 0xD000_0020,
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_family_drives_its_pin(name: str, builder: Builder) -> None:
    harness = Harness("mlperf-tiny", "kws01", "energy")
    elf = build(builder.project(name), "board", harness=harness).elf
    listing = subprocess.run(
        ["arm-none-eabi-objdump", "--disassemble=mlperf_edge", str(elf)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    bases = [int(word, 16) for word in re.findall(r"\.word\s+(0x[0-9a-f]+)", listing)]
    offsets = [int(text) for text in re.findall(r"str.*, #(\d+)\]", listing)]
    bases += [int(text) for text in re.findall(r"mov\.w\s+r\d+, #(\d+)\s", listing)]
    reached = {base + offset for base in bases for offset in (0, *offsets)}
    assert OUTPUTS[name] in reached


@pytest.mark.parametrize("name", PARTS)
def test_energy_monitors_see_falling_edges(name: str, builder: Builder) -> None:
    board = flashed(name, "energy", builder, 9600)
    number, pin = PINS[name]
    port = board.ports[number]
    # Level and time of each change, as a monitor on the pin sees it.
    changes: list[tuple[int, float]] = []
    write = port.write

    def watch(offset: int, value: int) -> None:
        write(offset, value)
        if offset == 0x18:
            level = {1 << pin: 1, 1 << (pin + 16): 0}[value]
            changes.append((level, board.core.time.cycles / board.clock.core_hz))

    port.write = watch
    dut = Runner(VirtualLine(board))
    assert dut.until_ready() == ["m-timestamp-mode-energy", "m-init-done"]
    assert port.registers[0] >> (2 * pin) & 3 == 1
    assert [level for level, _ in changes] == [1, 0, 1]
    dut.load(X.tobytes())
    answer = dut.ask("infer 10 1")
    assert answer[2:] == ["m-infer-start-10", "m-infer-done", answer[-1]]
    assert results(answer[-1]) == [2.0 * (int(value) + 7) for value in expected(X)]
    assert [level for level, _ in changes[3:]] == [0, 1, 0, 1]
    for (level, begin), (_, end) in pairwise(changes):
        # The monitors ask for a microsecond; no runner waits for a millisecond.
        assert level == 1 or 1e-6 < end - begin < 1e-3
    dut.ask("timestamp")
    assert [level for level, _ in changes[7:]] == [0, 1]
