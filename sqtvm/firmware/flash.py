"""Writes firmware to a board with the first of its flash tools that is there: a program that is
installed, or a boot loader's drive that is mounted."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path, PurePath

from sqtvm.errors import BoardError, ToolError
from sqtvm.firmware import uf2
from sqtvm.firmware.boards import Board, FlashTool
from sqtvm.firmware.flash_tools import PROGRAMS, Program, complaint

SECONDS = 120


def flash(elf: Path, board: Board, timeout: float = SECONDS) -> str:
    """Write the board's image, check it and start it; returns the name of the tool.

    elf: with its ``.hex`` beside it, as a build leaves them. Raises BoardError where the board
    cannot be flashed, ToolError with the tool's own message where it fails.
    """
    if not board.flash_tools:
        raise BoardError(f"{board.name} has no flash tool", "copy the image as its manual says")
    absent = []
    for tool in board.flash_tools:
        if tool.kind == "uf2":
            assert tool.volume is not None
            assert tool.family is not None
            drive = uf2.find_drive(tool.volume)
            if drive is not None:
                uf2.copy_to_drive(uf2.convert(elf, tool.family), drive)
                return tool.kind
            absent.append(tool)
            continue
        program = PROGRAMS[tool.kind]
        path = shutil.which(tool.kind)
        if path is not None:
            run([path, *program.arguments(tool, elf)], program, timeout)
            return tool.kind
    programs = [tool.kind for tool in board.flash_tools if tool.kind != "uf2"]
    if absent:
        others = f", and none of {', '.join(programs)} is installed" if programs else ""
        raise ToolError(
            f"no drive {absent[0].volume} of a boot loader is mounted{others}",
            "hold BOOTSEL while plugging the board in, and mount its drive",
        )
    raise ToolError(
        f"none of the tools that flash {board.name} is installed: {', '.join(programs)}",
        f"install one: {PROGRAMS[programs[0]].install}",
    )


def command_lines(board: Board, elf: PurePath) -> list[str]:
    """What a user types, in the board's order of preference."""
    return [command_line(tool, elf) for tool in board.flash_tools if tool.kind != "uf2"]


def command_line(tool: FlashTool, elf: PurePath) -> str:
    """What a user types for a tool that is a program."""
    return shlex.join([tool.kind, *PROGRAMS[tool.kind].arguments(tool, elf)])


def run(command: Sequence[str], program: Program, timeout: float) -> None:
    """Raises ToolError with one line of what the program said, and what it needs of the system."""
    name = Path(command[0]).name
    hint = f"check the cable and the board's power; Linux needs the udev rules: {program.rules}"
    try:
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{name} did not end within {timeout:g} s", hint) from error
    except OSError as error:
        raise ToolError(f"{name} cannot be run: {error}", program.install) from error
    if result.returncode != 0:
        raise ToolError(f"{name} failed: {complaint(program, result.stdout)}", hint)
