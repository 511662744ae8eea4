"""``sqtvm compile``: a model and its bits to C, as a Model Library Format archive."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from sqtvm.cli import allocation_file, options
from sqtvm.cli.console import STARTING, session, show, show_json
from sqtvm.errors import SqtvmError

if TYPE_CHECKING:
    from sqtvm.frontend.graph import Graph


class UniformBits(StrEnum):
    """The same for every layer."""

    EIGHT = "8"
    FOUR = "4"
    TWO = "2"


def compile_(
    model: options.ModelArgument = None,
    board: options.Board = None,
    data: options.Data = None,
    calibration: options.Calibration = None,
    allocation: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="bits by layer, of 'sqtvm allocate'"),
    ] = None,
    bits: Annotated[
        UniformBits | None, typer.Option(help="the same bits for every layer (default 8)")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE", dir_okay=False, help="the archive")] = Path(
        "network.tar"
    ),
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Compile a model to C: quantize it, rewrite it in Relay, write the archive.

    The archive is in TVM's Model Library Format and holds all sources that a firmware project
    needs. The board says for which core it is made.

    [bold]Examples[/]

    \b
    sqtvm compile --bits 8 --board stm32f746
    sqtvm compile net.onnx --data test.npz --allocation allocation.json --board stm32f746
    sqtvm compile my_nets:lenet --data my_data:test --bits 4 --board stm32f446 --out lenet.tar
    """
    if allocation is not None and bits is not None:
        raise typer.BadParameter("give --allocation or --bits, not both")
    with session(quiet, verbose) as on_progress:
        on_progress(STARTING)
        from sqtvm import api, pipeline
        from sqtvm.progress import Progress

        flags = {"model": model, "data": data, "calibration": calibration, "board": board}
        settings = options.settings_from(flags, ("model", "data", "board"))
        on_progress(Progress("load", f"reading {settings.model}"))
        loaded = pipeline.load(settings)
        weight_bits, activation_bits = _bits(loaded.graph, allocation, bits)
        archive = api.compile_model(
            loaded,
            weight_bits,
            board=settings.board,
            activation_bits=activation_bits,
            out=out,
            on_progress=on_progress,
        )
    if as_json:
        show_json(
            {
                "archive": str(archive.path),
                "workspace_bytes": archive.workspace_bytes,
                "constants_bytes": archive.constants_bytes,
                "weight_bits": weight_bits,
                "activation_bits": activation_bits,
            }
        )
    else:
        show(
            f"Wrote {escape(str(archive.path))}: constants {archive.constants_bytes:,} B, "
            f"workspace {archive.workspace_bytes:,} B",
            quiet,
        )


def _bits(
    graph: Graph, allocation: Path | None, bits: UniformBits | None
) -> tuple[dict[str, int], dict[str, int]]:
    """Of the weights, and of the activations that are named."""
    names = [node.name for node in graph.weighted]
    if allocation is None:
        return dict.fromkeys(names, int(bits or UniformBits.EIGHT)), {}
    file = allocation_file.read(allocation)
    chosen = file.weight_bits
    for name in sorted(set(names) ^ set(chosen)):
        what = "has no bits for" if name in names else "gives bits to"
        raise SqtvmError(
            f"{allocation}: {what} {name}, so it is of another model",
            "allocate again: sqtvm allocate",
        )
    return {name: chosen[name] for name in names}, dict(file.activation_bits)
