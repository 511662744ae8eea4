"""TVM's own schedules in the same firmware, counted."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.kernels.run import count, prepared
from benchmarks.kernels.tvm_schedule import compile_by_tvm, padded_at_the_end, without_softmax
from sqtvm.compile.network import compile_network
from sqtvm.firmware.boards import load_board
from sqtvm.frontend.graph import Graph, Shape
from sqtvm.measure.measurement import Measurement
from sqtvm.quantize.reference import run_integer

# TVM's schedules keep whole tiles of their inputs on the stack.
_STACK_BYTES = 512 * 1024
# Float scales there, fixed-point ones here: a value on the edge rounds one step apart, and so may
# what follows.
_LARGEST_DIFFERENCE = 8


@dataclass(frozen=True)
class TvmRow:
    board: str
    network: str
    measurement: Measurement


def measured_tvm(name: str, graph: Graph, shape: Shape, board_name: str) -> TvmRow:
    """Raises SystemExit if the output is not that of the same network."""
    network, inputs = prepared(graph, shape, 8)
    network = padded_at_the_end(network)
    board = load_board(board_name).model_copy(update={"stack_bytes": _STACK_BYTES})
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        ours = compile_network(name, graph, network, board.tvm_target, folder / "model.tar")
        network = without_softmax(network)
        archive = compile_by_tvm(network, board.tvm_target, ours.path, folder / "tvm.tar")
        found = count(archive, board, inputs, ["network"], folder)
    expected = run_integer(network, inputs).reshape(-1).astype(int)
    apart = int(np.abs(found.outputs.reshape(-1).astype(int) - expected).max())
    if apart > _LARGEST_DIFFERENCE:
        raise SystemExit(f"{name} by TVM is another network: outputs {apart} apart")
    return TvmRow(board_name, name, found)
