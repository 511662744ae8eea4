"""Weights rounded by step sizes that training learns with them.

Esser et al., "Learned Step Size Quantization" (2020): the gradient passes the rounding as if it
were the identity, and so reaches the step too: it is the rounding error inside the clip, and the
clip's level outside. Steps are learned as the logarithm of their change, so that Adam's rate is
relative to the step, whatever its size, and its sign stays; the paper learns them directly and
scales their gradient instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sqtvm.frontend.graph import Conv2d, FloatArray, Graph, Linear
from sqtvm.quantize.scheme import weight_range
from sqtvm.quantize.weights import quantize_weights


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """What training moves in one layer: weight [out, ...], bias [out] and growth [out], the
    logarithm of what the steps have grown by. start: the steps at the beginning, [out, 1, ...],
    negative where the levels are mirrored."""

    weight: Tensor
    bias: Tensor
    growth: Tensor
    start: Tensor
    weight_bits: int

    def step(self) -> Tensor:
        return self.start * self.growth.exp().reshape(self.start.shape)

    def rounded(self) -> Tensor:
        """The weights on the grid, float32 [out, ...]; gradients reach weights and steps."""
        low, high = weight_range(self.weight_bits)
        step = self.step()
        clipped = (self.weight / step).clamp(low, high)
        return (clipped + (clipped.round() - clipped).detach()) * step


def layer_weights(graph: Graph, weight_bits: Mapping[str, int]) -> dict[str, LayerWeights]:
    """Of every weighted layer, with the steps that ``quantize`` would take."""
    layers = {}
    for node in graph.weighted:
        assert isinstance(node.op, Conv2d | Linear)
        weight, bits = node.op.weight, weight_bits[node.name]
        scale = quantize_weights(weight, bits)[1].astype(np.float32)
        layers[node.name] = LayerWeights(
            _leaf(weight),
            _leaf(node.op.bias),
            torch.zeros(len(weight), requires_grad=True),
            torch.from_numpy(scale.reshape(-1, *(1,) * (weight.ndim - 1))),
            bits,
        )
    return layers


def on_grid(layers: Mapping[str, LayerWeights]) -> dict[str, tuple[FloatArray, FloatArray]]:
    """(weight, bias) of each layer with the weights rounded."""
    with torch.no_grad():
        return {
            name: (layer.rounded().numpy().copy(), layer.bias.numpy().copy())
            for name, layer in layers.items()
        }


def _leaf(value: FloatArray) -> Tensor:
    return torch.tensor(value, dtype=torch.float32, requires_grad=True)
