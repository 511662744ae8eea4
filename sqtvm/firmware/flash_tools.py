"""The programs that write images to boards: how each is called and what it says when it fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from sqtvm.firmware.boards import FlashTool

_STARTS_WITH_TIME = re.compile(r"^(\d{4}-\d\d-\d\dT[\d:]+ \w+ [\w.]+: |\d{7} [A-Z] )")
_SAYS_ERROR = re.compile(r"^(Error|ERROR):\s*")
_SOURCE_AT_END = re.compile(r" \[[\w.]+\]$")


@dataclass(frozen=True)
class Program:
    """install: what to do where it is missing; arguments: for a tool of a board file and an ELF
    that has its ``.hex`` beside it; wrong: what marks the line that says what went wrong; rules:
    what a user on Linux needs to reach the probe without being root."""

    install: str
    arguments: Callable[[FlashTool, PurePath], list[str]]
    wrong: re.Pattern[str]
    rules: str


def _openocd(tool: FlashTool, elf: PurePath) -> list[str]:
    # In braces a path may hold spaces: OpenOCD reads the command as Tcl.
    return ["-f", tool.config or "", "-c", f"program {{{elf}}} verify reset exit"]


def _st_flash(tool: FlashTool, elf: PurePath) -> list[str]:
    return ["--reset", "--format", "ihex", "write", str(elf.with_suffix(".hex"))]


def _pyocd(tool: FlashTool, elf: PurePath) -> list[str]:
    # Without -W it waits for a probe for ever.
    return ["load", "-W", "--target", tool.target or "", str(elf.with_suffix(".hex"))]


def _picotool(tool: FlashTool, elf: PurePath) -> list[str]:
    return ["load", "--verify", "--execute", str(elf)]


PROGRAMS = {
    "openocd": Program(
        "apt-get install openocd",
        _openocd,
        re.compile(r"^Error\b", re.IGNORECASE),
        "/lib/udev/rules.d/60-openocd.rules of the package openocd, and the group plugdev",
    ),
    "st-flash": Program(
        "apt-get install stlink-tools",
        _st_flash,
        re.compile(r"\b(ERROR|WARN|couldn't|failed|unable)\b", re.IGNORECASE),
        "/lib/udev/rules.d/49-stlink*.rules of the package stlink-tools",
    ),
    "pyocd": Program(
        "pip install 'sqtvm[flash]'",
        _pyocd,
        re.compile(r"^\d{7} [CE] |\berror\b", re.IGNORECASE),
        "the rules in the folder udev of pyOCD's sources",
    ),
    "picotool": Program(
        "build Raspberry Pi's picotool, or apt-get install picotool where it is packaged",
        _picotool,
        re.compile(r"\berror\b|^no accessible", re.IGNORECASE),
        "99-picotool.rules of picotool's sources; hold BOOTSEL while plugging the board in",
    ),
}


def complaint(program: Program, output: str) -> str:
    """The line of a failed run that says what is wrong, without time and source: the first that
    is marked so, else the last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    marked = (line for line in lines if program.wrong.search(line))
    line = next(marked, lines[-1] if lines else "no message")
    return _SAYS_ERROR.sub("", _SOURCE_AT_END.sub("", _STARTS_WITH_TIME.sub("", line)))
