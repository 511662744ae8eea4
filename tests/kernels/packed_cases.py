"""Layers whose tensors have 4 bits, and how such a tensor lies in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from sqtvm.quantize import network as n
from tests.kernels.cases import BITS, convolution, depthwise_cases
from tests.quantize.layers import Case, adds, convolutions, pools

_GROUP = 8


def stored(values: n.Int8Array, quantization: n.TensorQuantization) -> np.ndarray:
    """int8: the values themselves, or rows of packed groups, as bands.h's picture shows them."""
    if quantization.bits == 8:
        return values
    rows = values.reshape(values.shape[0], -1)
    padding = -rows.shape[1] % _GROUP
    groups = np.pad(rows, ((0, 0), (0, padding))).reshape(len(rows), -1, 2, _GROUP // 2)
    offset = (groups.astype(np.int16) + 8).astype(np.uint8)
    return (offset[:, :, 0] | offset[:, :, 1] << 4).astype(np.uint8).view(np.int8)


def narrowed(case: Case, packed_inputs: tuple[bool, ...], packed_output: bool) -> Case:
    """The layer with those of its tensors at 4 bits."""
    layer, inputs, quantizations = case
    pairs = list(zip(inputs, quantizations, packed_inputs, strict=True))
    inputs = [(x >> 4).astype(np.int8) if packed else x for x, _, packed in pairs]
    quantizations = [_narrow(q) if packed else q for _, q, packed in pairs]
    keeps = isinstance(layer.op, n.IntegerMaxPool2d | n.IntegerClamp)
    output = quantizations[0] if keeps else layer.output
    if packed_output and not keeps:
        output = _narrow(output)
    low, high = layer.op.clip.low, layer.op.clip.high
    if output.bits == 4:
        low, high = low >> 4, high >> 4
    op = replace(layer.op, clip=n.OutputRange(low, high))
    return replace(layer, op=op, output=output), inputs, quantizations


def _narrow(quantization: n.TensorQuantization) -> n.TensorQuantization:
    return replace(quantization, zero_point=quantization.zero_point >> 4, bits=4)


@st.composite
def _narrowed(draw: DrawFn, cases: SearchStrategy[Case]) -> Case:
    case = draw(cases.filter(lambda drawn: len(drawn[0].shape) == 3))
    which = draw(st.lists(st.booleans(), min_size=len(case[1]), max_size=len(case[1])))
    return narrowed(case, tuple(which), draw(st.booleans()) or not any(which))


def packed_layers() -> SearchStrategy[Case]:
    """Any layer that may read or write packed tensors, which it does."""
    return _narrowed(st.one_of(convolutions(), pools(), adds()))


def fixed_packed_cases() -> list[Case]:
    """Bands of one row and of several, rows that are and are not whole groups."""
    same = (1, 1, 1, 1)
    cases = []
    for seed, bits in enumerate(BITS):
        cases += [
            convolution(seed, bits, (12, 16, 8), 16, (3, 3), 1, same),
            convolution(seed, bits, (12, 5, 3), 7, (3, 3), 2, (0, 0, 1, 1)),
            convolution(seed, bits, (7, 3, 5), 6, (3, 3), 1, same),
            convolution(seed, bits, (10, 24, 16), 32, (1, 1)),
            convolution(seed, bits, (9, 4, 12), 18, (3, 3), 1, same, groups=3),
            *depthwise_cases(seed, bits)[:4],
        ]
    both = [(True, True), (True, False), (False, True)]
    return [
        narrowed(case, (both[number % 3][0],), both[number % 3][1])
        for number, case in enumerate(cases)
    ]
