"""Real scale ratios as the integer constants that kernels multiply and shift by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sqtvm.errors import ModelError
from sqtvm.quantize.network import Int32Array, TensorQuantization

_INT32_MAX = (1 << 31) - 1
_LARGEST_FACTOR = (1 << 15) - 1
_LARGEST_SHIFT = 30
# With a ratio of this at most, a factor keeps two bits and its half unit in int16.
_LARGEST_RATIO = 1 << 13


@dataclass(frozen=True, eq=False)
class Requantization:
    """multiplier: int32 [out]; output: the quantization it leads to."""

    multiplier: Int32Array
    left_shift: int
    output: TensorQuantization


def requantization(
    accumulator_scale: NDArray[np.float64],
    output: TensorQuantization,
    largest: NDArray[np.int64],
    name: str,
) -> Requantization:
    """How sums with ``accumulator_scale`` [out], positive or negative, become ``output``.

    largest: int64 [out], a bound of each sum's magnitude. Where the ratio asks for a left shift
    that could take a sum out of int32, the output's scale is enlarged until it does not.
    Raises ModelError where a sum alone does not fit int32.
    """
    bound = int(largest.max())
    room = _INT32_MAX.bit_length() - bound.bit_length()
    if room < 0:
        raise ModelError(
            f"{name} sums too many weights for a 32-bit accumulator",
            "give the layer fewer inputs or fewer bits",
        )
    steepest = float(np.abs(accumulator_scale).max())
    if _left_shift(steepest / output.scale) > room:
        output = replace(output, scale=steepest / math.ldexp(1.0, room - 1) * (1 + 1e-6))
    ratio = accumulator_scale / output.scale
    left_shift = _left_shift(steepest / output.scale)
    multiplier = np.rint(np.ldexp(ratio, 32 - left_shift)).astype(np.int32)
    return Requantization(multiplier, left_shift, output)


def _left_shift(ratio: float) -> int:
    """The least shift with which the multiplier stays below 2^31."""
    shift = max(0, math.frexp(ratio)[1])
    while round(math.ldexp(ratio, 32 - shift)) > _INT32_MAX:
        shift += 1
    return shift


def reachable(
    inputs: Sequence[TensorQuantization], output: TensorQuantization
) -> TensorQuantization:
    """``output``, or its coarser like where an int16 factor could not bridge the scales."""
    least = max(source.scale for source in inputs) / _LARGEST_RATIO
    return output if output.scale >= least else replace(output, scale=least)


def scaled_sum(
    inputs: Sequence[TensorQuantization], output: TensorQuantization
) -> tuple[list[int], int, int]:
    """Factors, offset and shift of ``y = (sum(x[i] * factor[i]) + offset) >> shift``.

    The shift is the largest that keeps factors in int16, the offset and every sum in int32.
    """
    for shift in range(_LARGEST_SHIFT, -1, -1):
        factors = [round(math.ldexp(source.scale / output.scale, shift)) for source in inputs]
        half = (1 << shift) >> 1
        offset = (output.zero_point << shift) + half
        offset -= sum(
            factor * source.zero_point for factor, source in zip(factors, inputs, strict=True)
        )
        largest = 128 * sum(factors) + abs(offset)
        if max(factors) <= _LARGEST_FACTOR and largest <= _INT32_MAX:
            return factors, offset, shift
    raise AssertionError("the output's scale was not made reachable")


def softmax_table(scale: float) -> Int32Array:
    """int32 [256]: 65536 * exp(-difference * scale) for every difference from the largest."""
    exponential = np.exp(-np.arange(256, dtype=np.float64) * scale)
    table: Int32Array = np.rint(65536 * exponential).astype(np.int32)
    return table
