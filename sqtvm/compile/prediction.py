"""How large a network's workspace will be, without compiling it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from sqtvm.compile.kernel_call import KernelCall, KernelStyle
from sqtvm.compile.layouts import kernel_call
from sqtvm.compile.layouts.bands import stored_shape
from sqtvm.compile.memory_plan import Lead, plan_memory
from sqtvm.compile.workspace import ALIGNMENT
from sqtvm.quantize.network import IntegerLayer, IntegerNetwork


@dataclass
class WorkspacePrediction:
    """Predicts for networks that differ in the bits of their activations only, and remembers
    their layers' calls."""

    style: KernelStyle = KernelStyle.FAST
    _calls: dict[tuple[str, tuple[int, ...]], KernelCall] = field(default_factory=dict)

    def workspace_bytes(self, network: IntegerNetwork) -> int:
        """Bytes of the workspace: the network's input, all tensors between layers and scratch,
        placed by the planner that compilation has."""
        readers = [set(layer.inputs) for layer in network.layers]
        sizes = {network.input_name: math.prod(network.input_shape)}
        lives = {network.input_name: (0, _last(network.input_name, readers))}
        leads = []
        for number, layer in enumerate(network.layers):
            call = self._call(layer, network)
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

    def _call(self, layer: IntegerLayer, network: IntegerNetwork) -> KernelCall:
        tensors = [network.quantization_of(name) for name in layer.inputs]
        key = (layer.name, tuple(tensor.bits for tensor in (*tensors, layer.output)))
        if key not in self._calls:
            self._calls[key] = kernel_call(layer, network, self.style)
        return self._calls[key]


def _last(name: str, readers: list[set[str]]) -> int:
    """The number of the last layer that reads the tensor."""
    return max((number for number, names in enumerate(readers) if name in names), default=0)
