"""``sqtvm flash``: a built image onto a connected board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sqtvm.cli import options
from sqtvm.cli.console import session, show


def flash(
    project: Annotated[
        Path,
        typer.Argument(metavar="PROJECT", file_okay=False, help="a folder of 'sqtvm build'"),
    ] = Path("firmware"),
    board: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="only where the project's board is a file of your own"),
    ] = None,
    image: Annotated[
        str, typer.Option(metavar="FOLDER", help="which image: a folder below build")
    ] = "board",
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Write a project's image to the connected board and start it.

    Takes the first tool of the board file that is installed: OpenOCD, st-flash, pyOCD, picotool,
    or the drive of a boot loader; for a Zephyr project, west.

    [bold]Examples[/]

    \b
    sqtvm flash
    sqtvm flash sqtvm-out/firmware
    sqtvm flash --image board-mlperf-tiny-performance
    """
    with session(quiet, verbose) as on_progress:
        from sqtvm.firmware.boards import load_board
        from sqtvm.firmware.flash_project import flash_project
        from sqtvm.firmware.project import open_project
        from sqtvm.progress import Progress
        from sqtvm.project_files import board_of

        described = load_board(board or board_of(project))
        opened = open_project(project, described)
        on_progress(Progress("flash", described.name))
        tool = flash_project(opened, image)
    show(f"{described.name} runs the image {image} of {project}, written by {tool}", quiet)
