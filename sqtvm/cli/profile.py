"""``sqtvm profile``: where the instructions of an inference go."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sqtvm.cli import options
from sqtvm.cli.console import STARTING, session, show, show_json

if TYPE_CHECKING:
    from sqtvm.firmware.archive import NetworkArchive
    from sqtvm.measure.profile import LayerProfile, Profile
    from sqtvm.quantize.network import Int8Array

_LOG = logging.getLogger("sqtvm.build")


def profile(
    project: Annotated[
        Path,
        typer.Argument(metavar="PROJECT", file_okay=False, help="a folder of 'sqtvm build'"),
    ] = Path("firmware"),
    layer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="also this layer by source line"),
    ] = None,
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
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="also draw it, as .png or .svg"),
    ] = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Show where the instructions of one inference go.

    Runs the firmware in the emulator and counts every instruction: by layer, by class (load,
    store, MAC, ALU, branch), and with --layer by source line. Without --data the input is noise:
    what executes hardly depends on it.

    [bold]Examples[/]

    \b
    sqtvm profile sqtvm-out/firmware
    sqtvm profile firmware --layer stack3.conv2 --picture profile.svg
    """
    with session(quiet, verbose) as on_progress:
        on_progress(STARTING)
        from sqtvm.firmware.boards import load_board
        from sqtvm.firmware.build import build
        from sqtvm.firmware.project import open_project
        from sqtvm.measure.profile import profile as profile_stage
        from sqtvm.progress import Progress
        from sqtvm.project_files import archive_of, board_of
        from sqtvm.report.profile_table import layer_table, profile_table

        described = load_board(board or board_of(project))
        opened = open_project(project, described)
        network = archive_of(opened, archive)
        on_progress(Progress("build", "image for the emulator"))
        firmware = build(opened, "emulator", _LOG.debug)
        on_progress(Progress("measure", "counting one inference"))
        found = profile_stage(firmware, described, _input(network, data), network.layers)
        chosen = None if layer is None else found.layer(layer)
        if picture is not None:
            _draw(found, network.model, picture, chosen)
    if as_json:
        show_json(_values(found, layer))
        return
    show(profile_table(found), quiet)
    # Without a C compiler there are none, as the table above says.
    if chosen is not None and chosen.lines:
        show("", quiet)
        show(layer_table(chosen), quiet)


def _input(network: NetworkArchive, data: str | None) -> Int8Array:
    import numpy as np

    if data is not None:
        from sqtvm.frontend.data import load_data
        from sqtvm.project_files import inputs_of

        return inputs_of(network, load_data(data, 1))
    shape = (1, *network.input.shape[1:])
    return np.random.default_rng(0).integers(-128, 128, shape).astype(np.int8)


def _draw(found: Profile, title: str, path: Path, layer: LayerProfile | None) -> None:
    from sqtvm.report.files import write_whole
    from sqtvm.report.profile_picture import profile_picture
    from sqtvm.settings import SettingsError

    kind = path.suffix.lower()
    if kind not in (".png", ".svg"):
        raise SettingsError(f"{path}: is neither .png nor .svg", "give a name that ends with one")
    picture = profile_picture(found, title, "png" if kind == ".png" else "svg", layer)
    write_whole(path, picture)


def _values(found: Profile, layer: str | None) -> dict[str, object]:
    """Lines of the chosen layer only: all of them are many."""
    values = asdict(found)
    for part in values["layers"]:
        if part["name"] != layer:
            del part["lines"]
    return values
