"""The shape that an operator's output has."""

from __future__ import annotations

import math

from sqtvm.frontend.graph import (
    Add,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    Input,
    Linear,
    MaxPool2d,
    Operator,
    Shape,
)


class ShapeError(ValueError):
    """An operator does not fit what it reads; the message is a clause without the operator."""


def output_shape(op: Operator, inputs: list[Shape]) -> Shape:
    """Shape without the batch; raises ShapeError where the operator does not fit its inputs."""
    if isinstance(op, Input):
        raise ShapeError("an input reads nothing")
    shape = inputs[0]
    if isinstance(op, Conv2d):
        return _convolved(op, shape)
    if isinstance(op, Linear):
        if shape != op.weight.shape[1:]:
            raise ShapeError(
                f"reads {_words(shape)} where {op.weight.shape[1]} features are expected"
            )
        return (op.weight.shape[0],)
    if isinstance(op, MaxPool2d | AvgPool2d):
        channels, _, _ = _feature_map(shape)
        return (channels, *_windows(shape, op.kernel, op.stride, op.padding))
    if isinstance(op, Flatten):
        return (math.prod(shape),)
    if isinstance(op, Add):
        if inputs[1] != shape:
            raise ShapeError(f"adds {_words(shape)} and {_words(inputs[1])}")
        return shape
    if isinstance(op, Concat):
        if len({other[1:] for other in inputs}) > 1:
            raise ShapeError(f"joins {' and '.join(map(_words, inputs))}")
        return (sum(other[0] for other in inputs), *shape[1:])
    return shape


def _convolved(op: Conv2d, shape: Shape) -> Shape:
    channels, _, _ = _feature_map(shape)
    out_channels, group_channels, height, width = op.weight.shape
    if channels != group_channels * op.groups or out_channels % op.groups:
        raise ShapeError(
            f"reads {channels} channels where {group_channels * op.groups} are expected"
        )
    return (out_channels, *_windows(shape, (height, width), op.stride, op.padding))


def _windows(
    shape: Shape,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
) -> tuple[int, int]:
    _, height, width = shape
    top, left, bottom, right = padding
    room = (height + top + bottom - kernel[0], width + left + right - kernel[1])
    if min(room) < 0:
        raise ShapeError(f"has a window of {_words(kernel)} for an input of {_words(shape)}")
    return room[0] // stride[0] + 1, room[1] // stride[1] + 1


def _feature_map(shape: Shape) -> Shape:
    if len(shape) != 3:
        raise ShapeError(f"reads {_words(shape)} where channels, height and width are expected")
    return shape


def _words(shape: Shape) -> str:
    return "x".join(map(str, shape))
