"""Turns a draft into a graph: pads and batch norms merge into layers, clamps into producers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from sqtvm.errors import ModelError
from sqtvm.frontend.draft import BatchNorm, Draft, DraftNode, Pad, Value
from sqtvm.frontend.graph import (
    Add,
    AvgPool2d,
    Clamp,
    Concat,
    Conv2d,
    Graph,
    Input,
    Linear,
    MaxPool2d,
    Node,
)

_CLAMPABLE = (Conv2d, Linear, Add, AvgPool2d, MaxPool2d, Concat)


def finish(draft: Draft, output: Value) -> Graph:
    """The graph that computes ``output``; raises ModelError where a pad or norm has no place."""
    network = _Network(draft.nodes, output.node)
    if isinstance(network.nodes[output.node].op, Input):
        raise ModelError("the model gives its input back", "give a model that computes something")
    _merge_pads(network)
    _fold_batch_norms(network)
    return _fuse_clamps(network)


class _Network:
    """Nodes that the output needs, in execution order, with who reads whom."""

    def __init__(self, nodes: tuple[DraftNode, ...], output: str) -> None:
        needed = {output}
        for node in reversed(nodes):
            if node.name in needed:
                needed.update(node.inputs)
        self.nodes = {n.name: n for n in nodes if n.name in needed or isinstance(n.op, Input)}
        self.output = output

    def readers(self, name: str) -> list[DraftNode]:
        return [node for node in self.nodes.values() if name in node.inputs]

    def only_reader_is(self, name: str, reader: str) -> bool:
        return name != self.output and [n.name for n in self.readers(name)] == [reader]

    def drop(self, node: DraftNode) -> None:
        """Removes a node of one input, whose readers then read that input."""
        (source,) = node.inputs
        for reader in self.readers(node.name):
            inputs = tuple(source if name == node.name else name for name in reader.inputs)
            self.nodes[reader.name] = replace(reader, inputs=inputs)
        if self.output == node.name:
            self.output = source
        del self.nodes[node.name]


def _merge_pads(network: _Network) -> None:
    for name in [n.name for n in network.nodes.values() if isinstance(n.op, Pad)]:
        node = network.nodes[name]
        assert isinstance(node.op, Pad)
        source = network.nodes[node.inputs[0]]
        readers = network.readers(name)
        merged = [_padded(reader, node.op, source) for reader in readers]
        if network.output == node.name or None in merged:
            raise ModelError(
                f"{name} pads with {node.op.value:g} what no convolution or pooling alone reads",
                "padding is supported with zeros before a convolution or an average pooling, "
                "with minus infinity before a max pooling",
            )
        for reader in merged:
            assert reader is not None
            network.nodes[reader.name] = reader
        network.drop(node)


def _padded(reader: DraftNode, pad: Pad, source: DraftNode) -> DraftNode | None:
    """The reader with the pad as its own, or None if it cannot have it."""
    op = reader.op
    if isinstance(op, Pad) and op.value == pad.value:
        return replace(reader, op=Pad(_sum(op.padding, pad.padding), pad.value))
    if isinstance(op, Conv2d | AvgPool2d) and pad.value == 0:
        return replace(reader, op=replace(op, padding=_sum(op.padding, pad.padding)))
    if isinstance(op, MaxPool2d):
        padding = _sum(op.padding, pad.padding)
        # Zeros never win against what is not negative, as long as each window sees some of it.
        positive = isinstance(source.op, Clamp) and source.op.minimum >= 0
        inside = all(side < op.kernel[axis % 2] for axis, side in enumerate(padding))
        if inside and (pad.value == -math.inf or (pad.value == 0 and positive)):
            return replace(reader, op=replace(op, padding=padding))
    return None


def _sum(
    first: tuple[int, int, int, int], second: tuple[int, int, int, int]
) -> tuple[int, int, int, int]:
    top, left, bottom, right = (a + b for a, b in zip(first, second, strict=True))
    return top, left, bottom, right


def _fold_batch_norms(network: _Network) -> None:
    for name in [n.name for n in network.nodes.values() if isinstance(n.op, BatchNorm)]:
        node = network.nodes[name]
        assert isinstance(node.op, BatchNorm)
        source = network.nodes[node.inputs[0]]
        if isinstance(source.op, Conv2d | Linear) and network.only_reader_is(source.name, name):
            network.nodes[source.name] = replace(source, op=_scaled_outputs(source.op, node.op))
            network.drop(node)
        elif len(node.shape) == 3:
            network.nodes[name] = replace(node, op=_depthwise(node.op))
        else:
            _fold_forward(network, node, node.op)


def _scaled_outputs(op: Conv2d | Linear, norm: BatchNorm) -> Conv2d | Linear:
    scale = norm.scale.astype(np.float64)
    weight = op.weight * scale.reshape(-1, *(1,) * (op.weight.ndim - 1))
    bias = op.bias * scale + norm.shift
    return replace(op, weight=weight.astype(np.float32), bias=bias.astype(np.float32))


def _depthwise(norm: BatchNorm) -> Conv2d:
    """The norm as a depthwise 1x1 convolution, for where no layer can take it."""
    channels = len(norm.scale)
    return Conv2d(norm.scale.reshape(-1, 1, 1, 1), norm.shift, (1, 1), (0, 0, 0, 0), channels)


def _fold_forward(network: _Network, node: DraftNode, norm: BatchNorm) -> None:
    readers = network.readers(node.name)
    if network.output == node.name or not all(isinstance(n.op, Linear) for n in readers):
        raise ModelError(
            f"{node.name} norms a vector that no linear layer makes, nor only linear layers read",
            "put the batch norm right behind or right before a linear layer",
        )
    for reader in readers:
        assert isinstance(reader.op, Linear)
        weight = reader.op.weight.astype(np.float64)
        bias = reader.op.bias + weight @ norm.shift
        op = Linear((weight * norm.scale).astype(np.float32), bias.astype(np.float32))
        network.nodes[reader.name] = replace(reader, op=op)
    network.drop(node)


def _fuse_clamps(network: _Network) -> Graph:
    activations: dict[str, Clamp] = {}
    for name in [n.name for n in network.nodes.values() if isinstance(n.op, Clamp)]:
        node = network.nodes[name]
        clamp = node.op
        assert isinstance(clamp, Clamp)
        source = network.nodes[node.inputs[0]]
        if not network.only_reader_is(source.name, node.name):
            continue
        if isinstance(source.op, Clamp):
            network.nodes[source.name] = replace(source, op=_both(source.op, clamp))
        elif isinstance(source.op, _CLAMPABLE):
            before = activations.get(source.name)
            activations[source.name] = _both(before, clamp) if before else clamp
        else:
            continue
        network.drop(node)
    nodes = []
    for node in network.nodes.values():
        assert not isinstance(node.op, BatchNorm | Pad)
        activation = activations.get(node.name)
        nodes.append(Node(node.name, node.op, node.inputs, node.shape, activation))
    return Graph(tuple(nodes))


def _both(first: Clamp, second: Clamp) -> Clamp:
    """One clamp that does what two in a row do."""
    low, high = (
        min(max(bound, second.minimum), second.maximum) for bound in (first.minimum, first.maximum)
    )
    return Clamp(low, high)
