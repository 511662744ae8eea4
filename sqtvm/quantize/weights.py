"""Integer weights, symmetric and per output channel."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sqtvm.frontend.graph import FloatArray
from sqtvm.quantize.network import Int8Array
from sqtvm.quantize.scheme import weight_range

_Rows: TypeAlias = NDArray[np.float32]

_REFINEMENTS = 4


def quantize_weights(weight: FloatArray, weight_bits: int) -> tuple[Int8Array, NDArray[np.float64]]:
    """Integers and scales with weight ~ scale[out] * integer, least squared error a channel.

    weight: float32 [out, ...]; the integers have its shape and lie in ``weight_range``;
    scales are float64 [out], not 0. The clip is searched a channel: candidate scales
    first, then rounding and the least-squares scale in turn, which never makes it worse.
    Below 8 bits, where the level that the negative side has more counts, a channel's scale is
    negative if its longer tail is positive. A channel of zeros gets zeros and the largest
    scale of the others.
    """
    rows = np.ascontiguousarray(weight.reshape(len(weight), -1), np.float32)
    largest = np.abs(rows).max(axis=1)
    live = largest > 1e-30
    unit = np.where(live, largest, 1.0).astype(np.float32)
    normal = rows / unit[:, None]

    scale = np.ones(len(rows), np.float32)
    least = np.full(len(rows), np.inf, np.float32)
    for candidate in _candidates(weight_bits):
        trial = np.full(len(rows), candidate, np.float32)
        error = _squared_error(normal, _integers(normal, trial, weight_bits), trial)
        better = error < least
        scale[better] = trial[better]
        least[better] = error[better]
    integers, scale = _fit(normal, scale, weight_bits)
    real_scale = scale.astype(np.float64) * unit
    fallback = float(np.abs(real_scale[live]).max()) if live.any() else 1.0
    real_scale[~live] = fallback
    return integers.astype(np.int8).reshape(weight.shape), real_scale


def _fit(rows: _Rows, scale: _Rows, weight_bits: int) -> tuple[_Rows, _Rows]:
    """Rounding and the least-squares scale in turn; neither step makes the error larger."""
    for _ in range(_REFINEMENTS):
        integers = _integers(rows, scale, weight_bits)
        norm = np.einsum("ij,ij->i", integers, integers)
        product = np.einsum("ij,ij->i", integers, rows)
        fitted = np.where(norm > 0, product / np.maximum(norm, 1), scale)
        scale = np.where(fitted * scale > 0, fitted, scale).astype(np.float32)
    return _integers(rows, scale, weight_bits), scale


def _candidates(weight_bits: int) -> NDArray[np.float32]:
    """Scales to try for weights of magnitude 1 at most, the widest clip first, then negative ones.

    Those that put the largest weight on a level are among them, so that weights which already
    lie on a grid keep it.
    """
    low, high = weight_range(weight_bits)
    clips, reach = {8: (13, 0.7), 4: (25, 0.4), 2: (33, 0.2)}[weight_bits]
    levels = 1.0 / np.arange(1 if weight_bits < 8 else 127, -low + 1)
    spread = np.linspace(1.0, reach, clips) / high
    ordered = np.unique(np.concatenate([spread, levels]))[::-1]
    if weight_bits < 8:
        ordered = np.concatenate([ordered, -ordered])
    return ordered.astype(np.float32)


def _integers(rows: _Rows, scale: _Rows, weight_bits: int) -> _Rows:
    low, high = weight_range(weight_bits)
    integers = rows / scale[:, None]
    np.rint(integers, out=integers)
    np.clip(integers, low, high, out=integers)
    return integers


def _squared_error(rows: _Rows, integers: _Rows, scale: _Rows) -> _Rows:
    difference = rows - integers * scale[:, None]
    error: _Rows = np.einsum("ij,ij->i", difference, difference)
    return error
