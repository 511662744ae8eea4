"""How a project of the Zephyr platform is built and flashed: by Zephyr's own tool, west."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from sqtvm.errors import ToolError
from sqtvm.firmware.flash_tools import Program

WEST = Program(
    "pip install 'sqtvm[flash]', then see Zephyr's getting started guide",
    lambda tool, elf: [],
    re.compile(r"\bERROR\b|unknown command", re.IGNORECASE),
    "those of the program that west runs for the board, as OpenOCD",
)


def build_command(
    project: Path, zephyr_board: str, folder: Path, definitions: Sequence[str]
) -> list[str]:
    """definitions: for CMake's command line. Raises ToolError where west is not installed."""
    command = [_west(), "build", "-b", zephyr_board, "-d", str(folder), str(project)]
    # Zephyr's options are of Kconfig, which CMake hands on under this name.
    own = [text.replace("-DSQTVM_PROFILE=OFF", "-DCONFIG_SQTVM_PROFILE=n") for text in definitions]
    return [*command, "--", *own]


def flash_command(folder: Path) -> list[str]:
    """folder: of a build. Raises ToolError where west is not installed."""
    return [_west(), "flash", "-d", str(folder)]


def image(folder: Path) -> Path:
    """Where a build leaves its ELF."""
    return folder / "zephyr" / "zephyr.elf"


def _west() -> str:
    path = shutil.which("west")
    if path is None:
        raise ToolError("west is not installed", WEST.install)
    return path
