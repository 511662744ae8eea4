"""The integer network: what the reference computes, what Relay compiles, what firmware runs.

Activations are int8, asymmetric, one scale and zero point a tensor; those of 4 bits are int8 values
from -8 to 7, and differ in nothing else here. Weights are symmetric, one scale an output channel.
Tensors are height, width, channels ("NHWC" without the batch) and
weights are OHWI. All arithmetic is defined here, in terms of exact integers:

weighted operators and average pooling
    ``acc = bias + sum(w * (x - input.zero_point))`` in int32 (``bias`` and ``w`` are 0 and 1 for
    the pooling), padding has the value ``input.zero_point``, then
    ``y = clip(((acc << left_shift) * multiplier + 2**31 >> 32) + output.zero_point, low, high)``.
    ``multiplier`` is below 2**31 in magnitude and ``acc << left_shift`` never leaves int32: the
    quantizer guarantees it from the weights themselves.
add, rescale
    ``y = clip((sum(x[i] * factor[i]) + offset) >> shift, low, high)`` with int16 factors, an
    int32 offset that holds the zero points and half a unit, and an arithmetic shift.
maximum pooling, clamp, flatten
    keep the scale of their input; padding of the pooling is the value -128.
concatenation
    each input has a Rescaling (factor, offset, shift) or, where scales agree, none: a copy.
softmax
    ``e[i] = table[max(x) - x[i]]``, ``y = min(((e[i] << 8) + sum(e) // 2) // sum(e), 255) - 128``;
    the output's scale is 1/256 and its zero point -128.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sqtvm.frontend.graph import Shape

Int8Array: TypeAlias = NDArray[np.int8]
Int32Array: TypeAlias = NDArray[np.int32]


@dataclass(frozen=True)
class TensorQuantization:
    """real = scale * (quantized - zero_point); quantized, and zero_point, are within ``bits``,
    8 or 4, of two's complement."""

    scale: float
    zero_point: int
    bits: int = 8

    @property
    def low(self) -> int:
        return -(1 << (self.bits - 1))

    @property
    def high(self) -> int:
        return (1 << (self.bits - 1)) - 1

    def quantize(self, real: NDArray[np.floating]) -> Int8Array:
        """Round to nearest, ties to even, and saturate; any shape."""
        scaled = np.rint(np.asarray(real, np.float64) / self.scale) + self.zero_point
        clipped: Int8Array = np.clip(scaled, self.low, self.high).astype(np.int8)
        return clipped

    def dequantize(self, quantized: NDArray[np.integer]) -> NDArray[np.float32]:
        shifted = np.asarray(quantized, np.float64) - self.zero_point
        return (shifted * self.scale).astype(np.float32)


@dataclass(frozen=True)
class OutputRange:
    """The clip of an operator's result: the fused activation, or the range of its output's bits."""

    low: int = -128
    high: int = 127


@dataclass(frozen=True, eq=False)
class IntegerConv2d:
    """weight: int8 [out, kernel_height, kernel_width, in / groups], each within its bits;
    bias, multiplier: int32 [out]; weight_scale: float64 [out], negative (and with it the
    multiplier) where that uses the levels better; padding: top, left, bottom, right.
    """

    weight: Int8Array
    weight_bits: int
    weight_scale: NDArray[np.float64]
    bias: Int32Array
    multiplier: Int32Array
    left_shift: int
    clip: OutputRange
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    groups: int


@dataclass(frozen=True, eq=False)
class IntegerLinear:
    """weight: int8 [out, in]; otherwise as IntegerConv2d.

    Where the input comes from a flatten, ``in`` counts as torch does: channels slowest.
    """

    weight: Int8Array
    weight_bits: int
    weight_scale: NDArray[np.float64]
    bias: Int32Array
    multiplier: Int32Array
    left_shift: int
    clip: OutputRange


@dataclass(frozen=True)
class IntegerAdd:
    """Two int16 factors, an int32 offset, a shift from 0 to 30."""

    factors: tuple[int, int]
    offset: int
    shift: int
    clip: OutputRange


@dataclass(frozen=True)
class IntegerMaxPool2d:
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    clip: OutputRange


@dataclass(frozen=True)
class IntegerAvgPool2d:
    """bias is 0; acc = sum(x - input.zero_point) over the window."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    multiplier: int
    left_shift: int
    clip: OutputRange


@dataclass(frozen=True)
class IntegerFlatten:
    """Height, width, channels in memory to channels, height, width: torch's order."""


@dataclass(frozen=True)
class Rescaling:
    """y = (x * factor + offset) >> shift."""

    factor: int
    offset: int
    shift: int


@dataclass(frozen=True)
class IntegerConcat:
    """One entry an input; None is a plain copy."""

    rescalings: tuple[Rescaling | None, ...]
    clip: OutputRange


@dataclass(frozen=True, eq=False)
class IntegerSoftmax:
    """table: int32 [256], round(65536 * exp(-difference * scale))."""

    table: Int32Array


@dataclass(frozen=True)
class IntegerClamp:
    clip: OutputRange


IntegerOperator: TypeAlias = (
    IntegerConv2d
    | IntegerLinear
    | IntegerAdd
    | IntegerMaxPool2d
    | IntegerAvgPool2d
    | IntegerFlatten
    | IntegerConcat
    | IntegerSoftmax
    | IntegerClamp
)


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """One operator; name and inputs as in the float graph.

    shape: (height, width, channels) or (features,) of the output.
    """

    name: str
    op: IntegerOperator
    inputs: tuple[str, ...]
    shape: Shape
    output: TensorQuantization


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """Layers in execution order; the position in ``layers`` is the layer's number everywhere."""

    input_name: str
    input_shape: Shape
    input: TensorQuantization
    layers: tuple[IntegerLayer, ...]

    @property
    def output(self) -> IntegerLayer:
        return self.layers[-1]

    @property
    def weight_bits(self) -> Mapping[str, int]:
        """The bits of each layer that has weights."""
        return {
            layer.name: layer.op.weight_bits
            for layer in self.layers
            if isinstance(layer.op, IntegerConv2d | IntegerLinear)
        }

    def shape_of(self, name: str) -> Shape:
        """Shape of the tensor that the named layer (or the input) gives."""
        if name == self.input_name:
            return self.input_shape
        return next(layer.shape for layer in self.layers if layer.name == name)

    def quantization_of(self, name: str) -> TensorQuantization:
        """Quantization of the tensor that the named layer (or the input) gives."""
        if name == self.input_name:
            return self.input
        return next(layer.output for layer in self.layers if layer.name == name)
