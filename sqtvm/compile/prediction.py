"""How large a network's workspace will be, without compiling it."""

from __future__ import annotations

import math

from sqtvm.compile.kernel_call import KernelStyle
from sqtvm.compile.layouts import kernel_call
from sqtvm.compile.layouts.bands import stored_shape
from sqtvm.compile.memory_plan import Lead, plan_memory
from sqtvm.compile.workspace import ALIGNMENT
from sqtvm.quantize.network import IntegerNetwork


def workspace_bytes(network: IntegerNetwork, style: KernelStyle = KernelStyle.FAST) -> int:
    """Bytes of the workspace: the network's input, all tensors between layers and scratch, placed
    by the planner that compilation has."""
    calls = [kernel_call(layer, network, style) for layer in network.layers]
    readers = [set(layer.inputs) for layer in network.layers]
    sizes = {network.input_name: math.prod(network.input_shape)}
    lives = {network.input_name: (0, _last(network.input_name, readers))}
    leads = []
    for number, (layer, call) in enumerate(zip(network.layers, calls, strict=True)):
        if call.scratch_bytes:
            scratch = f"{layer.name} scratch"
            sizes[scratch] = call.scratch_bytes
            lives[scratch] = (number, number)
        if layer is network.output:
            continue
        sizes[layer.name] = math.prod(stored_shape(layer.shape, layer.output))
        lives[layer.name] = (number, _last(layer.name, readers))
        leads += [
            Lead(layer.name, name, overlap.lead, overlap.exact)
            for name, overlap in zip(layer.inputs, call.overlaps, strict=True)
            if overlap is not None and lives[name][1] == number
        ]
    conflicts = {
        name: frozenset(
            other
            for other, (begin, end) in lives.items()
            if other != name and begin <= last and first <= end
        )
        for name, (first, last) in lives.items()
    }
    return plan_memory(sizes, conflicts, leads, ALIGNMENT).size


def _last(name: str, readers: list[set[str]]) -> int:
    """The number of the last layer that reads the tensor."""
    return max((number for number, names in enumerate(readers) if name in names), default=0)
