"""Weights of four channels folded into lanes of 16 bits, for tile2x4.h (docs/layouts.md).

A lane is the sum of ``scale * weight`` over the channels that it holds, so that one multiplication
by it as it is serves a channel together with those below it, which are then subtracted. That is
exact as long as the scaled dot product of each channel fits an int32.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sqtvm.quantize.network import Int8Array

_SCALES = {8: (1, 256, 1, 256), 4: (1, 16, 256, 4096), 2: (1, 4, 16, 64)}
_LARGEST_ACTIVATION = 128
_LANES = ((0, 2), (1, 3))
"""Positions in a quad of the two lanes of its halves."""


def can_fold(groups: Int8Array, weight_bits: int) -> bool:
    """Whether int8 [groups, channels, depth] is exact in this layout, whatever the activations; the
    kernel takes two quads at least."""
    count, channels, depth = groups.shape
    if channels % 4 or depth <= 4:
        return False
    by_four = groups.reshape(count, -1, 4, depth).astype(np.int64)
    scales = np.array(_SCALES[weight_bits])
    largest = np.abs(by_four).sum(axis=-1) * _LARGEST_ACTIVATION * scales
    if weight_bits == 8:
        lanes = by_four[:, :, 0::2] + 256 * by_four[:, :, 1::2]
        if np.abs(lanes + 0.5).max(initial=0) > 2**15:
            return False
    return bool(largest.max(initial=0) < 2**31)


def pack_channel_fours(weight: Int8Array, weight_bits: int) -> NDArray[np.uint8]:
    """int8 [out_channels, depth], a multiple of four channels, to uint8.

    Below 8 bits weights are offset-binary but for the last of four channels at 4 bits, whose sign
    is that of the lane. The padding along the depth meets zero activations and is stored as 0.
    """
    channels, depth = weight.shape
    quads = -(-depth // 4)
    stored = np.zeros((channels // 4, 4, quads * 4), np.int64)
    stored[:, :, :depth] = weight.reshape(-1, 4, depth)
    if weight_bits < 8:
        offset = np.full((4, 1), 1 << (weight_bits - 1))
        offset[3] *= weight_bits == 2
        stored[:, :, :depth] += offset
    scaled = stored * np.array(_SCALES[weight_bits])[:, None]
    # [four, channel, quad, half, lane]
    by_lane = scaled.reshape(-1, 4, quads, 4)[..., _LANES]
    if weight_bits == 8:
        # Lanes of two channels: [four, quad, half, two channels, lane].
        pairs = by_lane.reshape(-1, 2, 2, quads, 2, 2).sum(axis=2)
        return _halves(pairs.transpose(0, 2, 3, 1, 4))
    lanes = by_lane.sum(axis=1)
    if weight_bits == 2:
        # A byte a half, both halves in one lane.
        return _halves(lanes[:, :, 0] + 256 * lanes[:, :, 1])
    return _halves(lanes)


def _halves(lanes: NDArray[np.int64]) -> NDArray[np.uint8]:
    words = np.ascontiguousarray(lanes & 0xFFFF).astype("<u2")
    return np.frombuffer(words.tobytes(), np.uint8).copy()
