"""The fast reference against Python's integers, layer by layer and over whole networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from sqtvm.quantize import network as n
from sqtvm.quantize.reference import run_integer, run_integer_layers, run_layer
from tests.quantize import big_int, layers


def assert_agrees(case: layers.Case) -> None:
    layer, inputs, quantizations = case
    tensors = [torch.from_numpy(value[None]) for value in inputs]
    fast = run_layer(layer, tensors, quantizations).numpy()[0]
    slow = big_int.run_layer(
        layer,
        [value.astype(object) for value in inputs],
        [quantization.zero_point for quantization in quantizations],
    )
    assert fast.dtype == np.int8
    np.testing.assert_array_equal(fast, slow.astype(np.int8), err_msg=repr(layer.op))


@settings(max_examples=150, deadline=None)
@given(layers.convolutions())
def test_convolution_agrees_with_big_integers(case: layers.Case) -> None:
    assert_agrees(case)


@settings(max_examples=80, deadline=None)
@given(layers.linears())
def test_linear_agrees_with_big_integers(case: layers.Case) -> None:
    assert_agrees(case)


@settings(max_examples=100, deadline=None)
@given(layers.pools())
def test_pooling_agrees_with_big_integers(case: layers.Case) -> None:
    assert_agrees(case)


@settings(max_examples=100, deadline=None)
@given(layers.adds())
def test_add_agrees_with_big_integers(case: layers.Case) -> None:
    assert_agrees(case)


@settings(max_examples=100, deadline=None)
@given(layers.concats())
def test_concat_agrees_with_big_integers(case: layers.Case) -> None:
    assert_agrees(case)


@settings(max_examples=100, deadline=None)
@given(layers.unary())
def test_softmax_clamp_and_flatten_agree_with_big_integers(case: layers.Case) -> None:
    assert_agrees(case)


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_large_convolution_is_exact(bits: int) -> None:
    """Shapes for which a library may choose a transform whose fractions are not exact."""
    random = np.random.default_rng(bits)
    half = 1 << (bits - 1)
    weight = random.integers(-half, half, (64, 3, 3, 64)).astype(np.int8)
    x = random.integers(-128, 128, (2, 16, 16, 64)).astype(np.int8)
    identity = np.full(64, 1 << 24, np.int32)
    op = n.IntegerConv2d(
        weight, bits, np.ones(64), np.zeros(64, np.int32), identity, 0, n.OutputRange(),
        (1, 1), (1, 1, 1, 1), 1,
    )  # fmt: skip
    layer = n.IntegerLayer("conv", op, ("x",), (16, 16, 64), n.TensorQuantization(1.0, 5))

    fast = run_layer(layer, [torch.from_numpy(x)], [n.TensorQuantization(1.0, -100)]).numpy()

    padded = np.pad(x.astype(np.int64) + 100, ((0, 0), (1, 1), (1, 1), (0, 0)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    total = np.einsum("bhwcij,oijc->bhwo", patches, weight.astype(np.int64), optimize=True)
    expected = np.clip((total * (1 << 24) + (1 << 31) >> 32) + 5, -128, 127)
    np.testing.assert_array_equal(fast, expected)


def two_layers() -> n.IntegerNetwork:
    random = np.random.default_rng(0)
    op = n.IntegerLinear(
        random.integers(-128, 128, (6, 5)).astype(np.int8), 8, np.ones(6),
        random.integers(-1000, 1000, 6).astype(np.int32), np.full(6, 1 << 23, np.int32), 2,
        n.OutputRange(),
    )  # fmt: skip
    quantization = n.TensorQuantization(0.5, 3)
    return n.IntegerNetwork(
        "x",
        (5,),
        n.TensorQuantization(0.1, -4),
        (
            n.IntegerLayer("first", op, ("x",), (6,), quantization),
            n.IntegerLayer("sum", n.IntegerAdd((3, 5), 7, 2, n.OutputRange(-100, 100)),
                           ("first", "first"), (6,), quantization),
        ),
    )  # fmt: skip


def test_network_gives_its_last_layer_for_every_sample_and_batch() -> None:
    network = two_layers()
    x = np.random.default_rng(1).integers(-128, 128, (700, 5)).astype(np.int8)

    every = run_integer_layers(network, x)
    output = run_integer(network, x)

    assert set(every) == {"first", "sum"}
    np.testing.assert_array_equal(every["sum"], output)
    for i in (0, 255, 256, 699):
        slow = big_int.run(network, x[i])
        np.testing.assert_array_equal(every["first"][i], slow["first"])
        np.testing.assert_array_equal(output[i], slow["sum"])


def test_no_samples_give_no_outputs() -> None:
    assert run_integer(two_layers(), np.zeros((0, 5), np.int8)).shape == (0, 6)
