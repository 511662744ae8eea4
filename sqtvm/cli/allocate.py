"""``sqtvm allocate``: bits for every layer, by a model of what they cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sqtvm.cli import allocation_file, options
from sqtvm.cli.console import STARTING, session, show, show_text
from sqtvm.cli.status import ExitStatus

if TYPE_CHECKING:
    from sqtvm.allocate.allocation import Allocation


def allocate(
    model: options.ModelArgument = None,
    board: options.Board = None,
    data: options.Data = None,
    calibration: options.Calibration = None,
    training: options.Training = None,
    loss: options.LossOption = None,
    budget_ms: options.BudgetMs = None,
    budget_flash: options.BudgetFlash = None,
    budget_ram: options.BudgetRam = None,
    budget_mj: options.BudgetMj = None,
    budget_bops: options.BudgetBops = None,
    max_drop: options.MaxDrop = None,
    method: options.Method = None,
    seed: options.Seed = None,
    out: Annotated[
        Path, typer.Option(metavar="FILE", dir_okay=False, help="where the bits are written")
    ] = Path("allocation.json"),
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Choose the bits of every layer and write them to allocation.json.

    Costs are predicted by a model of the board; nothing is built or measured. 'sqtvm deploy'
    goes on from there until the measured firmware holds the budget.

    [bold]Examples[/]

    \b
    sqtvm allocate --board stm32f746 --budget-flash 64k
    sqtvm allocate net.onnx --data test.npz --board stm32f746 --budget-ms 20 --out bits.json
    """
    with session(quiet, verbose) as on_progress:
        on_progress(STARTING)
        from sqtvm import api, pipeline
        from sqtvm.progress import Progress

        settings = options.settings_from(
            {
                "model": model,
                "data": data,
                "calibration": calibration,
                "training": training,
                "loss": loss,
                "board": board,
                "method": method,
                "seed": seed,
                "budget": options.budget_flags(
                    budget_ms, budget_flash, budget_ram, max_drop, budget_mj, budget_bops
                ),
            },
            ("model", "data", "board"),
        )
        on_progress(Progress("load", f"reading {settings.model}"))
        allocation = api.allocate(
            pipeline.load(settings),
            board=settings.board,
            budget=settings.budget,
            method=settings.method,
            seed=settings.seed,
            loss=settings.loss,
            on_progress=on_progress,
        )
        file = allocation_file.from_allocation(allocation, settings.model, settings.board)
        allocation_file.write(file, out)
    if as_json:
        show_text(file.model_dump_json(indent=2))
    else:
        show(_table(allocation), quiet)
        show(f"\nWrote {escape(str(out))}", quiet)
    if not allocation.feasible:
        raise typer.Exit(ExitStatus.BUDGET)


def _table(allocation: Allocation) -> RenderableType:
    from sqtvm.report import numbers

    table = Table(box=None, pad_edge=False)
    table.add_column("Layer", overflow="fold")
    for heading in ("Bits", "Sigma", "Cluster", "KL"):
        table.add_column(heading, justify="right")
    for layer in allocation.layers:
        bits = allocation.weight_bits[layer.name]
        table.add_row(
            layer.name,
            str(bits),
            numbers.small(layer.sigma),
            str(layer.cluster),
            numbers.small(layer.kl[bits]),
        )
    cost, tried = allocation.cost, allocation.evaluations
    words = (
        f"Predicted: {numbers.milliseconds(cost.ms)}, flash {numbers.size(cost.flash_bytes)} "
        f"(weights {numbers.size(cost.weight_bytes)}), RAM {numbers.size(cost.ram_bytes)}, "
        f"{cost.bops:,} bit operations; "
        f"accuracy {numbers.percent(allocation.accuracy)} on the samples that guided the search, "
        f"{tried} {'network' if tried == 1 else 'networks'} tried."
    )
    lines = [Text(), Text(words)]
    if allocation.activation_bits:
        lines.append(Text(f"Activations of 4 bits: {', '.join(allocation.activation_bits)}."))
    lines += [Text(f"Does not hold: {what}", "bold red") for what in allocation.binding]
    return Group(table, *lines)
