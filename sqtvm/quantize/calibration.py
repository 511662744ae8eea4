"""Scales and zero points of the activations, from real samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sqtvm.errors import DataError
from sqtvm.frontend.execute import execute
from sqtvm.frontend.graph import FloatArray, Graph, Softmax
from sqtvm.quantize.network import TensorQuantization
from sqtvm.quantize.scheme import SOFTMAX_OUTPUT, from_range, keeps_scale

BINS = 2048
PERCENTILE = 99.99
_BATCH = 64
# Steps that are done, and all that there are.
OnStep: TypeAlias = Callable[[int, int], None]
# Between these a scale, its square and its inverse are all numbers of single precision.
_LARGEST, _SMALLEST = 1e15, 1e-30


class CalibrationMethod(StrEnum):
    """How the range of an activation is chosen from what the samples showed."""

    MIN_MAX = "min-max"
    PERCENTILE = "percentile"
    MSE = "mse"


@dataclass(eq=False)
class _Observed:
    """One tensor: its extremes, then how many values fell in each bin between and their sum."""

    low: float = np.inf
    high: float = -np.inf
    count: NDArray[np.float64] | None = None
    total: NDArray[np.float64] | None = None

    def widen(self, values: NDArray[np.float32]) -> None:
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))

    def settle(self, name: str) -> None:
        """What is too small to tell from zero is zero; DataError where nothing can hold it."""
        reach = max(abs(self.low), abs(self.high))
        if not reach <= _LARGEST:
            raise DataError(
                f"the values of {name} reach {reach:.3g} on the calibration samples, at most "
                f"{_LARGEST:g} can be quantized",
                "bring weights and samples to a usual scale",
            )
        if reach < _SMALLEST:
            self.low = self.high = 0.0

    def fill(self, values: NDArray[np.float32]) -> None:
        span = self.high - self.low
        if span <= 0:
            return
        flat = values.ravel()
        bins = np.minimum((flat - self.low) * (BINS / span), BINS - 1).astype(np.int64)
        count = np.bincount(bins, minlength=BINS).astype(np.float64)
        total = np.bincount(bins, weights=flat, minlength=BINS).astype(np.float64)
        self.count = count if self.count is None else self.count + count
        self.total = total if self.total is None else self.total + total


def calibrate(
    graph: Graph,
    x: FloatArray,
    method: CalibrationMethod = CalibrationMethod.MSE,
    activation_bits: int = 8,
    on_step: OnStep | None = None,
) -> Mapping[str, TensorQuantization]:
    """The quantization of every node's output, the input's too, by node name.

    x: float32 [count, *input shape], a few hundred samples; activation_bits: 8 or 4; on_step: is
    told how many steps are done, and of how many. Every range contains 0. Raises DataError where
    there are no samples, they do not fit the input, hold what is not finite, or lead to values
    that are beyond all scales.
    """
    if len(x) == 0:
        raise DataError("no calibration samples", "give at least one, better a few hundred")
    if tuple(x.shape[1:]) != graph.input.shape:
        raise DataError(
            f"calibration samples are {tuple(x.shape[1:])}, the input is {graph.input.shape}",
            "give samples in the shape that the torch model takes, without the batch",
        )
    if not np.isfinite(x).all():
        raise DataError("the calibration samples hold values that are not finite")
    observed = {
        node.name: _Observed()
        for node in graph.nodes
        if not keeps_scale(node) and not isinstance(node.op, Softmax)
    }
    passes = 1 if method is CalibrationMethod.MIN_MAX else 2
    steps = _Steps(passes * len(range(0, len(x), _BATCH)) + len(graph.nodes), on_step)
    _observe(graph, x, {name: tensor.widen for name, tensor in observed.items()}, steps)
    for name, tensor in observed.items():
        tensor.settle(name)
    if passes > 1:
        _observe(graph, x, {name: tensor.fill for name, tensor in observed.items()}, steps)

    chosen: dict[str, TensorQuantization] = {}
    for node in graph.nodes:
        steps.next()
        if isinstance(node.op, Softmax):
            chosen[node.name] = SOFTMAX_OUTPUT
        elif keeps_scale(node):
            chosen[node.name] = chosen[node.inputs[0]]
        else:
            chosen[node.name] = from_range(
                *_range(observed[node.name], method, activation_bits), activation_bits
            )
    return chosen


class _Steps:
    """Counts what is done, for who wants to know."""

    def __init__(self, total: int, tell: OnStep | None) -> None:
        self._done, self._total, self._tell = 0, total, tell

    def next(self) -> None:
        self._done += 1
        if self._tell is not None:
            self._tell(self._done, self._total)


def _observe(
    graph: Graph,
    x: FloatArray,
    observers: Mapping[str, Callable[[NDArray[np.float32]], None]],
    steps: _Steps,
) -> None:
    def hook(name: str, value: Tensor) -> Tensor:
        if name in observers:
            observers[name](value.numpy())
        return value

    with torch.no_grad():
        for start in range(0, len(x), _BATCH):
            batch = np.ascontiguousarray(x[start : start + _BATCH], np.float32)
            execute(graph, torch.from_numpy(batch), on_output=hook)
            steps.next()


def _range(
    tensor: _Observed, method: CalibrationMethod, activation_bits: int
) -> tuple[float, float]:
    if tensor.count is None or tensor.total is None:
        return tensor.low, tensor.high
    filled = tensor.count > 0
    count, value = tensor.count[filled], tensor.total[filled] / tensor.count[filled]
    if method is CalibrationMethod.PERCENTILE:
        position = np.cumsum(count) / count.sum() * 100
        low = value[int(np.searchsorted(position, 100 - PERCENTILE))]
        high = value[min(int(np.searchsorted(position, PERCENTILE)), len(value) - 1)]
        return float(low), float(high)
    return _least_squares_range(tensor.low, tensor.high, value, count, activation_bits)


def _least_squares_range(
    low: float,
    high: float,
    value: NDArray[np.float64],
    count: NDArray[np.float64],
    activation_bits: int,
) -> tuple[float, float]:
    """The range with the least squared error of quantized ``value``, each seen ``count`` times.

    A coarse grid of both ends, then a finer one around its best. Ranges are tried from the
    widest on, and a narrower one must be better to win.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    best = (low, high)
    least = _squared_error(from_range(low, high, activation_bits), value, count)
    for step, reach in ((0.08, 10), (0.02, 4), (0.005, 4)):
        centre = best
        coarse = step == 0.08
        shifts = np.arange(0, reach + 1) if coarse else np.arange(-reach, reach + 1)
        lows = np.clip(centre[0] - low * step * shifts, low, 0.0) if low else np.zeros(1)
        highs = np.clip(centre[1] - high * step * shifts, 0.0, high) if high else np.zeros(1)
        for candidate_low in lows:
            for candidate_high in highs:
                if candidate_high - candidate_low < (high - low) * 0.05:
                    continue
                candidate = from_range(candidate_low, candidate_high, activation_bits)
                error = _squared_error(candidate, value, count)
                if error < least * (1 - 1e-9):
                    least, best = error, (float(candidate_low), float(candidate_high))
    return best


def _squared_error(
    quantization: TensorQuantization, value: NDArray[np.float64], count: NDArray[np.float64]
) -> float:
    scale, zero_point = quantization.scale, quantization.zero_point
    lowest, highest = quantization.low - zero_point, quantization.high - zero_point
    difference = value - np.clip(np.rint(value / scale), lowest, highest) * scale
    return float(np.dot(difference * difference, count))
