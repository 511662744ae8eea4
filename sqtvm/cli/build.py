"""``sqtvm build``: an archive to a firmware project and its images."""

from __future__ import annotations

import logging
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from sqtvm.cli import options
from sqtvm.cli.console import session, show, show_json

_LOG = logging.getLogger("sqtvm.build")


class Image(StrEnum):
    """Which image of the project to build."""

    BOARD = "board"
    EMULATOR = "emulator"
    BOTH = "both"
    NONE = "none"


def build(
    archive: Annotated[
        Path, typer.Argument(metavar="ARCHIVE", help="a .tar of 'sqtvm compile'", dir_okay=False)
    ],
    board: options.Board = None,
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", file_okay=False, help="the project's folder"),
    ] = Path("firmware"),
    image: Annotated[
        Image, typer.Option(help="what to compile; none leaves the project alone")
    ] = Image.BOTH,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Make a firmware project for a board from a compiled network, and build it.

    The project stands alone: copied elsewhere it builds with CMake and the cross compiler. What
    does not fit the board's memory is an error here.

    [bold]Examples[/]

    \b
    sqtvm build network.tar --board stm32f746
    sqtvm build network.tar --board stm32f446 --out nucleo --image board -v
    """
    with session(quiet, verbose) as on_progress:
        from sqtvm.firmware.boards import load_board
        from sqtvm.firmware.build import Variant
        from sqtvm.firmware.build import build as build_image
        from sqtvm.firmware.memory_use import memory_use
        from sqtvm.firmware.project import generate
        from sqtvm.progress import Progress

        settings = options.settings_from({"board": board}, ("board",))
        described = load_board(settings.board)
        on_progress(Progress("build", f"project for {described.name}"))
        project = generate(archive, described, out)
        wanted: dict[Image, tuple[Variant, ...]] = {
            Image.BOARD: ("board",),
            Image.EMULATOR: ("emulator",),
            Image.BOTH: ("board", "emulator"),
            Image.NONE: (),
        }
        built = []
        for variant in wanted[image]:
            on_progress(Progress("build", f"image for the {variant}"))
            firmware = build_image(project, variant, _LOG.debug)
            built.append((firmware, memory_use(firmware.elf)))
    if as_json:
        show_json(
            {
                "project": str(project.path),
                "board": described.name,
                "images": [
                    {
                        "variant": firmware.variant,
                        "elf": str(firmware.elf),
                        "flash_bytes": memory.flash_bytes,
                        "ram_bytes": memory.ram_bytes,
                    }
                    for firmware, memory in built
                ],
            }
        )
        return
    show(f"Project: {escape(str(project.path))}", quiet)
    if built:
        table = Table(box=None, pad_edge=False)
        table.add_column("Image", overflow="fold")
        for heading in ("Flash, B", "weights", "code", "other", "RAM, B", "workspace", "stack"):
            table.add_column(heading, justify="right", no_wrap=True)
        for firmware, memory in built:
            figures = (
                memory.flash_bytes,
                memory.flash_weights,
                memory.flash_code,
                memory.flash_other,
                memory.ram_bytes,
                memory.ram_workspace,
                memory.ram_stack,
            )
            table.add_row(str(firmware.elf), *(f"{figure:,}" for figure in figures))
        show(table, quiet)
