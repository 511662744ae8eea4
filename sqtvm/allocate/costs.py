"""What an allocation costs: a model from the layers' sizes, corrected by what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqtvm.allocate.budget import Cost
from sqtvm.frontend.graph import Add, Conv2d, Graph, Linear, Node, macs
from sqtvm.quantize.scheme import weight_bytes

# Executed instructions a multiply-accumulate on Cortex-M7, orders of magnitude to begin with:
# the first measurement of a deployment replaces them.
_INSTRUCTIONS_PER_MAC = {"conv": 1.1, "depthwise": 2.5, "linear": 1.3}
_INSTRUCTIONS_PER_ADDED_VALUE = 7.0
_CYCLES_PER_INSTRUCTION = 0.9
# Bias and multiplier, int32 each.
_BYTES_PER_CHANNEL = 8
_CODE_BYTES = 14_000
# Buffers of the protocol, input and output, and the stack, of firmware for Cortex-M4 and M7.
STATIC_AND_STACK_BYTES = 3_000
_FULL_BITS = 8


def allocation_weight_bytes(graph: Graph, weight_bits: Mapping[str, int]) -> int:
    """Packed weights of all layers, without biases and multipliers."""
    return sum(weight_bytes(node, weight_bits[node.name]) for node in graph.weighted)


@dataclass(frozen=True, eq=False)
class LayerCosts:
    """A CostModel: ``observe`` gives a better one.

    layer_times: ms by (layer, bits), as observed; rest_ms: of layers without weights and between
    layers; flash_beside_weights: of the image that was observed last; activation_bits: of each
    node's output, 8 where it is not named.
    """

    graph: Graph
    clock_hz: int
    ram_bytes: int
    source: str = "modelled"
    layer_times: Mapping[tuple[str, int], float] = field(default_factory=dict)
    rest_ms: float = 0.0
    flash_beside_weights: int = 0
    model_error: float = 1.0
    activation_bits: Mapping[str, int] = field(default_factory=dict)

    def layer_ms(self, name: str, weight_bits: int) -> float:
        """Observed at these bits; else at other bits of this layer; else modelled."""
        observed = self.layer_times.get((name, weight_bits))
        if observed is not None:
            return observed
        others = [ms for (layer, _), ms in self.layer_times.items() if layer == name]
        if others:
            return max(others)
        return self.model_error * _modelled_ms(self.graph, self.graph[name], self.clock_hz)

    def cost(self, weight_bits: Mapping[str, int]) -> Cost:
        """The cost of the whole network at these bits."""
        ms = self.rest_ms + sum(self.layer_ms(name, bits) for name, bits in weight_bits.items())
        packed = allocation_weight_bytes(self.graph, weight_bits)
        bops = sum(self.layer_bops(name, bits) for name, bits in weight_bits.items())
        return Cost(ms, self.flash_beside_weights + packed, self.ram_bytes, packed, bops)

    def layer_bytes(self, name: str, weight_bits: int) -> int:
        """Packed weights of one layer."""
        return weight_bytes(self.graph[name], weight_bits)

    def layer_bops(self, name: str, weight_bits: int) -> int:
        """Multiply-accumulates times bits of the weights times bits of the activations."""
        node = self.graph[name]
        activation_bits = self.activation_bits.get(node.inputs[0], _FULL_BITS)
        return macs(self.graph, node) * weight_bits * activation_bits

    @property
    def largest_tensors(self) -> tuple[str, ...]:
        """The two layers with the largest outputs, in execution order."""
        largest = sorted(self.graph.nodes, key=lambda node: -math.prod(node.shape))[:2]
        return tuple(node.name for node in self.graph.nodes if node in largest)

    def observe(
        self,
        weight_bits: Mapping[str, int],
        layer_ms: Mapping[str, float],
        total_ms: float,
        flash_bytes: int,
        ram_bytes: int,
        source: str,
    ) -> LayerCosts:
        """The model that knows one more firmware.

        layer_ms: of every layer, weighted or not, by name; source: "emulated" or "measured".
        """
        times = dict(self.layer_times)
        weighted = {name: layer_ms[name] for name in weight_bits if name in layer_ms}
        times.update({(name, weight_bits[name]): ms for name, ms in weighted.items()})
        modelled = sum(
            _modelled_ms(self.graph, self.graph[name], self.clock_hz) for name in weighted
        )
        return replace(
            self,
            source=source,
            layer_times=times,
            rest_ms=total_ms - sum(weighted.values()),
            ram_bytes=ram_bytes,
            flash_beside_weights=flash_bytes - allocation_weight_bytes(self.graph, weight_bits),
            model_error=sum(weighted.values()) / modelled if modelled else 1.0,
        )


def analytic_costs(
    graph: Graph, clock_hz: int, activation_bits: Mapping[str, int] | None = None
) -> LayerCosts:
    """The model before anything has been measured; activation_bits: 8 where none are given."""
    channels = sum(node.shape[0] for node in graph.weighted)
    rest = sum(
        _modelled_ms(graph, node, clock_hz) for node in graph.nodes if isinstance(node.op, Add)
    )
    return LayerCosts(
        graph,
        clock_hz,
        ram_bytes=_two_largest_tensors(graph) + STATIC_AND_STACK_BYTES,
        rest_ms=rest,
        flash_beside_weights=_CODE_BYTES + _BYTES_PER_CHANNEL * channels,
        activation_bits=activation_bits or {},
    )


def _modelled_ms(graph: Graph, node: Node, clock_hz: int) -> float:
    if isinstance(node.op, Add):
        instructions = math.prod(node.shape) * _INSTRUCTIONS_PER_ADDED_VALUE
    elif isinstance(node.op, Linear):
        instructions = macs(graph, node) * _INSTRUCTIONS_PER_MAC["linear"]
    else:
        assert isinstance(node.op, Conv2d)
        kind = "depthwise" if node.op.groups == node.op.weight.shape[0] > 1 else "conv"
        instructions = macs(graph, node) * _INSTRUCTIONS_PER_MAC[kind]
    return instructions * _CYCLES_PER_INSTRUCTION / clock_hz * 1e3


def _two_largest_tensors(graph: Graph) -> int:
    return sum(sorted(math.prod(node.shape) for node in graph.nodes)[-2:])
