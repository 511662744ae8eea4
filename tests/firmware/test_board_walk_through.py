"""docs/boards.md, followed to the letter, up to the firmware on a virtual board of that kind."""

from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sqtvm.cli.app import app
from sqtvm.firmware.boards import load_board
from sqtvm.measure.session import Session
from tests.firmware.fake_archive import expected
from tests.firmware.virtual.board import STM32F446_NUCLEO, VirtualBoard, Wiring
from tests.firmware.virtual.stm32_clock import APB2ENR
from tests.firmware.virtual.stm32_rcc import Oscillator

WALK_THROUGH = (Path(__file__).parents[2] / "docs" / "boards.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(sh|toml)\n(.*?)^```", re.MULTILINE | re.DOTALL)

# What the text says of the board: its crystal, and its serial port.
MOTOR = dataclasses.replace(
    STM32F446_NUCLEO,
    oscillator=Oscillator(16_000_000, bypass=False),
    usart_base=0x4001_1000,
    usart_enable=(APB2ENR, 4),
    sends=Wiring(0, 9, 7),
    receives=Wiring(0, 10, 7),
)


def changed(file: str, block: str) -> str:
    """The file with each of the block's keys replaced in the first table of that name."""
    table = ""
    for line in block.splitlines():
        if line.startswith("["):
            table = line
        elif line:
            key = re.escape(line.split(" =")[0])
            begin = file.index(f"{table}\n") if table else 0
            end = file.find("\n[", begin + 1)
            part = file[begin:end]
            new, count = re.subn(rf"^{key} = .*$", line, part, count=1, flags=re.MULTILINE)
            file = file[:begin] + (new if count else f"{part}\n{line}") + file[end:]
    return file


def follow(commands: str) -> None:
    for command in commands.splitlines():
        words = shlex.split(command)
        assert words.pop(0) == "sqtvm"
        target = words[words.index(">") + 1] if ">" in words else None
        result = CliRunner().invoke(app, words[: words.index(">")] if target else words)
        assert result.exit_code == 0, result.output
        if target is not None:
            Path(target).write_text(result.stdout, encoding="utf-8")


def test_a_board_of_ones_own(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "network.tar").write_bytes(archive.read_bytes())
    own = tmp_path / "motor.toml"
    for kind, block in BLOCK.findall(WALK_THROUGH):
        if kind == "sh":
            follow(block)
        else:
            own.write_text(changed(own.read_text(), block))
    board = load_board(own)
    assert (board.name, board.flash_bytes, board.uart.baud) == ("motor", 256 * 1024, 921600)
    image = tmp_path / "firmware" / "build" / "board" / "firmware.hex"
    virtual = VirtualBoard(MOTOR, image, baud=921600)
    with Session(virtual, timeout=60) as session:
        assert session.identify().board == "motor"
        assert virtual.clock.registers[4] >> 22 & 1, "the PLL does not run from the crystal"
        x = np.array([1, 2, 3, 4, 5, 6], np.int8)
        np.testing.assert_array_equal(session.infer(x)[0], expected(x))
