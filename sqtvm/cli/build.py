"""``sqtvm build``: an archive to a firmware project and its images."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from sqtvm.cli import options
from sqtvm.cli.console import STARTING, session, show, show_json


class Platform(StrEnum):
    """The project's template."""

    BAREMETAL = "baremetal"
    ZEPHYR = "zephyr"


class HarnessName(StrEnum):
    """Who asks the firmware."""

    SQTVM = "sqtvm"
    MLPERF_TINY = "mlperf-tiny"


class MlperfMode(StrEnum):
    """What MLPerf Tiny's runner measures."""

    PERFORMANCE = "performance"
    ENERGY = "energy"


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
    platform: Annotated[
        Platform, typer.Option(help="what the firmware stands on")
    ] = Platform.BAREMETAL,
    image: Annotated[
        Image | None,
        typer.Option(
            help="what to compile; by default both, and nothing of a Zephyr project",
            show_default=False,
        ),
    ] = None,
    harness: Annotated[
        HarnessName, typer.Option(help="who asks it: sqtvm, or the runners of MLPerf Tiny")
    ] = HarnessName.SQTVM,
    mlperf_model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="the benchmark: ic01, vww01, kws01 or ad01; by default by the input's shape",
            show_default=False,
        ),
    ] = None,
    mlperf_mode: Annotated[
        MlperfMode, typer.Option(help="energy answers at 9600 baud and marks time by a pin")
    ] = MlperfMode.PERFORMANCE,
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
    sqtvm build network.tar --board stm32f446 --image board --harness mlperf-tiny
    sqtvm build network.tar --board stm32f746 --platform zephyr
    """
    with session(quiet, verbose) as on_progress:
        on_progress(STARTING)
        from sqtvm import api
        from sqtvm.firmware.boards import load_board
        from sqtvm.firmware.build import Variant

        settings = options.settings_from({"board": board}, ("board",))
        described = load_board(settings.board)
        wanted: dict[Image, tuple[Variant, ...]] = {
            Image.BOARD: ("board",),
            Image.EMULATOR: ("emulator",),
            Image.BOTH: ("board", "emulator"),
            Image.NONE: (),
        }
        default = Image.BOTH
        if platform is Platform.ZEPHYR:
            default = Image.NONE
        elif mlperf_mode is MlperfMode.ENERGY:
            default = Image.BOARD
        mlperf = harness is HarnessName.MLPERF_TINY
        project, built = api.build(
            archive,
            board=settings.board,
            out=out,
            platform=platform.value,
            variants=wanted[image or default],
            mlperf=(mlperf_model, mlperf_mode.value) if mlperf else None,
            on_progress=on_progress,
        )
    if as_json:
        show_json(
            {
                "project": str(project.path),
                "board": described.name,
                "images": [
                    {
                        "variant": done.firmware.variant,
                        "elf": str(done.firmware.elf),
                        "flash_bytes": done.memory.flash_bytes,
                        "ram_bytes": done.memory.ram_bytes,
                    }
                    for done in built
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
        for done in built:
            memory = done.memory
            figures = (
                memory.flash_bytes,
                memory.flash_weights,
                memory.flash_code,
                memory.flash_other,
                memory.ram_bytes,
                memory.ram_workspace,
                memory.ram_stack,
            )
            table.add_row(str(done.firmware.elf), *(f"{figure:,}" for figure in figures))
        show(table, quiet)
