"""A network with every operator and all weight widths, and what it has to give: the bytes of the
integer reference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sqtvm.compile.kernel_call import KernelStyle
from sqtvm.compile.network import compile_network
from sqtvm.quantize.accuracy import prepare_input
from sqtvm.quantize.build import quantize
from sqtvm.quantize.calibration import calibrate
from sqtvm.quantize.reference import run_integer
from tests.compile.graphs import every_operator


@dataclass(frozen=True, eq=False)
class Reference:
    """inputs: int8 [n, 12, 10, 3]; outputs: int8 [n, 5]."""

    archive: Path
    inputs: NDArray[np.int8]
    outputs: NDArray[np.int8]


def compiled(target: str, destination: Path, samples: int = 3) -> Reference:
    """target: TVM's name of the core; the archive is written to ``destination``."""
    graph = every_operator()
    x = np.random.default_rng(0).normal(size=(32, 3, 12, 10)).astype(np.float32)
    bits = {node.name: (8, 4, 2)[number % 3] for number, node in enumerate(graph.weighted)}
    network = quantize(graph, calibrate(graph, x), bits, x)
    # One loop for all layers of a kind: it compiles in half the time.
    compile_network("reference", graph, network, target, destination, KernelStyle.COMPACT)
    inputs = prepare_input(network, x[:samples])
    return Reference(destination, inputs, run_integer(network, inputs))
