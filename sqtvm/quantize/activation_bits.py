"""Which activations may have 4 bits instead of 8."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqtvm.errors import ModelError
from sqtvm.frontend.graph import (
    Add,
    AvgPool2d,
    Clamp,
    Conv2d,
    FloatArray,
    Graph,
    MaxPool2d,
    Node,
)
from sqtvm.quantize.calibration import calibrate
from sqtvm.quantize.network import TensorQuantization
from sqtvm.quantize.scheme import keeps_scale

_PACKED_BY_ROWS = (Conv2d, Add, MaxPool2d, AvgPool2d, Clamp)


def narrowable(graph: Graph) -> tuple[str, ...]:
    """The nodes whose outputs may have 4 bits, in execution order.

    They are three-dimensional, lie between layers, and all that write and read them, and what
    keeps their scale, works row by row. A node that keeps its input's scale follows its input and
    is not named.
    """
    return tuple(
        node.name
        for node in graph.nodes[1:]
        if not keeps_scale(node) and all(_packable(graph, name) for name in _sharing(graph, node))
    )


def _packable(graph: Graph, name: str) -> bool:
    node = graph[name]
    readers = [reader for reader in graph.nodes if name in reader.inputs]
    return (
        len(node.shape) == 3
        and isinstance(node.op, _PACKED_BY_ROWS)
        and bool(readers)
        and all(isinstance(reader.op, _PACKED_BY_ROWS) for reader in readers)
    )


def _sharing(graph: Graph, node: Node) -> list[str]:
    """The node, and those after it that keep its scale."""
    names = [node.name]
    for later in graph.nodes:
        if keeps_scale(later) and later.inputs[0] in names:
            names.append(later.name)
    return names


def narrowed(
    graph: Graph,
    activations: Mapping[str, TensorQuantization],
    four_bits: Mapping[str, TensorQuantization],
    chosen: Iterable[str],
) -> Mapping[str, TensorQuantization]:
    """``activations`` with the ``chosen`` ones, and what keeps their scale, as in ``four_bits``."""
    names = {name for node in chosen for name in _sharing(graph, graph[node])}
    return {name: (four_bits if name in names else activations)[name] for name in activations}


def calibrate_at(
    graph: Graph, x: FloatArray, activation_bits: Mapping[str, int]
) -> Mapping[str, TensorQuantization]:
    """Every tensor calibrated, at 8 bits or at those that ``activation_bits`` gives it.

    x: float32 [count, *input shape]. Raises ModelError for a tensor that cannot have 4 bits.
    """
    narrow = [name for name, bits in activation_bits.items() if bits != 8]
    able = {name for node in narrowable(graph) for name in _sharing(graph, graph[node])}
    for name in narrow:
        if activation_bits[name] != 4 or name not in able:
            raise ModelError(
                f"the output of {name} cannot have {activation_bits[name]} bits",
                "only 4 or 8, and 4 only between convolutions, poolings and additions",
            )
    eight_bits = calibrate(graph, x)
    if not narrow:
        return eight_bits
    chosen = [name for name in narrow if not keeps_scale(graph[name])]
    return narrowed(graph, eight_bits, calibrate(graph, x, activation_bits=4), chosen)
