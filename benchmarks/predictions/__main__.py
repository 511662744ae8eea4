"""What is predicted of whole networks, beside what the emulator then counts.

    python -m benchmarks.predictions [--network NAME] [BOARD...]

For each of some networks of MLPerf Tiny a cost table is made as a deployment makes it: all layers
at all bits in one firmware, into an empty store. From it, and from the sizes of the layers, follow
time, flash and RAM of a first allocation; the same allocation is then built whole and counted.
Prints a Markdown table: all layers at 8 bits, and 8, 4 and 2 in turn.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np

from benchmarks.networks import networks
from sqtvm.allocate.budget import BITS, Cost
from sqtvm.allocate.costs import analytic_costs
from sqtvm.compile.kernel_call import KernelStyle
from sqtvm.compile.network import compile_network
from sqtvm.cost_tables import CostTable, cost_table
from sqtvm.firmware.boards import Board, load_board
from sqtvm.firmware.build import build
from sqtvm.firmware.memory_use import MemoryUse, memory_use
from sqtvm.firmware.project import generate
from sqtvm.frontend.graph import Graph, Shape
from sqtvm.measure.measure import measure
from sqtvm.measure.measurement import Measurement
from sqtvm.measure.store import CostStore
from sqtvm.measure.target import Target
from sqtvm.progress import silent
from sqtvm.quantize.accuracy import prepare_input
from sqtvm.quantize.build import quantize
from sqtvm.quantize.calibration import calibrate

BOARDS = ("stm32f746", "stm32f446")
NETWORKS = ("ResNet-8", "DS-CNN", "autoencoder")
_EMULATOR = Target("emulator")
_STYLE = KernelStyle.FAST


@dataclass(frozen=True)
class Row:
    """bits: as the table calls them; memory: the board's image with the stack that the emulator's
    took; worst: of all layers with a hundredth of the time or more,
    the largest error in percent, and its layer's name."""

    network: str
    board: str
    bits: str
    predicted: Cost
    measured: Measurement
    memory: MemoryUse
    worst: float
    worst_name: str


def choices(graph: Graph) -> Mapping[str, dict[str, int]]:
    names = [node.name for node in graph.weighted]
    mixed = dict(zip(names, cycle(BITS), strict=False))
    return {"8": dict.fromkeys(names, 8), "8, 4, 2 in turn": mixed}


def rows(name: str, graph: Graph, shape: Shape, board: Board) -> Iterator[Row]:
    x = np.random.default_rng(0).random((8, *shape)).astype(np.float32)
    activations = calibrate(graph, x)
    costs = analytic_costs(graph, board.clock_hz)
    with tempfile.TemporaryDirectory(prefix="sqtvm-predictions-") as temporary:
        folder = Path(temporary)
        store = CostStore(folder / "costs.sqlite")
        known = cost_table(
            graph, activations, x, board, _EMULATOR, _STYLE, folder / "layers", silent, store
        )
        for bits, weight_bits in choices(graph).items():
            network = quantize(graph, activations, weight_bits)
            place = folder / bits.replace(", ", "-")
            target = board.tvm_target
            archive = compile_network(name, graph, network, target, place / "model.tar", _STYLE)
            project = generate(archive.path, board, place / "firmware")
            inputs = prepare_input(network, x[:1])
            names = [layer.name for layer in network.layers]
            found = measure(build(project, "emulator"), board, _EMULATOR, inputs, names)
            image = build(project, "board").elf
            worst, worst_name = worst_layer(known, weight_bits, found)
            yield Row(
                name,
                board.name,
                bits,
                known.applied_to(costs).cost(weight_bits),
                found,
                memory_use(image, found.memory.ram_stack),
                worst,
                worst_name,
            )


def worst_layer(
    known: CostTable, weight_bits: Mapping[str, int], found: Measurement
) -> tuple[float, str]:
    errors = [
        (_percent(known.ms[layer.name, weight_bits.get(layer.name, 0)], layer.ms), layer.name)
        for layer in found.layers
        if layer.ms is not None and layer.ms >= found.ms / 100
    ]
    return max(errors, key=lambda error: abs(error[0]))


def _percent(predicted: float, measured: float) -> float:
    return 100 * (predicted / measured - 1)


def line(row: Row) -> str:
    predicted, found = row.predicted, row.measured
    return (
        f"| {row.network} | {row.board} | {row.bits} "
        f"| {predicted.ms:.3f} | {found.ms:.3f} | {_percent(predicted.ms, found.ms):+.1f} % "
        f"| {row.worst:+.1f} % ({row.worst_name}) "
        f"| {_percent(predicted.flash_bytes, row.memory.flash_bytes):+.1f} % "
        f"| {_percent(predicted.ram_bytes, row.memory.ram_bytes):+.1f} % |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("boards", nargs="*", metavar="BOARD", default=BOARDS)
    parser.add_argument("--network", action="append", metavar="NAME", choices=list(networks()))
    given = parser.parse_args()
    boards = [load_board(name) for name in given.boards]
    print(
        "| network | board | bits | predicted, ms | emulated, ms | time off by "
        "| worst layer off by | flash off by | RAM off by |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    made = networks()
    for board in boards:
        for name in given.network or NETWORKS:
            for row in rows(name, *made[name], board):
                print(line(row), flush=True)


if __name__ == "__main__":
    main()
