"""How each ATen operator becomes a layer of the draft."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sqtvm.errors import ModelError
from sqtvm.frontend import layers
from sqtvm.frontend.aten_context import Context, rest_axis
from sqtvm.frontend.aten_program import Ref
from sqtvm.frontend.draft import Value

Rule = Callable[[Context], Value]


def _convolution(c: Context) -> Value:
    if c.get("transposed", False):
        raise ModelError(f"{c.place} is a transposed convolution", "only plain ones are supported")
    x, weight = c.value("input"), c.weight()
    dilation = _list(c.get("dilation", [1]))
    rank = weight.ndim - 1
    if x.rank != rank:
        raise ModelError(
            f"{c.place} convolves {rank - 1} dimensions of {list(c.draft.shape(x))}",
            "give the data its channel dimension",
        )
    stride = layers.spatial(_list(c.get("stride", [1])), c.place, rank)
    padding = c.get("padding", [0])
    if padding == "same":
        if stride != (1, 1):
            raise ModelError(f"{c.place} has padding 'same' with a stride", "give it numbers")
        kernel = (1, *weight.shape[2:])[-2:]
        before = [(size - 1) // 2 for size in kernel]
        sides = (before[0], before[1], kernel[0] // 2, kernel[1] // 2)
    else:
        sides = _sides([0] if padding == "valid" else padding, c.place, rank)
    groups = int(c.get("groups", 1))
    return layers.conv(
        c.draft, c.where, x, weight, c.array("bias"), stride, sides, dilation, groups
    )


def _linear(c: Context) -> Value:
    return layers.linear(c.draft, c.where, c.value("input"), c.weight(), c.array("bias"))


def _addmm(c: Context) -> Value:
    if c.get("alpha", 1) != 1 or c.get("beta", 1) != 1:
        raise ModelError(f"{c.place} scales its sum", "only alpha and beta of 1 are supported")
    return layers.linear(c.draft, c.where, c.value("mat1"), c.weight("mat2").T, c.array("self"))


def _matmul(c: Context) -> Value:
    second = "mat2" if "mat2" in c.call.arguments else "other"
    return layers.linear(c.draft, c.where, c.value("self"), c.weight(second).T, None)


def _batch_norm(c: Context) -> Value:
    if c.get("training", False):
        raise ModelError(f"{c.place} is in training mode", "call eval() before exporting")
    return layers.batch_norm(
        c.draft,
        c.where,
        c.value("input"),
        c.array("weight"),
        c.array("bias"),
        c.weight("running_mean"),
        c.weight("running_var"),
        float(c.get("eps", 1e-5)),
    )


def _clamp(minimum: float, maximum: float) -> Rule:
    return lambda c: layers.clamp(c.draft, c.where, c.value("self"), minimum, maximum)


def _clamp_between(low: str, high: str, minimum: float, maximum: float) -> Rule:
    def rule(c: Context) -> Value:
        bounds = [c.get(low, minimum), c.get(high, maximum)]
        if any(isinstance(bound, Ref) for bound in bounds):
            raise ModelError(f"{c.place} clamps to tensors", "clamp to numbers")
        lowest = minimum if bounds[0] is None else float(bounds[0])
        highest = maximum if bounds[1] is None else float(bounds[1])
        return layers.clamp(c.draft, c.where, c.value("self"), lowest, highest)

    return rule


def _add(c: Context) -> Value:
    if c.get("alpha", 1) != 1:
        raise ModelError(f"{c.place} scales what it adds", "only alpha of 1 is supported")
    if c.constant("other") is None and c.constant("self") is None:
        return layers.add(c.draft, c.where, c.value("self"), c.value("other"))
    x, constant = _with_constant(c)
    return layers.affine(c.draft, c.where, x, 1.0, constant)


def _sub(c: Context) -> Value:
    constant = c.constant("other")
    if c.get("alpha", 1) != 1 or constant is None:
        raise ModelError(f"{c.place} subtracts layers", "only subtracting a constant is supported")
    return layers.affine(c.draft, c.where, c.value("self"), 1.0, -constant)


def _mul(c: Context) -> Value:
    if c.constant("other") is None and c.constant("self") is None:
        raise ModelError(f"{c.place} multiplies layers", "only constants can be factors")
    x, constant = _with_constant(c)
    return layers.affine(c.draft, c.where, x, constant, 0.0)


def _div(c: Context) -> Value:
    constant = c.constant("other")
    if constant is None or c.get("rounding_mode") is not None or not np.all(constant):
        raise ModelError(
            f"{c.place} divides by what is no constant", "only constants but 0 can be divisors"
        )
    return layers.affine(c.draft, c.where, c.value("self"), np.float32(1) / constant, 0.0)


def _with_constant(c: Context) -> tuple[Value, NDArray[np.float32]]:
    for name, other in (("self", "other"), ("other", "self")):
        constant = c.constant(other)
        if constant is not None:
            return c.value(name), constant
    raise AssertionError("one side is a constant")


def _max_pool(c: Context) -> Value:
    x = c.value("self")
    kernel, stride, padding = _window(c, x)
    if any(size != 1 for size in _list(c.get("dilation", [1]))):
        raise ModelError(f"{c.place} has a dilation", "only dilation 1 is supported")
    ceil_mode = bool(c.get("ceil_mode", False))
    return layers.max_pool(c.draft, c.where, x, kernel, stride, padding, ceil_mode)


def _avg_pool(c: Context) -> Value:
    x = c.value("self")
    kernel, stride, padding = _window(c, x)
    if c.get("divisor_override") not in (None, kernel[0] * kernel[1]):
        raise ModelError(f"{c.place} has a divisor_override", "divide by the window's size")
    counted = bool(c.get("count_include_pad", True))
    ceil_mode = bool(c.get("ceil_mode", False))
    return layers.avg_pool(c.draft, c.where, x, kernel, stride, padding, ceil_mode, counted)


def _adaptive_avg_pool(c: Context) -> Value:
    x = c.value("self")
    kernel = layers.adaptive_window(c.draft, c.place, x, _list(c.get("output_size")))
    return layers.avg_pool(c.draft, c.where, x, kernel, kernel, (0, 0, 0, 0), False, True)


def _adaptive_max_pool(c: Context) -> Value:
    x = c.value("self")
    kernel = layers.adaptive_window(c.draft, c.place, x, _list(c.get("output_size")))
    return layers.max_pool(c.draft, c.where, x, kernel, kernel, (0, 0, 0, 0), False)


def _mean(c: Context) -> Value:
    x = c.value("self")
    axes = [rest_axis(c, int(axis), x.rank) for axis in _list(c.get("dim") or [0])]
    return layers.mean(c.draft, c.where, x, axes, bool(c.get("keepdim", False)))


def _reshape(c: Context) -> Value:
    source = c.get("self") if "self" in c.call.arguments else c.get("input")
    x = c.as_value(source)
    sizes = c.call.shapes[0]
    # A batch of one may be squeezed away with the rest.
    if len(sizes) == 1 and sizes[0] == math.prod(c.draft.node_shape(x)):
        return layers.reshape(c.draft, c.where, x, (sizes[0],))
    return layers.reshape(c.draft, c.where, x, c.result_shape())


def _concat(c: Context) -> Value:
    values = [c.as_value(item) for item in c.get("tensors")]
    return layers.concat(c.draft, c.where, values, c.axis("dim", 0, values[0].rank))


def _softmax(c: Context) -> Value:
    x = c.value("self")
    return layers.softmax(c.draft, c.where, x, c.axis("dim", -1, x.rank))


def _pad(c: Context) -> Value:
    if c.get("mode", "constant") != "constant":
        raise ModelError(f"{c.place} pads by {c.get('mode')}", "only constant padding is supported")
    x = c.value("self")
    pads = [int(size) for size in c.get("pad")]
    left, right, top, bottom = [*pads, 0, 0, 0, 0][:4]
    if any(pads[4:]) or (x.rank == 2 and (top or bottom)):
        raise ModelError(
            f"{c.place} pads channels or samples", "only height and width can be padded"
        )
    value = float(c.get("value") or 0.0)
    return layers.pad(c.draft, c.where, x, (top, left, bottom, right), value)


def _same(c: Context) -> Value:
    return c.value("self" if "self" in c.call.arguments else "input")


def _dropout(c: Context) -> Value:
    if c.get("train", False):
        raise ModelError(f"{c.place} is in training mode", "call eval() before exporting")
    return _same(c)


def _convert(c: Context) -> Value:
    dtype = c.get("dtype")
    if dtype not in (None, torch.float32):
        raise ModelError(f"{c.place} converts to {dtype}", "give a model that computes in float32")
    return _same(c)


def _first(c: Context) -> Value:
    if c.get("1") != 0:
        raise ModelError(f"{c.place} reads a second result", "only the first result is supported")
    return c.value("0")


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _sides(padding: Any, where: str, rank: int) -> layers.Padding:
    height, width = (
        (0, int(_list(padding)[0])) if rank == 2 else layers.spatial(_list(padding), where, rank)
    )
    return height, width, height, width


def _window(c: Context, x: Value) -> tuple[tuple[int, int], tuple[int, int], layers.Padding]:
    kernel = layers.spatial(_list(c.get("kernel_size")), c.place, x.rank)
    stride = c.get("stride") or c.get("kernel_size")
    sides = _sides(c.get("padding", [0]), c.place, x.rank)
    return kernel, layers.spatial(_list(stride), c.place, x.rank), sides


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("conv1d", "conv2d", "convolution", "_convolution"), _convolution),
    "linear": _linear,
    "addmm": _addmm,
    **dict.fromkeys(("mm", "matmul"), _matmul),
    **dict.fromkeys(
        (
            "batch_norm",
            "_native_batch_norm_legit_no_training",
            "_native_batch_norm_legit",
            "native_batch_norm",
        ),
        _batch_norm,
    ),
    "relu": _clamp(0.0, math.inf),
    "relu6": _clamp(0.0, 6.0),
    "hardtanh": _clamp_between("min_val", "max_val", -1.0, 1.0),
    "clamp": _clamp_between("min", "max", -math.inf, math.inf),
    "clamp_min": _clamp_between("min", "max", -math.inf, math.inf),
    "clamp_max": _clamp_between("min", "max", -math.inf, math.inf),
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    **dict.fromkeys(
        ("max_pool1d", "max_pool2d", "max_pool2d_with_indices", "max_pool1d_with_indices"),
        _max_pool,
    ),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d"), _avg_pool),
    **dict.fromkeys(
        ("adaptive_avg_pool1d", "adaptive_avg_pool2d", "_adaptive_avg_pool2d"), _adaptive_avg_pool
    ),
    **dict.fromkeys(("adaptive_max_pool1d", "adaptive_max_pool2d"), _adaptive_max_pool),
    "mean": _mean,
    **dict.fromkeys(
        (
            "flatten",
            "reshape",
            "view",
            "_unsafe_view",
            "squeeze",
            "unsqueeze",
            "view_copy",
            "_reshape_copy",
            "squeeze_copy",
            "unsqueeze_copy",
        ),
        _reshape,
    ),
    **dict.fromkeys(("cat", "concat"), _concat),
    **dict.fromkeys(("softmax", "_softmax"), _softmax),
    **dict.fromkeys(("constant_pad_nd", "pad"), _pad),
    **dict.fromkeys(("dropout", "feature_dropout", "alpha_dropout", "native_dropout"), _dropout),
    **dict.fromkeys(("alias", "clone", "contiguous", "detach", "lift_fresh_copy"), _same),
    **dict.fromkeys(("to", "_to_copy"), _convert),
    "getitem": _first,
}

# What may be computed on constants alone while importing: views and arithmetic.
CONSTANT_OPERATORS = frozenset(
    {"t", "transpose", "permute", "view", "reshape", "squeeze", "unsqueeze", "clone", "alias"}
    | {"lift_fresh_copy", "detach", "contiguous", "add", "sub", "mul", "div", "rsqrt", "sqrt"}
)

SUPPORTED = (
    "supported: convolutions (1d, 2d), linear, batch norm, relu, relu6, hardtanh, clamp, add, max, "
    "average and adaptive pooling, mean over height and width, flatten, concat on channels, "
    "constant padding, softmax, dropout, identity"
)
