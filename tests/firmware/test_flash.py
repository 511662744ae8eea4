"""Flash tools, with programs in their place that record how they were called."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sqtvm.errors import BoardError, ToolError
from sqtvm.firmware.boards import load_board
from sqtvm.firmware.flash import flash

BOARD = load_board("stm32f746")


class Tools:
    """A folder that is the whole PATH but for the shell's own commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = folder / "arguments"

    def add(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {self.record}\n{script}\n')
        path.chmod(0o755)

    def arguments(self) -> list[str]:
        return self.record.read_text().splitlines()


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    monkeypatch.setenv("PATH", str(tmp_path))
    return Tools(tmp_path)


def test_openocd_comes_first(tools: Tools) -> None:
    tools.add("openocd", "exit 0")
    tools.add("st-flash", "exit 1")
    assert flash(Path("a folder/firmware.elf"), BOARD) == "openocd"
    assert tools.arguments() == [
        "-f",
        "board/stm32f746g-disco.cfg",
        "-c",
        "program {a folder/firmware.elf} verify reset exit",
    ]


def test_st_flash_where_there_is_no_openocd(tools: Tools) -> None:
    tools.add("st-flash", "exit 0")
    assert flash(Path("x/firmware.elf"), BOARD) == "st-flash"
    assert tools.arguments() == ["--reset", "--format", "ihex", "write", "x/firmware.hex"]


def test_the_tools_own_error_is_one_line(tools: Tools) -> None:
    tools.add(
        "openocd",
        'echo "Open On-Chip Debugger 0.12.0" >&2\n'
        'echo "Info : clock speed 2000 kHz" >&2\n'
        'echo "Error: open failed" >&2\necho >&2\nexit 1',
    )
    with pytest.raises(ToolError) as caught:
        flash(Path("firmware.elf"), BOARD)
    assert str(caught.value) == "openocd failed: Error: open failed"
    assert "udev" in caught.value.hint


def test_a_tool_that_waits_for_ever_is_ended(tools: Tools) -> None:
    tools.add("openocd", "exec /bin/sleep 60")
    begin = time.monotonic()
    with pytest.raises(ToolError, match=r"openocd did not end within 0\.2 s"):
        flash(Path("firmware.elf"), BOARD, timeout=0.2)
    assert time.monotonic() - begin < 10


@pytest.mark.usefixtures("tools")
def test_no_tool_at_all() -> None:
    with pytest.raises(ToolError, match="is installed: openocd, st-flash") as caught:
        flash(Path("firmware.elf"), BOARD)
    assert "apt-get install openocd" in caught.value.hint


def test_a_board_that_no_tool_flashes() -> None:
    with pytest.raises(BoardError, match="mps2-an386 has no flash tool"):
        flash(Path("firmware.elf"), load_board("mps2-an386"))
