"""How each ONNX operator becomes a layer of the draft."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from sqtvm.errors import ModelError
from sqtvm.frontend import layers
from sqtvm.frontend.draft import Value
from sqtvm.frontend.onnx_context import Context

Rule = Callable[[Context], Value]


def _conv(c: Context) -> Value:
    x, weight = c.value(), c.weight(1)
    if x.rank != weight.ndim - 1:
        raise ModelError(
            f"{c.place} convolves {weight.ndim - 2} dimensions of {list(c.draft.shape(x))}",
            "give the data its channel dimension",
        )
    kernel = (1, *weight.shape[2:])[-2:]
    stride, padding = _stride_and_padding(c, x, kernel)
    return layers.conv(
        c.draft,
        c.where,
        x,
        weight,
        c.floats(2),
        stride,
        padding,
        c.attribute("dilations", [1]),
        c.attribute("group", 1),
    )


def _stride_and_padding(
    c: Context, x: Value, kernel: tuple[int, int]
) -> tuple[tuple[int, int], layers.Padding]:
    stride = layers.spatial(c.attribute("strides", [1] * (x.rank - 1)), c.place, x.rank)
    mode = c.attribute("auto_pad", "NOTSET")
    if mode == "NOTSET":
        pads = [int(size) for size in c.attribute("pads", [0] * 2 * (x.rank - 1))]
        if x.rank == 2:
            pads = [0, pads[0], 0, pads[1]]
        return stride, (pads[0], pads[1], pads[2], pads[3])
    if mode == "VALID":
        return stride, (0, 0, 0, 0)
    before, after = [], []
    for size, window, step in zip(c.draft.node_shape(x)[1:], kernel, stride, strict=True):
        total = max((-(-size // step) - 1) * step + window - size, 0)
        smaller, larger = total // 2, total - total // 2
        before.append(smaller if mode == "SAME_UPPER" else larger)
        after.append(larger if mode == "SAME_UPPER" else smaller)
    return stride, (before[0], before[1], after[0], after[1])


def _gemm(c: Context) -> Value:
    if c.attribute("transA", 0):
        raise ModelError(f"{c.place} transposes its input", "only transB is supported")
    weight = c.weight(1) * np.float32(c.attribute("alpha", 1.0))
    if not c.attribute("transB", 0):
        weight = weight.T
    bias = c.floats(2)
    if bias is not None:
        bias = np.broadcast_to(bias.reshape(-1), len(weight)) * np.float32(c.attribute("beta", 1.0))
    return layers.linear(c.draft, c.where, c.value(), weight, bias)


def _matmul(c: Context) -> Value:
    return layers.linear(c.draft, c.where, c.value(), c.weight(1).T, None)


def _batch_norm(c: Context) -> Value:
    if c.attribute("training_mode", 0):
        raise ModelError(f"{c.place} is in training mode", "export the model in eval mode")
    scale, shift, mean, variance = (c.weight(index) for index in (1, 2, 3, 4))
    epsilon = float(c.attribute("epsilon", 1e-5))
    return layers.batch_norm(c.draft, c.where, c.value(), scale, shift, mean, variance, epsilon)


def _relu(c: Context) -> Value:
    return layers.clamp(c.draft, c.where, c.value(), 0.0, math.inf)


def _clip(c: Context) -> Value:
    bounds = []
    for index, (name, default) in enumerate((("min", -math.inf), ("max", math.inf)), start=1):
        array = c.constant(index)
        bounds.append(float(c.attribute(name, default) if array is None else array.reshape(())))
    return layers.clamp(c.draft, c.where, c.value(), bounds[0], bounds[1])


def _add(c: Context) -> Value:
    for constant, other in ((0, 1), (1, 0)):
        if c.is_constant(constant):
            return layers.affine(c.draft, c.where, c.value(other), 1.0, c.weight(constant))
    return layers.add(c.draft, c.where, c.value(0), c.value(1))


def _mul(c: Context) -> Value:
    for constant, other in ((0, 1), (1, 0)):
        if c.is_constant(constant):
            return layers.affine(c.draft, c.where, c.value(other), c.weight(constant), 0.0)
    raise ModelError(f"{c.place} multiplies layers", "only constants can be factors")


def _sub(c: Context) -> Value:
    return layers.affine(c.draft, c.where, c.value(), 1.0, -c.weight(1))


def _div(c: Context) -> Value:
    divisor = c.weight(1)
    if not divisor.all():
        raise ModelError(f"{c.place} divides by zero", "give another divisor")
    return layers.affine(c.draft, c.where, c.value(), np.float32(1) / divisor, 0.0)


def _max_pool(c: Context) -> Value:
    x = c.value()
    kernel = layers.spatial(c.attribute("kernel_shape"), c.place, x.rank)
    if any(size != 1 for size in c.attribute("dilations", [1])):
        raise ModelError(f"{c.place} has a dilation", "only dilation 1 is supported")
    stride, padding = _stride_and_padding(c, x, kernel)
    ceil_mode = bool(c.attribute("ceil_mode", 0))
    return layers.max_pool(c.draft, c.where, x, kernel, stride, padding, ceil_mode)


def _average_pool(c: Context) -> Value:
    x = c.value()
    kernel = layers.spatial(c.attribute("kernel_shape"), c.place, x.rank)
    if any(size != 1 for size in c.attribute("dilations", [1])):
        raise ModelError(f"{c.place} has a dilation", "only dilation 1 is supported")
    stride, padding = _stride_and_padding(c, x, kernel)
    counted, ceil_mode = (
        bool(c.attribute("count_include_pad", 0)),
        bool(c.attribute("ceil_mode", 0)),
    )
    return layers.avg_pool(c.draft, c.where, x, kernel, stride, padding, ceil_mode, counted)


def _global_average_pool(c: Context) -> Value:
    x = c.value()
    return layers.mean(c.draft, c.where, x, range(1, x.rank), True)


def _global_max_pool(c: Context) -> Value:
    x = c.value()
    kernel = layers.adaptive_window(c.draft, c.place, x, [1, 1])
    return layers.max_pool(c.draft, c.where, x, kernel, kernel, (0, 0, 0, 0), False)


def _reduce_mean(c: Context) -> Value:
    x = c.value()
    axes = c.integers("axes", 1)
    if not axes:
        if c.attribute("noop_with_empty_axes", 0):
            return x
        axes = list(range(x.rank + 1))
    rest = [c.axis(axis, x.rank) for axis in axes]
    return layers.mean(c.draft, c.where, x, rest, bool(c.attribute("keepdims", 1)))


def _flatten(c: Context) -> Value:
    x = c.value()
    if c.axis(c.attribute("axis", 1), x.rank) != 0:
        raise ModelError(f"{c.place} flattens the batch", "only axis 1 is supported")
    return layers.reshape(c.draft, c.where, x, (math.prod(c.draft.shape(x)),))


def _reshape(c: Context) -> Value:
    x = c.value()
    wanted = c.integers("shape", 1) or []
    whole = (c.batch, *c.draft.shape(x))
    keep_zero = bool(c.attribute("allowzero", 0))
    sizes = [
        whole[index] if size == 0 and not keep_zero and index < len(whole) else size
        for index, size in enumerate(wanted)
    ]
    if -1 in sizes:
        known = math.prod(size for size in sizes if size != -1)
        sizes[sizes.index(-1)] = math.prod(whole) // known if known else 0
    return layers.reshape(c.draft, c.where, x, c.rest(sizes))


def _squeeze(c: Context) -> Value:
    x = c.value()
    shape = c.draft.shape(x)
    axes = c.integers("axes", 1)
    if axes is None:
        dropped = {index for index, size in enumerate(shape) if size == 1}
    else:
        dropped = {c.axis(axis, x.rank) for axis in axes}
    rest = tuple(size for index, size in enumerate(shape) if index not in dropped)
    return layers.reshape(c.draft, c.where, x, rest)


def _unsqueeze(c: Context) -> Value:
    x = c.value()
    shape = list(c.draft.shape(x))
    axes = c.integers("axes", 1) or []
    for axis in sorted(c.axis(axis, x.rank + len(axes)) for axis in axes):
        shape.insert(axis, 1)
    return layers.reshape(c.draft, c.where, x, tuple(shape))


def _concat(c: Context) -> Value:
    values = [c.value(index) for index in range(len(c.node.input))]
    return layers.concat(c.draft, c.where, values, c.axis(c.attribute("axis"), values[0].rank))


def _softmax(c: Context) -> Value:
    x = c.value()
    if c.opset < 13 and x.rank > 1:
        raise ModelError(
            f"{c.place} is a softmax over several dimensions", "export with opset 13 or later"
        )
    return layers.softmax(c.draft, c.where, x, c.axis(c.attribute("axis", -1), x.rank))


def _dropout(c: Context) -> Value:
    training = c.constant(2)
    if training is not None and training.any():
        raise ModelError(f"{c.place} is in training mode", "export the model in eval mode")
    return c.value()


def _pad(c: Context) -> Value:
    x = c.value()
    if c.attribute("mode", "constant") != "constant":
        raise ModelError(f"{c.place} pads by {c.attribute('mode')}", "only constants are supported")
    pads = c.integers("pads", 1) or []
    array = c.constant(2)
    value = float(c.attribute("value", 0.0) if array is None else array.reshape(()))
    axes = c.integers("axes", 3)
    if axes is None:
        axes = list(range(x.rank + 1))
    sides = [(0, 0)] * 4
    for index, axis in enumerate(axes):
        pair = (pads[index], pads[index + len(axes)])
        whole = axis + x.rank + 1 if axis < 0 else axis
        # Rank 2 lies in the draft as a feature map of height one.
        sides[3 if x.rank == 2 and whole == 2 else whole] = pair
    if any(sides[0]) or any(sides[1]):
        raise ModelError(f"{c.place} pads channels or samples", "pad only height and width")
    padding = (sides[2][0], sides[3][0], sides[2][1], sides[3][1])
    return layers.pad(c.draft, c.where, x, padding, value)


def _same(c: Context) -> Value:
    return c.value()


RULES: Mapping[str, Rule] = {
    "Add": _add,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "Div": _div,
    "Dropout": _dropout,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_average_pool,
    "GlobalMaxPool": _global_max_pool,
    "Identity": _same,
    "MatMul": _matmul,
    "MaxPool": _max_pool,
    "Mul": _mul,
    "Pad": _pad,
    "ReduceMean": _reduce_mean,
    "Relu": _relu,
    "Reshape": _reshape,
    "Softmax": _softmax,
    "Squeeze": _squeeze,
    "Sub": _sub,
    "Unsqueeze": _unsqueeze,
}

# What may be computed on constants alone while importing, as exporters compute shapes.
CONSTANT_OPERATORS = frozenset(
    {"Add", "Cast", "Concat", "Constant", "Div", "Gather", "Identity", "Mul", "Reshape", "Slice"}
    | {"Sqrt", "Squeeze", "Sub", "Transpose", "Unsqueeze"}
)

SUPPORTED = f"supported: {', '.join(RULES)}"
