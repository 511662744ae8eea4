"""The rules every quantized tensor follows, and what they cost in bytes."""

from __future__ import annotations

import math
from collections.abc import Iterable

from sqtvm.frontend.graph import (
    Clamp,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    Node,
    Shape,
)
from sqtvm.quantize.network import OutputRange, TensorQuantization

SOFTMAX_OUTPUT = TensorQuantization(1.0 / 256, -128)

# For tensors of 8 bits that calibration only ever saw at zero: any scale represents them, and this
# one leaves room for what other inputs may bring.
DEAD_SCALE = 1.0 / 128


def keeps_scale(node: Node) -> bool:
    """Whether the node's output has the quantization of its input, because it only selects."""
    return isinstance(node.op, MaxPool2d | Clamp | Flatten)


def weight_range(weight_bits: int) -> tuple[int, int]:
    """The smallest and the largest integer weight: -8 and 7 at 4 bits.

    At 8 bits -127: the level below it would be worth next to nothing, and without it two weights
    fit the 16 bits in which kernels multiply them.
    """
    largest = (1 << (weight_bits - 1)) - 1
    return (-largest if weight_bits == 8 else -largest - 1), largest


def weight_bytes(node: Node, weight_bits: int) -> int:
    """Bytes of a node's weights packed without gaps, rounded up; 0 without weights."""
    if isinstance(node.op, Conv2d | Linear):
        return math.ceil(node.op.weight.size * weight_bits / 8)
    return 0


def channels_last(shape: Shape) -> Shape:
    """(channels, height, width) to (height, width, channels); vectors stay as they are."""
    if len(shape) == 3:
        channels, height, width = shape
        return (height, width, channels)
    return shape


def from_range(low: float, high: float, activation_bits: int = 8) -> TensorQuantization:
    """The quantization of 8 or 4 bits that spans [low, high], widened to contain 0.

    0 is represented exactly, so that padding and relu lose nothing.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / ((1 << activation_bits) - 1)
    if scale < 1e-30:
        return TensorQuantization(DEAD_SCALE * (1 << (8 - activation_bits)), 0, activation_bits)
    least, largest = -(1 << (activation_bits - 1)), (1 << (activation_bits - 1)) - 1
    zero_point = round(min(max(least - low / scale, least), largest))
    return TensorQuantization(scale, zero_point, activation_bits)


def output_range(
    quantization: TensorQuantization, activations: Iterable[Clamp | None]
) -> OutputRange:
    """The clamps that follow an operator, and its output's bits, as one clip."""
    low, high = quantization.low, quantization.high
    for activation in activations:
        if activation is None:
            continue
        low = max(low, _bound(activation.minimum, quantization))
        high = min(high, _bound(activation.maximum, quantization))
    return OutputRange(low, max(low, high))


def _bound(real: float, quantization: TensorQuantization) -> int:
    scaled = min(max(real / quantization.scale, -512.0), 512.0)
    return min(max(round(scaled) + quantization.zero_point, quantization.low), quantization.high)
