"""Writes firmware to a board with the first of its flash tools that is installed."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path, PurePath

from sqtvm.errors import BoardError, ToolError
from sqtvm.firmware.boards import Board, FlashTool

_SECONDS = 120
_HINT = "check the cable and the board's power; on Linux a probe needs the tool's udev rules"
_PACKAGES = {"openocd": "openocd", "st-flash": "stlink-tools"}


def flash(elf: Path, board: Board, timeout: float = _SECONDS) -> str:
    """Write the board's image, check it and start it; returns the name of the tool.

    elf: with its ``.hex`` beside it, as a build leaves them. Raises BoardError where the board
    cannot be flashed, ToolError with the tool's own message where it fails.
    """
    if not board.flash_tools:
        raise BoardError(f"{board.name} has no flash tool", "copy the image as its manual says")
    for tool in board.flash_tools:
        program = shutil.which(tool.kind)
        if program is not None:
            _run(program, _arguments(tool, elf), timeout)
            return tool.kind
    names = [tool.kind for tool in board.flash_tools]
    raise ToolError(
        f"none of the tools that flash {board.name} is installed: {', '.join(names)}",
        f"install one: apt-get install {_PACKAGES[names[0]]}",
    )


def command_line(tool: FlashTool, elf: PurePath) -> str:
    """What a user types."""
    return shlex.join([tool.kind, *_arguments(tool, elf)])


def _arguments(tool: FlashTool, elf: PurePath) -> list[str]:
    if tool.kind == "openocd":
        # In braces a path may hold spaces: OpenOCD reads the command as Tcl.
        return ["-f", tool.config or "", "-c", f"program {{{elf}}} verify reset exit"]
    return ["--reset", "--format", "ihex", "write", str(elf.with_suffix(".hex"))]


def _run(program: str, arguments: list[str], timeout: float) -> None:
    name = Path(program).name
    try:
        result = subprocess.run(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{name} did not end within {timeout:g} s", _HINT) from error
    except OSError as error:
        raise ToolError(f"{name} cannot be run: {error}") from error
    if result.returncode != 0:
        raise ToolError(f"{name} failed: {_message(result.stdout)}", _HINT)


def _message(output: str) -> str:
    """The line that says what is wrong: the first error, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    marks = ("error", "couldn't", "failed", "unable")
    wrong = (line for line in lines if any(mark in line.lower() for mark in marks))
    return next(wrong, lines[-1] if lines else "no message")
