"""What a rule sees of the ATen call that it turns into a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sqtvm.errors import ModelError
from sqtvm.frontend.aten_program import AtenCall, Ref
from sqtvm.frontend.draft import Draft, Value


@dataclass(frozen=True, eq=False)
class Context:
    """One call with what its arguments stand for; ``where`` names its layer."""

    draft: Draft
    call: AtenCall
    where: str
    values: Mapping[str, Value]
    constants: Mapping[str, Tensor]

    @property
    def place(self) -> str:
        return place(self.call)

    def get(self, name: str, default: Any = None) -> Any:
        return self.call.arguments.get(name, default)

    def value(self, name: str) -> Value:
        """An argument that depends on the model's input; raises ModelError if it does not."""
        return self.as_value(self.get(name))

    def as_value(self, argument: Any) -> Value:
        if isinstance(argument, Ref) and argument.name in self.values:
            return self.values[argument.name]
        raise ModelError(
            f"{self.place} works with a constant where sqtvm expects a layer's output",
            "fold the constant into a neighbouring layer",
        )

    def array(self, name: str) -> NDArray[np.float32] | None:
        """A parameter as float32; raises ModelError if it depends on the model's input."""
        argument = self.get(name)
        if argument is None:
            return None
        if isinstance(argument, Ref) and argument.name in self.constants:
            tensor = self.constants[argument.name]
            if not tensor.is_quantized and tensor.is_floating_point():
                array: NDArray[np.float32] = tensor.to(torch.float32).contiguous().numpy()
                return array
            raise ModelError(
                f"{self.place} has {name} of type {tensor.dtype}", "give the float model"
            )
        raise ModelError(
            f"{self.place} computes its {name} from the input",
            "only constant weights are supported",
        )

    def constant(self, name: str) -> NDArray[np.float32] | None:
        """A number or a parameter as float32; None if it depends on the model's input."""
        argument = self.get(name)
        if isinstance(argument, Ref):
            return self.array(name) if argument.name in self.constants else None
        return np.asarray(argument, np.float32)

    def weight(self, name: str = "weight") -> NDArray[np.float32]:
        array = self.array(name)
        if array is None:
            raise ModelError(f"{self.place} has no {name}", "give the model with its weights")
        return array

    def axis(self, name: str, default: int, rank: int) -> int:
        return rest_axis(self, int(self.get(name, default)), rank)

    def result_shape(self) -> tuple[int, ...]:
        return without_batch(self.call.shapes[0], self.place)


def place(call: AtenCall) -> str:
    """ "aten.gelu in features.3", for errors."""
    name = call.operator if "." in call.operator else f"aten.{call.operator}"
    return f"{name} in {call.module or 'the forward of the model'}"


def without_batch(shape: Sequence[int | None], where: str) -> tuple[int, ...]:
    sizes = tuple(size for size in shape[1:] if size is not None)
    if len(sizes) < len(shape) - 1:
        raise ModelError(
            f"{where} has a size that is not fixed", "export with fixed sizes except the batch's"
        )
    return sizes


def rest_axis(context: Context, axis: int, rank: int) -> int:
    """A dimension of torch as an axis without the batch; raises ModelError for the batch."""
    axis = axis + rank + 1 if axis < 0 else axis
    if axis == 0:
        raise ModelError(f"{context.place} works along the batch", "samples are independent")
    return axis - 1
