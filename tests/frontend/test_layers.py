"""Windows of every geometry against torch's own, without torch.export in between."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from sqtvm.errors import ModelError
from sqtvm.frontend import layers
from sqtvm.frontend.draft import Draft, Value
from sqtvm.frontend.execute import execute
from sqtvm.frontend.simplify import finish

sizes = st.integers(1, 12)
windows = st.integers(1, 4)
steps = st.integers(1, 4)


def feature_map(height: int, width: int) -> Tensor:
    return torch.randn(1, 2, height, width, generator=torch.Generator().manual_seed(height * width))


def run(draft: Draft, output: Value, x: Tensor) -> Tensor:
    return x if output == draft.input else execute(finish(draft, output), x)


@settings(deadline=None)
@given(
    st.tuples(sizes, sizes),
    st.tuples(windows, windows),
    st.tuples(steps, steps),
    st.booleans(),
    st.data(),
)
def test_max_pooling(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    ceil_mode: bool,
    data: st.DataObject,
) -> None:
    top, left = (data.draw(st.integers(0, window // 2)) for window in kernel)
    x = feature_map(*size)
    try:
        expected = functional.max_pool2d(x, kernel, stride, (top, left), ceil_mode=ceil_mode)
    except RuntimeError:
        return
    draft = Draft((2, *size))
    padding = (top, left, top, left)
    output = layers.max_pool(draft, "pool", draft.input, kernel, stride, padding, ceil_mode)
    torch.testing.assert_close(run(draft, output, x), expected)


@settings(deadline=None)
@given(
    st.tuples(sizes, sizes),
    st.tuples(windows, windows),
    st.tuples(steps, steps),
    st.booleans(),
    st.data(),
)
def test_average_pooling_is_right_or_refused(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    ceil_mode: bool,
    data: st.DataObject,
) -> None:
    top, left = (data.draw(st.integers(0, window // 2)) for window in kernel)
    x = feature_map(*size)
    try:
        expected = functional.avg_pool2d(x, kernel, stride, (top, left), ceil_mode)
        floor = functional.avg_pool2d(x, kernel, stride, (top, left))
    except RuntimeError:
        return
    draft = Draft((2, *size))
    padding = (top, left, top, left)
    try:
        output = layers.avg_pool(
            draft, "pool", draft.input, kernel, stride, padding, ceil_mode, True
        )
    except ModelError:
        # Refused only where rounding up does give another window.
        assert ceil_mode
        assert expected.shape != floor.shape
        return
    torch.testing.assert_close(run(draft, output, x), expected)


@settings(deadline=None)
@given(st.tuples(sizes, sizes), st.tuples(sizes, sizes))
def test_adaptive_pooling_is_right_or_refused(
    size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    x = feature_map(*size)
    draft = Draft((2, *size))
    divides = size[0] % wanted[0] == 0 and size[1] % wanted[1] == 0
    if not divides:
        with pytest.raises(ModelError, match="does not divide"):
            layers.adaptive_window(draft, "pool", draft.input, wanted)
        return
    kernel = layers.adaptive_window(draft, "pool", draft.input, wanted)
    none = (0, 0, 0, 0)
    output = layers.avg_pool(draft, "pool", draft.input, kernel, kernel, none, False, True)
    expected = functional.adaptive_avg_pool2d(x, wanted)
    torch.testing.assert_close(run(draft, output, x), expected)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-2, 2, width=32), st.floats(-2, 2, width=32)), min_size=1, max_size=4
    )
)
def test_clamps_in_a_row_are_one_clamp(bounds: list[tuple[float, float]]) -> None:
    x = torch.linspace(-3, 3, 61).reshape(1, 61)
    draft = Draft((61,))
    output, expected = draft.input, x
    for low, high in bounds:
        output = layers.clamp(draft, "clamp", output, low, high)
        expected = expected.clamp(low, high)
    graph = finish(draft, output)
    assert len(graph.nodes) == 2
    torch.testing.assert_close(execute(graph, x), expected)


def test_crossed_bounds_give_the_maximum() -> None:
    draft = Draft((3,))
    output = layers.clamp(draft, "clamp", draft.input, 1.0, -1.0)
    assert execute(finish(draft, output), torch.zeros(1, 3)).tolist() == [[-1.0, -1.0, -1.0]]


def test_a_window_larger_than_its_input_is_an_error() -> None:
    draft = Draft((2, 3, 3))
    with pytest.raises(ModelError, match="pool has a window of 4x4 for an input of 2x3x3"):
        layers.max_pool(draft, "pool", draft.input, (4, 4), (1, 1), (0, 0, 0, 0), False)


def test_channels_must_fit() -> None:
    draft = Draft((2, 3, 3))
    weight = np.zeros((4, 3, 1, 1), np.float32)
    with pytest.raises(ModelError, match="conv reads 2 channels where 3 are expected"):
        layers.conv(draft, "conv", draft.input, weight, None, (1, 1), (0, 0, 0, 0), [1, 1], 1)
