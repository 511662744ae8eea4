"""``sqtvm analyze``: what the network is made of, before anything is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from sqtvm.cli import options
from sqtvm.cli.console import STARTING, session, show, show_json

if TYPE_CHECKING:
    from sqtvm.allocate.allocation import LayerStatistics
    from sqtvm.frontend.graph import Graph


def analyze(
    model: options.ModelArgument = None,
    data: options.Data = None,
    calibration: options.Calibration = None,
    seed: options.Seed = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Show every layer: operator, shape, parameters, MACs, sigma and divergences.

    Sigma is the standard deviation of a layer's weights, each output channel divided by its
    largest magnitude. KL is how far the weights at 8, 4 and 2 bits diverge from the float ones,
    in nats. Layers with a large KL lose most when they get few bits.

    [bold]Examples[/]

    \b
    sqtvm analyze
    sqtvm analyze net.onnx --data test.npz
    sqtvm analyze my_nets:lenet --data my_data:test --json
    """
    with session(quiet, verbose) as on_progress:
        on_progress(STARTING)
        from sqtvm import api, pipeline
        from sqtvm.progress import Progress

        flags = {"model": model, "data": data, "calibration": calibration, "seed": seed}
        settings = options.settings_from(flags, ("model", "data"))
        on_progress(Progress("load", f"reading {settings.model}"))
        loaded = pipeline.load(settings)
        on_progress(Progress("analyze", "comparing weights with their quantized forms"))
        statistics = api.analyze(loaded, settings.seed)
    if as_json:
        show_json(_rows(loaded.graph, statistics))
    else:
        show(_table(loaded.name, loaded.graph, statistics), quiet)


def _rows(graph: Graph, statistics: tuple[LayerStatistics, ...]) -> list[dict[str, object]]:
    from sqtvm.frontend.graph import Input, macs, parameter_count

    found = {entry.name: entry for entry in statistics}
    rows = []
    for node in graph.nodes:
        if isinstance(node.op, Input):
            continue
        entry = found.get(node.name)
        rows.append(
            {
                "name": node.name,
                "op": type(node.op).__name__,
                "output_shape": list(node.shape),
                "params": parameter_count(node),
                "macs": macs(graph, node),
                "sigma": None if entry is None else entry.sigma,
                "cluster": None if entry is None else entry.cluster,
                "kl": None if entry is None else {str(bits): kl for bits, kl in entry.kl.items()},
            }
        )
    return rows


def _table(name: str, graph: Graph, statistics: tuple[LayerStatistics, ...]) -> Table:
    from sqtvm.frontend.graph import macs, parameter_count
    from sqtvm.report.numbers import small

    found = {entry.name: entry for entry in statistics}
    table = Table(title=name, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("Layer", overflow="fold")
    table.add_column("Operator")
    for heading in ("Shape", "Parameters", "MACs", "Sigma", "KL at 8", "at 4", "at 2 bits"):
        table.add_column(heading, justify="right", no_wrap=True)
    for node in graph.nodes:
        entry = found.get(node.name)
        figures: list[str] = []
        if entry is not None:
            figures = [small(entry.sigma), *(small(entry.kl[bits]) for bits in (8, 4, 2))]
        table.add_row(
            node.name,
            type(node.op).__name__,
            "x".join(str(size) for size in node.shape),
            f"{parameter_count(node):,}" if parameter_count(node) else "",
            f"{macs(graph, node):,}" if macs(graph, node) else "",
            *figures,
        )
    table.add_section()
    parameters = sum(parameter_count(node) for node in graph.nodes)
    total_macs = sum(macs(graph, node) for node in graph.nodes)
    table.add_row("whole network", "", "", f"{parameters:,}", f"{total_macs:,}")
    return table
