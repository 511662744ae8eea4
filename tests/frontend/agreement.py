"""Holds a graph against the torch module it came from."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sqtvm.frontend.execute import execute
from sqtvm.frontend.graph import Graph


def samples(shape: tuple[int, ...], count: int = 3) -> Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(1))


def assert_same_output(graph: Graph, module: nn.Module, x: Tensor) -> None:
    with torch.no_grad():
        expected = module(x)
        result = execute(graph, x.reshape(-1, *graph.input.shape))
    assert tuple(result.shape[1:]) == graph.output.shape
    torch.testing.assert_close(result.reshape(expected.shape), expected, rtol=1e-4, atol=1e-4)
    assert_shapes_hold(graph, x)


def assert_shapes_hold(graph: Graph, x: Tensor) -> None:
    """Every node's shape is the shape of what it gives."""
    shapes: dict[str, tuple[int, ...]] = {}

    def remember(name: str, value: Tensor) -> Tensor:
        shapes[name] = tuple(value.shape[1:])
        return value

    with torch.no_grad():
        execute(graph, x.reshape(-1, *graph.input.shape), on_output=remember)
    assert shapes == {node.name: node.shape for node in graph.nodes}
