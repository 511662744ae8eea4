"""How curved the loss is in each layer's weights: the guide of HAWQ-V2.

Dong et al., "HAWQ-V2: Hessian Aware trace-Weighted Quantization of Neural Networks" (2020): the
damage of rounding a layer is the mean of its Hessian's eigenvalues, which is the trace divided by
the number of weights, times the squared distance of the rounded from the float weights.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as functional

from sqtvm.allocate.budget import BITS
from sqtvm.allocate.least_damage import Damage
from sqtvm.frontend.execute import execute
from sqtvm.frontend.graph import Conv2d, Graph, Linear, Node, Softmax
from sqtvm.frontend.model import Samples
from sqtvm.quantize.weights import quantize_weights

_SAMPLES = 128
_PROBES = 16


def hessian_damage(graph: Graph, traces: Mapping[str, float]) -> Damage:
    """The damage of a step by HAWQ-V2's measure; traces: as ``hessian_traces`` gives them."""
    table = {
        node.name: {
            bits: traces[node.name] / _size(node) * _squared_distance(node, bits) for bits in BITS
        }
        for node in graph.weighted
    }

    def damage(name: str, before: int, after: int) -> float:
        return table[name][after] - table[name][before]

    return damage


def hessian_traces(graph: Graph, samples: Samples, seed: int) -> Mapping[str, float]:
    """The trace of the loss's Hessian in each layer's weights, by Hutchinson's estimate.

    The loss is the mean cross-entropy with the labels of the first 128 samples, or with the
    network's own classes where there are none. One product of the Hessian with a random vector of
    signs over all layers gives a term for every layer: what layers share has a mean of 0.
    """
    logits = Graph(graph.nodes[:-1]) if isinstance(graph.output.op, Softmax) else graph
    x = torch.from_numpy(np.ascontiguousarray(samples.x[:_SAMPLES], np.float32))
    weights = {
        node.name: torch.tensor(node.op.weight, requires_grad=True)
        for node in graph.weighted
        if isinstance(node.op, Conv2d | Linear)
    }
    parameters = {
        node.name: (weights[node.name], torch.from_numpy(node.op.bias))
        for node in graph.weighted
        if isinstance(node.op, Conv2d | Linear)
    }
    given = execute(logits, x, parameters).flatten(1)
    labels = given.argmax(dim=1) if samples.y is None else torch.from_numpy(samples.y[:_SAMPLES])
    loss = functional.cross_entropy(given, labels)
    gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
    random = torch.Generator().manual_seed(seed)
    totals = dict.fromkeys(weights, 0.0)
    for _ in range(_PROBES):
        signs = [
            torch.randint(0, 2, weight.shape, generator=random).mul(2.0).sub(1.0)
            for weight in weights.values()
        ]
        products = torch.autograd.grad(
            gradients, list(weights.values()), grad_outputs=signs, retain_graph=True
        )
        for name, sign, product in zip(weights, signs, products, strict=True):
            totals[name] += float((sign * product).sum()) / _PROBES
    return totals


def _size(node: Node) -> int:
    assert isinstance(node.op, Conv2d | Linear)
    return int(node.op.weight.size)


def _squared_distance(node: Node, bits: int) -> float:
    assert isinstance(node.op, Conv2d | Linear)
    integers, scale = quantize_weights(node.op.weight, bits)
    restored = integers * scale.reshape(-1, *(1,) * (integers.ndim - 1))
    return float(((node.op.weight - restored) ** 2).sum())
