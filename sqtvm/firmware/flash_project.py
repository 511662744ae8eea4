"""Writes a project's image to its board, with the tools of the project's platform."""

from __future__ import annotations

from sqtvm.errors import SqtvmError
from sqtvm.firmware import zephyr
from sqtvm.firmware.build import image_path
from sqtvm.firmware.flash import SECONDS, flash, run
from sqtvm.firmware.project import Project


def flash_project(project: Project, image: str = "board", timeout: float = SECONDS) -> str:
    """image: a folder below the project's ``build``; returns the name of the tool.

    Raises SqtvmError where that was not built, BoardError and ToolError as ``flash``.
    """
    elf = image_path(project, image)
    if not elf.is_file():
        raise SqtvmError(f"{elf}: is not there", "make it: sqtvm build")
    if project.platform == "zephyr":
        run(zephyr.flash_command(project.path / "build" / image), zephyr.WEST, timeout)
        return "west"
    return flash(elf, project.board, timeout)
