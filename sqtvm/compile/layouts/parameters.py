"""The int32 words beside the weights: zero points, clips, biases and multipliers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sqtvm.compile.layouts.source import Structure
from sqtvm.quantize.network import (
    Int32Array,
    IntegerConv2d,
    IntegerLayer,
    IntegerLinear,
    OutputRange,
    TensorQuantization,
)


def clips(clip: OutputRange) -> bool:
    """Whether saturating to int8 is not enough."""
    return clip != OutputRange()


def head(source: TensorQuantization, output: TensorQuantization, clip: OutputRange) -> list[int]:
    """``sqtvm_parameters`` of common.h."""
    return [source.zero_point, output.zero_point, clip.low, clip.high]


def weighted_parameters(
    layer: IntegerLayer, source: TensorQuantization, multiple: int
) -> Int32Array:
    """The head, then int32 (bias, multiplier) a channel, padded to a multiple of channels.

    The biases have taken in the input's zero point, so that kernels multiply raw activations and
    padding has the value of the zero point.
    """
    op = layer.op
    assert isinstance(op, IntegerConv2d | IntegerLinear)
    weight_sums: NDArray[np.int64] = op.weight.reshape(len(op.weight), -1).sum(
        axis=1, dtype=np.int64
    )
    bias = op.bias.astype(np.int64) - source.zero_point * weight_sums
    channels = np.zeros((-(-len(bias) // multiple) * multiple, 2), np.int64)
    channels[: len(bias), 0] = bias
    channels[: len(bias), 1] = op.multiplier
    words = np.concatenate([head(source, layer.output, op.clip), channels.reshape(-1)])
    # The sum of bias and products is in int32; on the way there it may wrap, as C's unsigned
    # arithmetic and the hardware's do.
    wrapped: Int32Array = words.astype(np.int64).astype(np.uint32).view(np.int32)
    return wrapped


def requantization(op: IntegerConv2d | IntegerLinear) -> Structure:
    """How the layer's accumulators become int8, as a constant of its call."""
    fields = (("left_shift", op.left_shift), ("clips", int(clips(op.clip))))
    return Structure("sqtvm_requantization", "requantization", fields)
