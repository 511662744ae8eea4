"""The compile stage as one call."""

from __future__ import annotations

import math
from pathlib import Path

from sqtvm import kernels as kernel_package
from sqtvm.compile import aot
from sqtvm.compile.archive import Archive, write_archive
from sqtvm.compile.kernel_call import KernelStyle
from sqtvm.compile.layouts import kernel_call
from sqtvm.compile.passes.quantize_layers import quantize_layers
from sqtvm.compile.relay_import import import_graph
from sqtvm.frontend.graph import Graph
from sqtvm.quantize.network import IntegerNetwork


def compile_network(
    model_name: str,
    graph: Graph,
    network: IntegerNetwork,
    target: str,
    destination: Path,
    style: KernelStyle = KernelStyle.FAST,
) -> Archive:
    """Compile ``network``, the integer form of ``graph``, to a Model Library Format archive.

    target: as TVM writes it, ``c -keys=arm_cpu,cpu -mcpu=cortex-m7``; destination: of the
    ``.tar``, written whole or not at all. Raises SqtvmError when TVM refuses the network.
    """
    style = style.on(target)
    calls = {layer.name: kernel_call(layer, network, style) for layer in network.layers}
    module = quantize_layers(import_graph(graph).module, network, calls)
    overlaps = [call.overlaps for call in calls.values()]
    generated = aot.generate(module, target, overlaps, math.prod(network.input_shape))
    headers = kernel_package.include_directory()
    return write_archive(
        destination, model_name, network, generated, tuple(calls.values()), headers, style
    )
