"""``sqtvm run``: measures a firmware project on samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sqtvm.cli import options
from sqtvm.cli.console import STARTING, session, show, show_json


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
        from sqtvm import api
        from sqtvm.report.measurement_table import measurement_table, measurement_values

        given = {"data": data, "measure": measure, "meter": meter}
        settings = options.settings_from(given, ("data",))
        result = api.run(
            project,
            settings.data,
            board=board,
            archive=archive,
            measure=settings.measure,
            meter=settings.meter,
            samples=samples,
            on_progress=on_progress,
        )
    if as_json:
        show_json(measurement_values(result.measurement, result.accuracy))
    else:
        show(measurement_table(result.measurement, result.accuracy), quiet)
