"""What a layer's weights say about the bits they need: their spread, and what rounding does to it.

Both are measures of SigmaQuant ("SigmaQuant: Hardware-Aware Heterogeneous Quantization Method for
Edge DNN Inference", Liu, Yu, Zapater and Atienza, arXiv 2602.22136). Every output channel is
divided by its largest magnitude first, since every channel has a scale of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sqtvm.allocate.budget import BITS
from sqtvm.frontend.graph import Conv2d, FloatArray, Graph, Linear, Node
from sqtvm.quantize.weights import quantize_weights

_BINS = 64
# Of all mass, spread evenly over the bins, so that an empty bin costs much but not everything.
_SMOOTHING = 1e-3


@dataclass(frozen=True)
class WeightStatistics:
    """sigma: of the normalised weights; kl: nats, by bits."""

    sigma: float
    kl: Mapping[int, float]


def weight_statistics(graph: Graph) -> Mapping[str, WeightStatistics]:
    """Of every weighted layer, by name."""
    return {node.name: _statistics(node) for node in graph.weighted}


def _statistics(node: Node) -> WeightStatistics:
    assert isinstance(node.op, Conv2d | Linear)
    rows = node.op.weight.reshape(len(node.op.weight), -1)
    largest = np.abs(rows).max(axis=1, keepdims=True)
    unit = np.where(largest > 0, largest, np.float32(1.0))
    normal = (rows / unit).astype(np.float32)
    divergence = {}
    for bits in BITS:
        values, scale = quantize_weights(node.op.weight, bits)
        restored = values.reshape(rows.shape) * scale[:, None] / unit
        divergence[bits] = kl_divergence(normal, restored.astype(np.float32))
    return WeightStatistics(float(normal.std()), divergence)


def kl_divergence(reference: FloatArray, quantized: FloatArray) -> float:
    """KL(reference || quantized) in nats between histograms over [-1, 1]; any equal shapes.

    Values outside count in the outermost bins.
    """
    p, q = _histogram(reference), _histogram(quantized)
    return float((p * np.log(p / q)).sum())


def _histogram(values: FloatArray) -> NDArray[np.float64]:
    counts, _ = np.histogram(np.clip(values, -1, 1), bins=_BINS, range=(-1, 1))
    share = counts / max(int(counts.sum()), 1)
    smoothed: NDArray[np.float64] = (1 - _SMOOTHING) * share + _SMOOTHING / _BINS
    return smoothed
