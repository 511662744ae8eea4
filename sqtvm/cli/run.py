"""``sqtvm run``: measures a firmware project on samples."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sqtvm.cli import options
from sqtvm.cli.console import STARTING, session, show, show_json
from sqtvm.settings import SettingsError

if TYPE_CHECKING:
    from sqtvm.frontend.model import Samples
    from sqtvm.measure.measurement import Measurement

_LOG = logging.getLogger("sqtvm.build")


def run(
    project: Annotated[
        Path,
        typer.Argument(metavar="PROJECT", file_okay=False, help="a folder of 'sqtvm build'"),
    ] = Path("firmware"),
    data: options.Data = None,
    board: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="only where the project's board is a file of your own"),
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="what the project was made from; by default found beside it",
        ),
    ] = None,
    measure: options.Measure = None,
    meter: options.Meter = None,
    samples: Annotated[int, typer.Option(min=1, metavar="N", help="inputs to run")] = 100,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run a firmware project on samples and show what every layer takes.

    In the emulator, instructions are counted exactly and cycles are estimated by a model; on a
    board (--measure serial:PORT) the image is written to it first, and its own counter is read.
    --meter measures the energy of an inference meanwhile; else it is modelled.

    [bold]Examples[/]

    \b
    sqtvm run firmware --data test.npz
    sqtvm run sqtvm-out/firmware --data my_data:test --samples 10 --json
    sqtvm run firmware --data test.npz --measure serial:/dev/ttyACM0 --meter ppk2:/dev/ttyACM1
    """
    with session(quiet, verbose) as on_progress:
        on_progress(STARTING)
        from sqtvm.cli.firmware_project import archive_of, board_of, inputs_of
        from sqtvm.firmware.boards import load_board
        from sqtvm.firmware.build import Variant, build
        from sqtvm.firmware.flash_project import flash_project
        from sqtvm.firmware.project import open_project
        from sqtvm.frontend.data import load_data
        from sqtvm.measure.measure import measure as measure_stage
        from sqtvm.measure.meter import parse_meter
        from sqtvm.measure.target import parse_target
        from sqtvm.progress import Progress
        from sqtvm.report.measurement_table import measurement_table, measurement_values

        given = {"data": data, "measure": measure, "meter": meter}
        settings = options.settings_from(given, ("data",))
        target = parse_target(settings.measure)
        if target.kind == "none":
            raise SettingsError("nothing runs with measure none", "give --measure emulator")
        described = load_board(board or board_of(project))
        opened = open_project(project, described)
        network = archive_of(opened, archive)
        on_progress(Progress("load", f"reading {settings.data}"))
        chosen = load_data(settings.data, samples)
        inputs = inputs_of(network, chosen)
        variant: Variant = "emulator" if target.kind == "emulator" else "board"
        on_progress(Progress("build", f"image for the {variant}"))
        firmware = build(opened, variant, _LOG.debug)
        if target.kind == "serial":
            on_progress(Progress("flash", described.name))
            flash_project(opened)
        measurement = measure_stage(
            firmware,
            described,
            target,
            inputs,
            network.layers,
            lambda done, total: on_progress(Progress("measure", f"on {target}", done, total)),
            None if settings.meter is None else parse_meter(settings.meter),
        )
        accuracy = _accuracy(measurement, chosen)
    if as_json:
        show_json(measurement_values(measurement, accuracy))
    else:
        show(measurement_table(measurement, accuracy), quiet)


def _accuracy(measurement: Measurement, samples: Samples) -> float | None:
    """Of the firmware's own outputs; None without labels."""
    if samples.y is None:
        return None
    classes = measurement.outputs.reshape(len(measurement.outputs), -1).argmax(axis=1)
    return float((classes == samples.y).mean())
