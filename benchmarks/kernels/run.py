"""One network at one number of bits on one emulated board: compiled, built, counted, verified."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sqtvm.compile.network import compile_network
from sqtvm.firmware.boards import Board, load_board
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
from sqtvm.quantize.network import IntegerNetwork
from sqtvm.quantize.reference import run_integer


@dataclass(frozen=True)
class Row:
    board: str
    network: str
    bits: int
    graph: Graph
    measurement: Measurement

    @property
    def macs(self) -> int:
        return sum(macs(self.graph, node) for node in self.graph.nodes)


def prepared(graph: Graph, shape: Shape, bits: int) -> tuple[IntegerNetwork, NDArray[np.int8]]:
    """The network calibrated on random inputs, and the one that it will run."""
    x = np.random.default_rng(0).random((8, *shape)).astype(np.float32)
    network = quantize(graph, calibrate(graph, x), {n.name: bits for n in graph.weighted})
    return network, prepare_input(network, x[:1])


def count(
    archive: Path, board: Board, inputs: NDArray[np.int8], layers: list[str], folder: Path
) -> Measurement:
    firmware = build(generate(archive, board, folder / "firmware"), "emulator")
    return measure(firmware, board, parse_target("emulator"), inputs, layers)


def measured(name: str, graph: Graph, shape: Shape, bits: int, board_name: str) -> Row:
    """Raises SystemExit if the output differs from the integer reference in one byte."""
    network, inputs = prepared(graph, shape, bits)
    board = load_board(board_name)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        archive = compile_network(name, graph, network, board.tvm_target, folder / "model.tar")
        layers = [layer.name for layer in network.layers]
        found = count(archive.path, board, inputs, layers, folder)
    reference = run_integer(network, inputs).reshape(1, -1)
    if not verify(found.outputs, reference).equal:
        raise SystemExit(f"{name} at {bits} bits on {board_name} differs from the reference")
    return Row(board_name, name, bits, graph, found)
