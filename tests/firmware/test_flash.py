"""Flash tools, with programs in their place that record how they were called."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sqtvm.errors import BoardError, ToolError
from sqtvm.firmware import uf2
from sqtvm.firmware.boards import FlashTool, board_names, load_board
from sqtvm.firmware.flash import command_lines, flash

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
    assert str(caught.value) == "openocd failed: open failed"
    assert "udev" in caught.value.hint


def test_a_tool_that_waits_for_ever_is_ended(tools: Tools) -> None:
    tools.add("openocd", "exec /bin/sleep 60")
    begin = time.monotonic()
    with pytest.raises(ToolError, match=r"openocd did not end within 0\.2 s"):
        flash(Path("firmware.elf"), BOARD, timeout=0.2)
    assert time.monotonic() - begin < 10


def test_a_drive_that_is_not_mounted_leaves_it_to_the_next_tool(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uf2, "_MOUNTS", (str(tools.folder),))
    board = load_board("rp2040")
    assert [tool.kind for tool in board.flash_tools] == ["picotool", "uf2", "pyocd"]
    with pytest.raises(ToolError, match=r"no drive RPI-RP2 .*none of picotool, pyocd is installed"):
        flash(Path("firmware.elf"), board)
    tools.add("pyocd", "exit 0")
    assert flash(Path("firmware.elf"), board) == "pyocd"


@pytest.mark.usefixtures("tools")
def test_no_tool_at_all() -> None:
    with pytest.raises(ToolError, match="is installed: openocd, st-flash") as caught:
        flash(Path("firmware.elf"), BOARD)
    assert "apt-get install openocd" in caught.value.hint


def test_a_board_that_no_tool_flashes() -> None:
    with pytest.raises(BoardError, match="mps2-an386 has no flash tool"):
        flash(Path("firmware.elf"), load_board("mps2-an386"))


ALL_KINDS = {
    FlashTool(kind="openocd", config="board/st_nucleo_f4.cfg"): (
        "openocd -f board/st_nucleo_f4.cfg -c 'program {a b/f.elf} verify reset exit'"
    ),
    FlashTool(kind="st-flash"): "st-flash --reset --format ihex write 'a b/f.hex'",
    FlashTool(kind="pyocd", target="nrf52840"): "pyocd load -W --target nrf52840 'a b/f.hex'",
    FlashTool(kind="picotool"): "picotool load --verify --execute 'a b/f.elf'",
}


@pytest.mark.parametrize(("tool", "command"), ALL_KINDS.items(), ids=lambda part: str(part)[:20])
def test_each_tool_is_called_as_a_user_would(tool: FlashTool, command: str, tools: Tools) -> None:
    board = BOARD.model_copy(update={"flash_tools": (tool,)})
    tools.add(tool.kind, "exit 0")
    assert flash(Path("a b/f.elf"), board) == tool.kind
    assert [tool.kind, *tools.arguments()] == shlex.split(command)
    assert command_lines(board, Path("a b/f.elf")) == [command]


@pytest.mark.parametrize(
    ("kind", "said", "status", "told"),
    [
        (
            "st-flash",
            "st-flash 1.7.0\n2026-01-02T03:04:05 WARN usb.c: Couldn't find any ST-Link devices",
            255,
            "st-flash failed: Couldn't find any ST-Link devices",
        ),
        (
            "pyocd",
            "No connected debug probes\n0000404 E No target device available [load_cmd]",
            1,
            "pyocd failed: No target device available",
        ),
        (
            "picotool",
            "No accessible RP-series devices in BOOTSEL mode were found.\n",
            249,
            "picotool failed: No accessible RP-series devices in BOOTSEL mode were found.",
        ),
        ("picotool", "", 249, "picotool failed: no message"),
        (
            "openocd",
            "Info : STLINK V2J37M26\nError: checksum mismatch - attempting binary compare\nbye",
            1,
            "openocd failed: checksum mismatch - attempting binary compare",
        ),
    ],
)
def test_what_each_tool_says_becomes_one_line(
    kind: str, said: str, status: int, told: str, tools: Tools
) -> None:
    tool = next(tool for tool in ALL_KINDS if tool.kind == kind)
    board = BOARD.model_copy(update={"flash_tools": (tool,)})
    tools.add(kind, f"echo {shlex.quote(said)} >&2\nexit {status}")
    with pytest.raises(ToolError) as caught:
        flash(Path("firmware.elf"), board)
    assert str(caught.value) == told
    assert "udev" in caught.value.hint


@pytest.mark.parametrize(
    ("tool", "told"),
    [
        (FlashTool(kind="openocd", config="board/stm32f746g-disco.cfg"), "open failed"),
        (FlashTool(kind="st-flash"), "Couldn't find any ST-Link devices"),
        (FlashTool(kind="pyocd", target="nrf52840"), "No target device available"),
    ],
    ids=lambda part: getattr(part, "kind", ""),
)
def test_the_real_tools_without_a_probe(
    tool: FlashTool, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their own words for it, in time."""
    # Where pip puts pyOCD.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if shutil.which(tool.kind) is None:
        pytest.fail(f"this test needs {tool.kind}")
    (tmp_path / "firmware.hex").write_text(":00000001FF\n")
    board = BOARD.model_copy(update={"flash_tools": (tool,)})
    begin = time.monotonic()
    with pytest.raises(ToolError) as caught:
        flash(tmp_path / "firmware.elf", board)
    assert str(caught.value) == f"{tool.kind} failed: {told}"
    assert time.monotonic() - begin < 60


@pytest.mark.parametrize("name", board_names())
def test_openocd_knows_the_board_files(name: str) -> None:
    for tool in load_board(name).flash_tools:
        if tool.config is not None:
            command = ["openocd", "-f", tool.config, "-c", "shutdown"]
            result = subprocess.run(command, capture_output=True, text=True, timeout=60)
            assert result.returncode == 0, result.stderr
