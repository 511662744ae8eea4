"""Packed weights unpack to what they were, by the pictures in docs/layouts.md."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqtvm.compile.layouts.packing import (
    pack_channel_pairs,
    pack_feature_fours,
    pack_taps,
    padded_quads,
)

BITS = st.sampled_from([8, 4, 2])
EXTENT = st.integers(1, 21)
SEED = st.integers(0, 2**32 - 1)


def weights(seed: int, rows: int, depth: int, bits: int) -> np.ndarray:
    half = 1 << (bits - 1)
    random = np.random.default_rng(seed)
    return random.integers(-half, half, (rows, depth)).astype(np.int8)


def lane(packed: np.ndarray, word: int, bit: int, bits: int) -> int:
    value = int.from_bytes(packed[4 * word : 4 * word + 4].tobytes(), "little")
    return ((value >> bit) & ((1 << bits) - 1)) - (1 << (bits - 1))


@given(SEED, EXTENT, EXTENT, BITS)
def test_channel_pairs(seed: int, rows: int, depth: int, bits: int) -> None:
    weight = weights(seed, rows, depth, bits)
    packed = pack_channel_pairs(weight, bits)
    quads = padded_quads(depth, bits)
    assert len(packed) == -(-rows // 2) * quads * bits
    for row in range(rows):
        pair, channel = divmod(row, 2)
        for k in range(depth):
            quad, inner = divmod(k, 4)
            if bits == 8:
                place = (pair * quads + quad) * 8 + inner % 2 * 4 + inner // 2 * 2 + channel
                assert packed.view(np.int8)[place] == weight[row, k]
                continue
            first = 8 * (quad % 2) if bits == 2 else 0
            bit = first + bits * (2 * channel + inner % 2) + 16 * (inner // 2)
            word = (pair * quads + quad) * bits // 4
            assert lane(packed, word, bit, bits) == weight[row, k]


@given(SEED, EXTENT, EXTENT, BITS)
def test_feature_fours(seed: int, rows: int, depth: int, bits: int) -> None:
    weight = weights(seed, rows, depth, bits)
    packed = pack_feature_fours(weight, bits)
    quads = -(-depth // 4)
    assert len(packed) == -(-rows // 4) * quads * 2 * bits
    for row in range(rows):
        four, feature = divmod(row, 4)
        for k in range(depth):
            quad, inner = divmod(k, 4)
            start = four * quads + quad
            if bits == 8:
                place = start * 16 + feature * 4 + inner
                assert packed.view(np.int8)[place] == weight[row, k]
                continue
            per_word = 16 // bits // 2
            word = start * bits // 2 + feature // per_word
            bit = bits * (2 * (feature % per_word) + inner % 2) + 16 * (inner // 2)
            assert lane(packed, word, bit, bits) == weight[row, k]


@given(SEED, EXTENT, st.sampled_from([1, 9, 25]), BITS)
def test_taps(seed: int, channels: int, taps: int, bits: int) -> None:
    weight = weights(seed, channels, taps, bits)
    packed = pack_taps(weight, bits)
    stride = -(-taps * bits // 8)
    assert len(packed) == channels * stride
    for channel in range(channels):
        for tap in range(taps):
            bit = tap * bits
            byte = int(packed[channel * stride + bit // 8])
            value = (byte >> (bit % 8)) & ((1 << bits) - 1)
            stored = value - (1 << bits if value >> (bits - 1) else 0)
            assert stored == weight[channel, tap]


@pytest.mark.parametrize(("depth", "bits", "quads"), [(9, 8, 3), (9, 2, 4), (16, 2, 4), (4, 2, 2)])
def test_quads_of_two_bits_are_even(depth: int, bits: int, quads: int) -> None:
    assert padded_quads(depth, bits) == quads
