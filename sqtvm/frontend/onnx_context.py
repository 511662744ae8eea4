"""What a rule sees of the ONNX node that it turns into a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from sqtvm.errors import ModelError
from sqtvm.frontend.draft import Draft, Value


@dataclass(frozen=True, eq=False)
class Context:
    """One node; ``where`` names its layer. batch: the input's first size, 1 if it is open."""

    draft: Draft
    node: onnx.NodeProto
    where: str
    opset: int
    batch: int
    values: Mapping[str, Value]
    constants: Mapping[str, NDArray[Any]]

    @property
    def place(self) -> str:
        return f"{self.node.op_type} in {self.where}"

    def attribute(self, name: str, default: Any = None) -> Any:
        for attribute in self.node.attribute:
            if attribute.name == name:
                value = onnx.helper.get_attribute_value(attribute)
                return value.decode() if isinstance(value, bytes) else value
        return default

    def has(self, index: int) -> bool:
        return index < len(self.node.input) and self.node.input[index] != ""

    def value(self, index: int = 0) -> Value:
        """An input that depends on the model's; raises ModelError if it does not."""
        if self.has(index) and self.node.input[index] in self.values:
            return self.values[self.node.input[index]]
        raise ModelError(
            f"{self.place} works with a constant where sqtvm expects a layer's output",
            "fold the constant into a neighbouring layer",
        )

    def constant(self, index: int) -> NDArray[Any] | None:
        """None if the input is left out; raises ModelError if it is no constant."""
        if not self.has(index):
            return None
        if not self.is_constant(index):
            raise ModelError(
                f"{self.place} computes {self.node.input[index]} from the input",
                "only constants are supported there",
            )
        return self.constants[self.node.input[index]]

    def is_constant(self, index: int) -> bool:
        return self.has(index) and self.node.input[index] in self.constants

    def floats(self, index: int) -> NDArray[np.float32] | None:
        array = self.constant(index)
        if array is None:
            return None
        if not np.issubdtype(array.dtype, np.floating):
            raise ModelError(
                f"{self.place} has {self.node.input[index]} of type {array.dtype}",
                "give the float model",
            )
        return array.astype(np.float32)

    def weight(self, index: int) -> NDArray[np.float32]:
        array = self.floats(index)
        if array is None:
            raise ModelError(f"{self.place} has no weights", "give the model with its weights")
        return array

    def integers(self, attribute: str, index: int) -> list[int] | None:
        """A setting that is an attribute in some opsets and an input in others."""
        given = self.attribute(attribute)
        if given is None:
            array = self.constant(index)
            given = None if array is None else array.reshape(-1).tolist()
        return None if given is None else [int(item) for item in given]

    def axis(self, axis: int, rank: int) -> int:
        """A dimension of ONNX as an axis without the batch; raises ModelError for the batch."""
        axis = axis + rank + 1 if axis < 0 else axis
        if axis == 0:
            raise ModelError(f"{self.place} works along the batch", "samples are independent")
        return axis - 1

    def rest(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """A shape without its batch; raises ModelError if it changes the batch."""
        if not sizes or sizes[0] != self.batch:
            raise ModelError(f"{self.place} reshapes the batch to {list(sizes)}", "keep the batch")
        return tuple(sizes[1:])
