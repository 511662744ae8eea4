"""Weights in the order and the bits that the kernels read them in (pictures: docs/layouts.md)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sqtvm.quantize.network import Int8Array

# A quad k0..k3 meets activations in the order k0 k2 k1 k3 (SXTB16): lane n of a word of unpacked
# weights is in its low half for n of 0 (k0) and 1 (k1), and in its high half for k2 and k3.
_LOW = (0, 1)
_HIGH = (2, 3)


def padded_quads(depth: int, weight_bits: int) -> int:
    """Quads of a dot product of ``depth`` values in conv2d; two share a word at 2 bits."""
    quads = -(-depth // 4)
    return quads + quads % 2 if weight_bits == 2 else quads


def pack_channel_pairs(weight: Int8Array, weight_bits: int) -> NDArray[np.uint8]:
    """tile3x2.h's layout: int8 [out_channels, depth] to uint8, channels in pairs."""
    quads = padded_quads(weight.shape[1], weight_bits)
    padded = _padded(weight, 2, quads)
    if weight_bits == 8:
        # [pair, channel, quad, k of 2, half] to [pair, quad, half, k of 2, channel]
        ordered = padded.reshape(-1, 2, quads, 2, 2).transpose(0, 2, 4, 3, 1)
        return _bytes(ordered.astype(np.int8))
    lanes = _lanes(_offset(padded, weight, weight_bits), 2, quads)
    per_word = 16 // weight_bits // 4
    return _words(lanes.reshape(len(lanes), quads // per_word, per_word * 4, 2), weight_bits)


def pack_feature_fours(weight: Int8Array, weight_bits: int) -> NDArray[np.uint8]:
    """linear.h's layout: int8 [out_features, in_features] to uint8, features in fours."""
    quads = -(-weight.shape[1] // 4)
    padded = _padded(weight, 4, quads)
    if weight_bits == 8:
        ordered = padded.reshape(-1, 4, quads, 4).transpose(0, 2, 1, 3)
        return _bytes(ordered.astype(np.int8))
    lanes = _lanes(_offset(padded, weight, weight_bits), 4, quads)
    words_per_quad = weight_bits // 2
    grouped = lanes.reshape(len(lanes), quads * words_per_quad, 8 // words_per_quad, 2)
    return _words(grouped, weight_bits)


def pack_taps(weight: Int8Array, weight_bits: int) -> NDArray[np.uint8]:
    """depthwise.h's layout: int8 [channels, taps] to uint8, each channel from a new byte."""
    if weight_bits == 8:
        return _bytes(weight)
    per_byte = 8 // weight_bits
    channels, taps = weight.shape
    stored = np.zeros((channels, -(-taps // per_byte) * per_byte), np.uint8)
    stored[:, :taps] = weight.view(np.uint8) & ((1 << weight_bits) - 1)
    shifts = np.arange(per_byte) * weight_bits
    lanes = stored.reshape(channels, -1, per_byte).astype(np.uint16) << shifts
    return _bytes(lanes.sum(axis=2).astype(np.uint8))


def _padded(weight: Int8Array, multiple: int, quads: int) -> NDArray[np.int32]:
    rows = -(-len(weight) // multiple) * multiple
    padded = np.zeros((rows, quads * 4), np.int32)
    padded[: len(weight), : weight.shape[1]] = weight
    return padded


def _offset(padded: NDArray[np.int32], weight: Int8Array, weight_bits: int) -> NDArray[np.uint32]:
    """Offset-binary; the padding along the depth meets zero activations and stays 0."""
    stored = padded.copy()
    stored[:, : weight.shape[1]] += 1 << (weight_bits - 1)
    return stored.astype(np.uint32)


def _lanes(stored: NDArray[np.uint32], multiple: int, quads: int) -> NDArray[np.uint32]:
    """[group, quad, channel * 2 lanes, low and high half]."""
    by_quad = stored.reshape(-1, multiple, quads, 4).transpose(0, 2, 1, 3)
    lanes = np.stack([by_quad[..., _LOW], by_quad[..., _HIGH]], axis=-1)
    return lanes.reshape(lanes.shape[0], quads, multiple * 2, 2)


def _words(lanes: NDArray[np.uint32], weight_bits: int) -> NDArray[np.uint8]:
    """[..., lanes of a word, low and high half] to little-endian words."""
    shifts = np.arange(lanes.shape[-2], dtype=np.uint32) * weight_bits
    low = (lanes[..., 0] << shifts).sum(axis=-1)
    high = (lanes[..., 1] << (shifts + 16)).sum(axis=-1)
    return _bytes((low | high).astype("<u4"))


def _bytes(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    return np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8).copy()
