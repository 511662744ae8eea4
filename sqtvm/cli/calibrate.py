"""``sqtvm calibrate``: a cycle model for the board that is connected."""

from __future__ import annotations

from sqtvm.cli import options
from sqtvm.cli.console import STARTING, session, show, show_json


def calibrate(
    board: options.Board = None,
    measure: options.Measure = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Fit the cycle model to a connected board.

    Writes a benchmark of many layers to the board, compares the cycles of its own counter with
    what the model of its core says of the same instructions, and saves the fit beside the board's
    file. From then on estimates for this board use it.

    [bold]Examples[/]

    \b
    sqtvm calibrate --board stm32f746 --measure serial:/dev/ttyACM0
    """
    with session(quiet, verbose) as on_progress:
        on_progress(STARTING)
        from sqtvm import calibrate as stage
        from sqtvm.firmware.boards import load_board
        from sqtvm.measure.target import parse_target

        settings = options.settings_from({"board": board, "measure": measure}, ("board",))
        described = load_board(settings.board)
        found, path = stage.calibrate(described, parse_target(settings.measure), on_progress)
    if as_json:
        show_json(found.model_dump(mode="json"))
        return
    scale = found.scale
    show(
        f"{found.base} v{found.base_version} on {found.board}: {scale.likely:.3f} times its "
        f"instructions' cycles ({scale.low:.3f} to {scale.high:.3f} over {found.layers} layers), "
        f"{found.fills:.3f} times its cache fills\nkept in {path}",
        quiet,
    )
