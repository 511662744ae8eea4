"""What was counted, as Markdown tables."""

from __future__ import annotations

from math import prod

from benchmarks.kernels.run import Row
from benchmarks.kernels.tvm_run import TvmRow
from sqtvm.frontend.graph import Graph, macs
from sqtvm.measure.measurement import LayerMeasurement

NETWORK_HEAD = (
    "| board | network | bits | instructions | a MAC | est. cycles a MAC | code, B | workspace, B |"
)


def table(head: str, lines: list[str]) -> str:
    return "\n".join([head, "|---" * (head.count("|") - 1) + "|", *lines])


def network_table(rows: list[Row]) -> str:
    lines = []
    for row in rows:
        result = row.measurement
        assert result.instructions is not None
        assert result.est_cycles is not None
        lines.append(
            f"| {row.board} | {row.network} | {row.bits} | {result.instructions:,} "
            f"| {result.instructions / row.macs:.3f} | {result.est_cycles / row.macs:.3f} "
            f"| {result.memory.flash_code:,} | {result.memory.ram_workspace:,} |"
        )
    return table(NETWORK_HEAD, lines)


def memory_table(rows: list[Row]) -> str:
    """The workspace beside what tensors need that do not overlap, one line a network."""
    lines = []
    for name, row in {row.network: row for row in reversed(rows)}.items():
        sizes = sorted((prod(node.shape) for node in row.graph.nodes), reverse=True)
        workspace = row.measurement.memory.ram_workspace
        lines.append(
            f"| {name} | {workspace:,} | {sizes[0] + sizes[1]:,} | {_largest_layer(row.graph):,} "
            f"| {100 * workspace / (sizes[0] + sizes[1]):.0f} % |"
        )
    head = "| network | workspace, B | two largest tensors, B | one layer's tensors, B | share |"
    return table(head, lines[::-1])


def _largest_layer(graph: Graph) -> int:
    """Bytes of the inputs and the output of the layer that has most."""
    return max(
        prod(node.shape) + sum(prod(graph[name].shape) for name in set(node.inputs))
        for node in graph.nodes
    )


def layer_table(rows: list[Row]) -> str:
    """Instructions and estimated cycles a MAC of the layers with weights, the rows' first board
    only; layers whose figures are equal stand once."""
    bits = list(dict.fromkeys(row.bits for row in rows))
    head = "| network | layer | output | MACs |" + "".join(f" {b} bits |" for b in bits)
    first = [row for row in rows if row.board == rows[0].board]
    lines = []
    for name in dict.fromkeys(row.network for row in first):
        by_bits = {row.bits: row for row in first if row.network == name}
        graph = next(iter(by_bits.values())).graph
        seen = set()
        for node in graph.weighted:
            count = macs(graph, node)
            figures = [_figures(_layer(row, node.name), count) for row in by_bits.values()]
            shape = "x".join(str(extent) for extent in node.shape)
            line = f"| {shape} | {count:,} | {' | '.join(figures)} |"
            if line not in seen:
                seen.add(line)
                lines.append(f"| {name} | {node.name} {line}")
    return table(head, lines)


def _layer(row: Row, name: str) -> LayerMeasurement:
    return next(layer for layer in row.measurement.layers if layer.name == name)


def _figures(layer: LayerMeasurement, count: int) -> str:
    return f"{(layer.instructions or 0) / count:.2f} ({(layer.est_cycles or 0) / count:.2f})"


def tvm_table(tvm: list[TvmRow], ours: list[Row]) -> str:
    """TVM's schedules beside our 8-bit kernels on the same board."""
    by_name = {(row.board, row.network): row for row in ours if row.bits == 8}
    lines = []
    for row in tvm:
        own = by_name[row.board, row.network]
        here, count = own.measurement.instructions, row.measurement.instructions
        assert here is not None
        assert count is not None
        lines.append(
            f"| {row.board} | {row.network} | {count:,} | {row.measurement.memory.ram_workspace:,} "
            f"| {count / own.macs:.2f} | {here / own.macs:.2f} | {count / here:.1f} |"
        )
    head = (
        "| board | network | TVM's instructions | TVM's workspace, B | TVM's a MAC | ours a MAC "
        "| times ours |"
    )
    return table(head, lines)
