"""Instructions of the MLPerf Tiny networks in the emulator: python -m benchmarks.kernels

Builds every network at 8, 4 and 2 bits for the emulated boards, runs one inference each with the
counting plugin, checks its output against the integer reference, and prints Markdown tables.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.networks import networks
from sqtvm.allocate.budget import BITS
from sqtvm.compile.network import compile_network
from sqtvm.firmware.boards import load_board
from sqtvm.firmware.build import build
from sqtvm.firmware.project import generate
from sqtvm.frontend.graph import Graph, Shape, macs
from sqtvm.measure.measure import measure
from sqtvm.measure.measurement import Measurement
from sqtvm.measure.target import parse_target
from sqtvm.measure.verify import verify
from sqtvm.quantize.accuracy import prepare_input
from sqtvm.quantize.build import quantize
from sqtvm.quantize.calibration import calibrate
from sqtvm.quantize.reference import run_integer

BOARDS = ("mps2-an500", "mps2-an386")


@dataclass(frozen=True)
class Row:
    board: str
    network: str
    bits: int
    graph: Graph
    measurement: Measurement


def measured(name: str, graph: Graph, shape: Shape, bits: int, board_name: str) -> Row:
    x = np.random.default_rng(0).random((8, *shape)).astype(np.float32)
    network = quantize(graph, calibrate(graph, x), {n.name: bits for n in graph.weighted})
    board = load_board(board_name)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        target = board.tvm_target
        archive = compile_network(name, graph, network, target, folder / "model.tar")
        firmware = build(generate(archive.path, board, folder / "firmware"), "emulator")
        inputs = prepare_input(network, x[:1])
        layers = [layer.name for layer in network.layers]
        found = measure(firmware, board, parse_target("emulator"), inputs, layers)
    reference = run_integer(network, inputs).reshape(1, -1)
    if not verify(found.outputs, reference).equal:
        raise SystemExit(f"{name} at {bits} bits on {board_name} differs from the reference")
    return Row(board_name, name, bits, graph, found)


def rows(only: argparse.Namespace) -> Iterator[Row]:
    for board in only.board or BOARDS:
        for name, (graph, shape) in networks().items():
            if only.network and name not in only.network:
                continue
            for bits in only.bits or BITS:
                print(f"{board}: {name} at {bits} bits", file=sys.stderr)
                yield measured(name, graph, shape, bits, board)


def network_table(found: list[Row]) -> str:
    lines = [
        "| board | network | bits | instructions | a MAC | est. cycles a MAC | flash code, B "
        "| workspace, B |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in found:
        count = sum(macs(row.graph, node) for node in row.graph.nodes)
        result = row.measurement
        assert result.instructions is not None
        assert result.est_cycles is not None
        lines.append(
            f"| {row.board} | {row.network} | {row.bits} | {result.instructions:,} "
            f"| {result.instructions / count:.3f} | {result.est_cycles / count:.3f} "
            f"| {result.memory.flash_code:,} | {result.memory.ram_workspace:,} |"
        )
    return "\n".join(lines)


def layer_table(found: list[Row]) -> str:
    """Instructions a MAC of the layers with weights, one line a layer, first board only."""
    lines = ["| network | layer | output | MACs | 8 bits | 4 bits | 2 bits |", "|---" * 7 + "|"]
    first = [row for row in found if row.board == found[0].board]
    for name in dict.fromkeys(row.network for row in first):
        by_bits = {row.bits: row for row in first if row.network == name}
        graph = next(iter(by_bits.values())).graph
        seen = set()
        for node in graph.weighted:
            count = macs(graph, node)
            figures = []
            for bits in by_bits:
                layers = {layer.name: layer for layer in by_bits[bits].measurement.layers}
                figures.append(f"{(layers[node.name].instructions or 0) / count:.3f}")
            shape = "x".join(str(extent) for extent in node.shape)
            line = f"| {shape} | {count:,} | {' | '.join(figures)} |"
            if line not in seen:
                seen.add(line)
                lines.append(f"| {name} | {node.name} {line}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", action="append", choices=list(networks()))
    parser.add_argument("--board", action="append", help=f"of {', '.join(BOARDS)}: all of them")
    parser.add_argument("--bits", action="append", type=int, choices=BITS)
    found = list(rows(parser.parse_args()))
    print(network_table(found))
    print()
    print(layer_table(found))


if __name__ == "__main__":
    main()
