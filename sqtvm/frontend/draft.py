"""The network while it is being imported: the graph's operators and two that do not stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from sqtvm.errors import ModelError
from sqtvm.frontend.graph import Conv2d, FloatArray, Input, Linear, Operator, Shape
from sqtvm.frontend.shapes import ShapeError, output_shape


@dataclass(frozen=True, eq=False)
class BatchNorm:
    """x * scale + shift a channel, both float32 [channels]."""

    scale: FloatArray
    shift: FloatArray


@dataclass(frozen=True)
class Pad:
    """padding: (top, left, bottom, right) of one value."""

    padding: tuple[int, int, int, int]
    value: float


DraftOperator: TypeAlias = Operator | BatchNorm | Pad


@dataclass(frozen=True, eq=False)
class DraftNode:
    """One operator and the names of the nodes it reads; shape is that of its output."""

    name: str
    op: DraftOperator
    inputs: tuple[str, ...]
    shape: Shape


@dataclass(frozen=True)
class Value:
    """What a node gives, as the imported framework sees it.

    rank: dimensions without the batch. At rank 2, (channels, length), the node's own shape is
    (channels, 1, length).
    """

    node: str
    rank: int


class Draft:
    """Collects nodes in execution order; each gets a name that no other node has."""

    def __init__(self, input_shape: Shape) -> None:
        """input_shape: of one sample, of one to three dimensions; raises ModelError otherwise."""
        if not 1 <= len(input_shape) <= 3 or min(input_shape) < 1:
            raise ModelError(
                f"the model's input has shape {list(input_shape)} without the batch",
                "sqtvm reads (features), (channels, length) or (channels, height, width)",
            )
        shape = input_shape
        if len(shape) == 2:
            shape = (shape[0], 1, shape[1])
        self._nodes: dict[str, DraftNode] = {"input": DraftNode("input", Input(), (), shape)}
        self.input = Value("input", len(input_shape))

    @property
    def nodes(self) -> tuple[DraftNode, ...]:
        return tuple(self._nodes.values())

    def shape(self, value: Value) -> Shape:
        """Without the batch, as the imported framework sees it."""
        shape = self.node_shape(value)
        return (shape[0], shape[2]) if value.rank == 2 else shape

    def node_shape(self, value: Value) -> Shape:
        return self._nodes[value.node].shape

    def add(self, name: str, op: DraftOperator, inputs: list[Value]) -> Value:
        """Appends a node; raises ModelError where it does not fit or its weights are not finite."""
        if isinstance(op, Conv2d | Linear):
            _check_finite(name, "weights", op.weight, op.bias)
        if isinstance(op, BatchNorm):
            _check_finite(name, "batch norm", op.scale, op.shift)
        shapes = [self.node_shape(value) for value in inputs]
        if isinstance(op, Pad):
            channels, height, width = shapes[0]
            top, left, bottom, right = op.padding
            shape: Shape = (channels, height + top + bottom, width + left + right)
        elif isinstance(op, BatchNorm):
            shape = shapes[0]
        else:
            try:
                shape = output_shape(op, shapes)
            except ShapeError as error:
                raise ModelError(
                    f"{name} {error}", "check the model with its own framework"
                ) from None
        unique = self._unique(name)
        self._nodes[unique] = DraftNode(unique, op, tuple(v.node for v in inputs), shape)
        rank = 1 if len(shape) == 1 else max(inputs[0].rank, 2)
        return Value(unique, rank)

    def _unique(self, name: str) -> str:
        if name not in self._nodes:
            return name
        count = 1
        while f"{name}_{count}" in self._nodes:
            count += 1
        return f"{name}_{count}"


def _check_finite(name: str, what: str, *arrays: FloatArray) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise ModelError(
            f"the {what} of {name} contain NaN or infinity", "train the model again, or repair it"
        )
