"""Packed weights unpack to what they were, by the pictures in docs/layouts.md."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqtvm.compile.layouts.folding import can_fold, pack_channel_fours, round_quads
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


@given(SEED, st.integers(1, 5), st.integers(5, 21), BITS)
def test_channel_fours(seed: int, fours: int, depth: int, bits: int) -> None:
    weight = weights(seed, 4 * fours, depth, bits)
    if bits == 8:
        weight = np.maximum(weight, -127)
    assert can_fold(weight[None], bits)
    packed = pack_channel_fours(weight, bits)
    quads = -(-depth // 4)
    assert len(packed) == fours * quads * 2 * bits
    offset = 1 << (bits - 1)
    for row in range(4 * fours):
        four, channel = divmod(row, 4)
        for k in range(depth):
            quad, inner = divmod(k, 4)
            half, lane = inner % 2, inner // 2
            at = (four * quads + quad) * 2 * bits
            if bits == 2:
                word = int(packed[at : at + 4].view("<u4")[0])
                turn = 8 * half + 4 * (channel // 2)
                lanes = (word >> turn | word << (32 - turn)) & 0xC003C003
                folded = int(np.array([lanes], "<u4").view("<i2")[lane])
                stored = folded >> 14 if channel % 2 else 1 - (folded & 3)
                assert stored == weight[row, k]
                continue
            at += 8 * half + 4 * (channel // 2) if bits == 8 else 4 * half
            folded = int(packed[at + 2 * lane : at + 2 * lane + 2].view("<i2")[0])
            if bits == 4:
                value = folded >> 12 if channel == 3 else ((folded >> (4 * channel)) & 15) - offset
            else:
                even = (folded & 255) - 256 * ((folded & 128) > 0)
                value = (folded - even) // 256 if channel % 2 else even
            assert value == weight[row, k]


@pytest.mark.parametrize(
    ("value", "channels", "depth", "bits", "folds"),
    [
        (-128, 4, 5, 8, False),  # leaves no room for a neighbour in 16 bits
        (-127, 4, 516, 8, True),
        (-127, 4, 517, 8, False),  # 256 * 128 * 127 * 517 is past int32
        (-8, 8, 511, 4, True),
        (-8, 8, 512, 4, False),
        (-1, 8, 1023, 2, True),
        (-1, 8, 1024, 2, False),  # 2^14 * 128 * 1024 is past int32
        (-2, 8, 511, 2, True),
        (1, 6, 8, 8, False),
        (1, 8, 4, 8, False),
    ],
)
def test_what_can_be_folded(value: int, channels: int, depth: int, bits: int, folds: bool) -> None:
    assert can_fold(np.full((1, channels, depth), value, np.int8), bits) is folds


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


@pytest.mark.parametrize(
    ("value", "depth", "bits", "quads"),
    [
        (-1, 320, 2, 8),
        (-2, 21, 2, 8),
        (-2, 22, 2, 5),  # 128 * (1 + 2) * 22 is past 14 bits
        (1, 320, 2, 8),
        (-8, 64, 4, 8),
    ],
)
def test_rounds_at_2_bits_fit_14_bits(value: int, depth: int, bits: int, quads: int) -> None:
    weight = np.ones((1, 4, depth), np.int8)
    # Only the lower channel of a lane counts; the last round is whole.
    weight[:, 1] = -2
    weight[:, 2, -32:] = value
    assert round_quads(weight, bits) == quads


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
