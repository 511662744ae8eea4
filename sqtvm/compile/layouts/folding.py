"""Weights of four channels folded into lanes of 16 bits, for tile2x4.h (docs/layouts.md).

A lane is the sum of ``scale * weight`` over the channels that it holds. At 8 and 4 bits one
multiplication by it as it is serves a channel together with those below it, which are then
subtracted. That is exact as long as the scaled dot product of each channel fits an int32. At 2 bits
one multiplication serves two channels, and the lower one's products are taken out of the sum's low
14 bits a round of the kernel's loop at a time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sqtvm.quantize.network import Int8Array

_UPPER = 1 << 14
_SCALES = {8: (1, 256, 1, 256), 4: (1, 16, 256, 4096), 2: (1, _UPPER, 1, _UPPER)}
_SIGNS = {8: (1, 1, 1, 1), 4: (1, 1, 1, 1), 2: (-1, 1, -1, 1)}
_OFFSETS = {8: (0, 0, 0, 0), 4: (8, 8, 8, 0), 2: (1, 0, 1, 0)}
"""What is stored is sign * weight + offset, so that it is no less than 0 but at a lane's top."""
_LARGEST_ACTIVATION = 128
_LANES = ((0, 2), (1, 3))
"""Positions in a quad of the two lanes of its halves."""
_ROUND_QUADS, _SHORT_ROUND_QUADS = 8, 5
"""Of the kernel's loop; five quads fit whatever the weights are."""


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


def round_quads(groups: Int8Array, weight_bits: int) -> int:
    """Quads in a round of the kernel's loop, of which the first has what is left over.

    At 2 bits channels of even numbers are stored as 1 - weight; their products of one round, for
    int8 [groups, channels, depth], have to fit the low 14 bits. Eight quads do where no mean of 32
    weights is below -1.
    """
    if weight_bits > 2:
        return _ROUND_QUADS
    lower = groups[:, 0::2].astype(np.int64)
    quads = -(-lower.shape[-1] // 4)
    begin = -quads % _ROUND_QUADS * 4
    by_round = np.zeros((*lower.shape[:2], begin + quads * 4), np.int64)
    by_round[..., begin : begin + lower.shape[-1]] = 1 - lower
    sums = by_round.reshape(*lower.shape[:2], -1, 4 * _ROUND_QUADS).sum(axis=-1)
    fits = sums.max(initial=0) * _LARGEST_ACTIVATION <= _UPPER // 2
    return _ROUND_QUADS if fits else _SHORT_ROUND_QUADS


def pack_channel_fours(weight: Int8Array, weight_bits: int) -> NDArray[np.uint8]:
    """int8 [out_channels, depth], a multiple of four channels, to uint8.

    Below 8 bits weights have an offset, but for channels whose sign is that of the lane. The
    padding along the depth meets zero activations and is stored as 0.
    """
    channels, depth = weight.shape
    quads = -(-depth // 4)
    stored = np.zeros((channels // 4, 4, quads * 4), np.int64)
    signs = np.array(_SIGNS[weight_bits])[:, None]
    stored[:, :, :depth] = weight.reshape(-1, 4, depth) * signs
    stored[:, :, :depth] += np.array(_OFFSETS[weight_bits])[:, None]
    scaled = stored * np.array(_SCALES[weight_bits])[:, None]
    # [four, channel, quad, half, lane]
    by_lane = scaled.reshape(-1, 4, quads, 4)[..., _LANES]
    if weight_bits == 4:
        return _words(by_lane.sum(axis=1))
    # Lanes of two channels: [four, quad, half, two channels, lane].
    pairs = by_lane.reshape(-1, 2, 2, quads, 2, 2).sum(axis=2).transpose(0, 2, 3, 1, 4)
    if weight_bits == 8:
        return _words(pairs)
    # Each word has two bits at the top and two at the bottom of its lanes: all four of a quad, each
    # turned by four bits more than the one before, fill one.
    turned = np.arange(4, dtype=np.uint32) * 4
    words = pairs.reshape(-1, 4, 2) & 0xFFFF
    by_word = (words[..., 0] | words[..., 1] << 16).astype(np.uint32)
    spread = by_word << turned | by_word >> (32 - turned) % 32
    filled: NDArray[np.uint32] = np.bitwise_or.reduce(spread, axis=1)
    return np.frombuffer(filled.astype("<u4").tobytes(), np.uint8).copy()


def _words(lanes: NDArray[np.int64]) -> NDArray[np.uint8]:
    words = np.ascontiguousarray(lanes & 0xFFFF).astype("<u2")
    return np.frombuffer(words.tobytes(), np.uint8).copy()
