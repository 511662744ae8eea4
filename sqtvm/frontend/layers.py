"""Adds layers to a draft the way frameworks describe them; every check on them is here.

Axes leave out the batch: axis 0 is the channels. ``where`` names the layer in errors and nodes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sqtvm.errors import ModelError
from sqtvm.frontend.draft import BatchNorm, Draft, Pad, Value
from sqtvm.frontend.graph import (
    Add,
    AvgPool2d,
    Clamp,
    Concat,
    Conv2d,
    Flatten,
    FloatArray,
    Linear,
    MaxPool2d,
    Shape,
    Softmax,
)

Padding = tuple[int, int, int, int]


def spatial(values: Sequence[int], where: str, rank: int) -> tuple[int, int]:
    """(height, width) of a setting given for one or two dimensions, or once for all."""
    numbers = [int(value) for value in values]
    if rank == 2 and len(numbers) == 1:
        return 1, numbers[0]
    if len(numbers) == 1:
        numbers *= 2
    if rank != 3 or len(numbers) != 2:
        raise ModelError(
            f"{where} works on {rank} dimensions with settings for {len(numbers)}",
            "sqtvm knows layers in one and two dimensions",
        )
    return numbers[0], numbers[1]


def conv(
    draft: Draft,
    where: str,
    x: Value,
    weight: NDArray[np.float32],
    bias: NDArray[np.float32] | None,
    stride: tuple[int, int],
    padding: Padding,
    dilation: Sequence[int],
    groups: int,
) -> Value:
    """weight: [out_channels, in_channels / groups, (height,) width]."""
    if any(size != 1 for size in dilation):
        raise ModelError(f"{where} has dilation {list(dilation)}", "only dilation 1 is supported")
    if min(padding) < 0:
        raise ModelError(f"{where} has negative padding", "crop the input beforehand")
    if weight.ndim == 3:
        weight = weight[:, :, None, :]
    if weight.ndim != 4:
        raise ModelError(
            f"{where} convolves {weight.ndim - 2} dimensions", "one or two are supported"
        )
    op = Conv2d(
        np.ascontiguousarray(weight, np.float32), _bias(bias, len(weight)), stride, padding, groups
    )
    return draft.add(where, op, [x])


def linear(
    draft: Draft,
    where: str,
    x: Value,
    weight: NDArray[np.float32],
    bias: NDArray[np.float32] | None,
) -> Value:
    """weight: [out_features, in_features]."""
    if x.rank != 1:
        raise ModelError(
            f"{where} is a linear layer over {list(draft.shape(x))}",
            "a linear layer reads one vector: flatten before it",
        )
    op = Linear(np.ascontiguousarray(weight, np.float32), _bias(bias, len(weight)))
    return draft.add(where, op, [x])


def batch_norm(
    draft: Draft,
    where: str,
    x: Value,
    weight: NDArray[np.float32] | None,
    bias: NDArray[np.float32] | None,
    mean: NDArray[np.float32],
    variance: NDArray[np.float32],
    epsilon: float,
) -> Value:
    """(x - mean) / sqrt(variance + epsilon) * weight + bias, in float64 down to two factors."""
    with np.errstate(all="ignore"):
        scale = 1 / np.sqrt(variance.astype(np.float64) + epsilon)
        if weight is not None:
            scale = scale * weight
        shift = -mean.astype(np.float64) * scale
        if bias is not None:
            shift = shift + bias
    if scale.shape != draft.node_shape(x)[:1]:
        raise ModelError(f"{where} norms {scale.size} channels of {draft.node_shape(x)[0]}")
    return draft.add(where, BatchNorm(scale.astype(np.float32), shift.astype(np.float32)), [x])


def affine(
    draft: Draft,
    where: str,
    x: Value,
    scale: NDArray[np.float32] | float,
    shift: NDArray[np.float32] | float,
) -> Value:
    """x * scale + shift, each one number or one a channel as it broadcasts with a batch."""
    factors = [_a_channel(draft, where, x, np.asarray(part)) for part in (scale, shift)]
    return draft.add(where, BatchNorm(factors[0], factors[1]), [x])


def _a_channel(draft: Draft, where: str, x: Value, part: NDArray[np.float32]) -> FloatArray:
    shape = draft.shape(x)
    try:
        whole = np.broadcast_to(part, (1, *shape))[0].reshape(shape[0], -1)
    except ValueError:
        whole = np.empty((0, 0))
    if not whole.size or not np.array_equal(whole, whole[:, :1].repeat(whole.shape[1], 1), True):
        raise ModelError(
            f"{where} combines {list(shape)} with a constant of shape {list(part.shape)}",
            "constants may be one number, or one a channel",
        )
    return np.ascontiguousarray(whole[:, 0], np.float32)


def clamp(draft: Draft, where: str, x: Value, minimum: float, maximum: float) -> Value:
    if math.isnan(minimum) or math.isnan(maximum):
        raise ModelError(f"{where} clamps to NaN", "give numbers as bounds")
    if minimum == -math.inf and maximum == math.inf:
        return x
    # Where the bounds cross, every framework gives the maximum.
    return draft.add(where, Clamp(min(minimum, maximum), maximum), [x])


def add(draft: Draft, where: str, left: Value, right: Value) -> Value:
    if left.rank != right.rank:
        raise ModelError(
            f"{where} adds {list(draft.shape(left))} and {list(draft.shape(right))}",
            "both sides of an addition need one shape",
        )
    return draft.add(where, Add(), [left, right])


def concat(draft: Draft, where: str, values: list[Value], axis: int) -> Value:
    if axis != 0 or len({value.rank for value in values}) > 1:
        raise ModelError(
            f"{where} joins along dimension {axis + 1}", "only joining the channels is supported"
        )
    return values[0] if len(values) == 1 else draft.add(where, Concat(), values)


def softmax(draft: Draft, where: str, x: Value, axis: int) -> Value:
    if axis != 0:
        raise ModelError(
            f"{where} is a softmax along dimension {axis + 1}", "only the channels are supported"
        )
    return draft.add(where, Softmax(), [x])


def pad(draft: Draft, where: str, x: Value, padding: Padding, value: float) -> Value:
    if min(padding) < 0:
        raise ModelError(f"{where} has negative padding", "crop the input beforehand")
    if not any(padding):
        return x
    if x.rank < 2:
        raise ModelError(f"{where} pads a vector", "only height and width can be padded")
    return draft.add(where, Pad(padding, value), [x])


def max_pool(
    draft: Draft,
    where: str,
    x: Value,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    ceil_mode: bool,
) -> Value:
    if ceil_mode:
        # A window over the edge sees nothing there, as it sees nothing in the padding.
        padding = _reach_over_the_edge(draft.node_shape(x), kernel, stride, padding)
    if kernel == (1, 1) and stride == (1, 1) and not any(padding):
        return x
    if padding[0] >= kernel[0] or padding[1] >= kernel[1]:
        raise ModelError(f"{where} pads by its whole window", "padding is at most half the window")
    return draft.add(where, MaxPool2d(kernel, stride, padding), [x])


def avg_pool(
    draft: Draft,
    where: str,
    x: Value,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    ceil_mode: bool,
    count_padding: bool,
) -> Value:
    if any(padding) and not count_padding:
        raise ModelError(
            f"{where} is an average pooling that leaves its padding out of the mean",
            "use count_include_pad=True, or no padding",
        )
    if ceil_mode and padding != _reach_over_the_edge(draft.node_shape(x), kernel, stride, padding):
        raise ModelError(
            f"{where} is an average pooling with windows over the edge (ceil_mode)",
            "use ceil_mode=False, or a window that divides the input",
        )
    if kernel == (1, 1) and stride == (1, 1) and not any(padding):
        return x
    return draft.add(where, AvgPool2d(kernel, stride, padding), [x])


def adaptive_window(
    draft: Draft, where: str, x: Value, size: Sequence[int | None]
) -> tuple[int, int]:
    """The window, and the stride, of a pooling to a given (height, width); None keeps one."""
    _, height, width = _feature_map(draft, where, x)
    sizes = [1, *size] if x.rank == 2 and len(size) == 1 else list(size)
    if len(sizes) == 1:
        sizes *= 2
    wanted = (sizes[0] or height, sizes[1] or width)
    if height % wanted[0] or width % wanted[1]:
        raise ModelError(
            f"{where} pools {height}x{width} to {wanted[0]}x{wanted[1]}, which does not divide it",
            "pool to a size that divides height and width",
        )
    return height // wanted[0], width // wanted[1]


def mean(draft: Draft, where: str, x: Value, axes: Sequence[int], keep: bool) -> Value:
    """The mean along height, width or both."""
    _, height, width = _feature_map(draft, where, x)
    along = {axis + 3 - x.rank for axis in axes}
    if not along or not along <= {1, 2} or (not keep and along == {2} and x.rank == 3):
        raise ModelError(
            f"{where} is a mean along dimensions {[axis + 1 for axis in axes]}",
            "a mean over height and width is supported",
        )
    kernel = (height if 1 in along else 1, width if 2 in along else 1)
    pooled = avg_pool(draft, where, x, kernel, kernel, (0, 0, 0, 0), False, True)
    if keep:
        return pooled
    if along == {1}:
        return Value(pooled.node, 2)
    return reshape(draft, f"{where}.flatten", pooled, (draft.node_shape(pooled)[0],))


def reshape(draft: Draft, where: str, x: Value, shape: Shape) -> Value:
    """shape: without the batch; only what flattens, or adds or drops a height of one."""
    now = draft.shape(x)
    if shape == now:
        return x
    if math.prod(shape) == math.prod(now):
        if len(shape) == 1:
            return draft.add(where, Flatten(), [x])
        if x.rank > 1 and len(shape) == 3 and shape == draft.node_shape(x):
            return Value(x.node, 3)
        if x.rank > 1 and len(shape) == 2 and (shape[0], 1, shape[1]) == draft.node_shape(x):
            return Value(x.node, 2)
    raise ModelError(
        f"{where} reshapes {list(now)} to {list(shape)}",
        "of reshapes only a flatten to one vector is supported",
    )


def _feature_map(draft: Draft, where: str, x: Value) -> Shape:
    shape = draft.node_shape(x)
    if len(shape) != 3:
        raise ModelError(f"{where} pools {list(shape)}", "pooling reads channels, height and width")
    return shape


def _reach_over_the_edge(
    shape: Shape, kernel: tuple[int, int], stride: tuple[int, int], padding: Padding
) -> Padding:
    """The padding with which rounding down gives the windows that ceil_mode gives.

    As in torch, no window starts in the padding after the input.
    """
    after = list(padding[2:])
    for axis in (0, 1):
        size, before = shape[1 + axis], padding[axis]
        windows = -(-(size + before + after[axis] - kernel[axis]) // stride[axis]) + 1
        if (windows - 1) * stride[axis] >= size + before:
            windows -= 1
        reach = (windows - 1) * stride[axis] + kernel[axis] - size - before
        after[axis] = max(after[axis], reach)
    return (padding[0], padding[1], after[0], after[1])


def _bias(bias: NDArray[np.float32] | None, channels: int) -> NDArray[np.float32]:
    if bias is None:
        return np.zeros(channels, np.float32)
    return np.ascontiguousarray(bias, np.float32).reshape(channels)
