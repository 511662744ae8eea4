"""What torch.export says about a model, whether it comes from memory or from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx
from torch.export import ExportedProgram
from torch.export.graph_signature import (
    ConstantArgument,
    InputKind,
    OutputKind,
    TensorArgument,
)

from sqtvm.errors import ModelError

# Other names for what the same line of a forward may become.
_SYNONYMS: Mapping[str, str] = {
    **dict.fromkeys(("view", "reshape", "unsafe_view", "squeeze", "unsqueeze"), "flatten"),
    "convolution": "conv2d",
    **dict.fromkeys(("addmm", "mm", "matmul"), "linear"),
    **dict.fromkeys(("native_batch_norm_legit_no_training", "native_batch_norm"), "batch_norm"),
    "max_pool2d_with_indices": "max_pool2d",
    "cat": "concat",
}

_ONE_TENSOR_HINT = "sqtvm deploys models with one tensor in and one tensor out"


@dataclass(frozen=True)
class Ref:
    """An argument that another call, a parameter or the input gives."""

    name: str


@dataclass(frozen=True, eq=False)
class AtenCall:
    """One call of an ATen operator.

    operator and overload: "conv2d" and "default"; arguments: by their names in the operator's
    schema, tensors as Ref; those left at their defaults may be missing; outputs: names of the
    tensors it gives; shapes: theirs, None for a size that is not fixed; module: path of the torch
    module the call stands in, "" for the model itself; module_type: full name of its class.
    """

    operator: str
    overload: str
    arguments: Mapping[str, Any]
    outputs: tuple[str, ...]
    shapes: tuple[tuple[int | None, ...], ...]
    module: str
    module_type: str


@dataclass(frozen=True, eq=False)
class AtenProgram:
    """constants: parameters, buffers and constant tensors by the names calls use."""

    input: str
    input_shape: tuple[int | None, ...]
    constants: Mapping[str, Tensor]
    calls: tuple[AtenCall, ...]
    output: str


def from_exported(exported: ExportedProgram) -> AtenProgram:
    """Raises ModelError unless the model has one tensor in and one out."""
    constants: dict[str, Tensor] = {}
    inputs: list[str] = []
    for spec in exported.graph_signature.input_specs:
        if isinstance(spec.arg, ConstantArgument) and spec.kind is InputKind.USER_INPUT:
            continue
        if spec.kind is InputKind.USER_INPUT:
            inputs.append(spec.arg.name)
        elif isinstance(spec.arg, TensorArgument) and spec.target is not None:
            found = exported.state_dict.get(spec.target, exported.constants.get(spec.target))
            if isinstance(found, Tensor):
                constants[spec.arg.name] = found.detach()
    specs = exported.graph_signature.output_specs
    outputs = [spec.arg.name for spec in specs if spec.kind is OutputKind.USER_OUTPUT]
    source, target = single(inputs, outputs)
    calls = [_call(node) for node in exported.graph.nodes if node.op == "call_function"]
    shape = next(_shape(node) for node in exported.graph.nodes if node.name == source)
    return AtenProgram(source, shape, constants, tuple(c for c in calls if c.outputs), target)


def single(inputs: list[str], outputs: list[str]) -> tuple[str, str]:
    """The one input and the one output; raises ModelError if there are more or none."""
    if len(inputs) != 1:
        raise ModelError(f"the model has {len(inputs)} inputs, not one", _ONE_TENSOR_HINT)
    if len(outputs) != 1:
        raise ModelError(f"the model has {len(outputs)} outputs, not one", _ONE_TENSOR_HINT)
    return inputs[0], outputs[0]


def readable(operator: str) -> str:
    """An operator's name for layers: the same, however far the model is decomposed."""
    plain = operator.strip("_")
    return _SYNONYMS.get(plain, plain)


def _call(node: fx.Node) -> AtenCall:
    module, module_type = _module(node)
    target = node.target
    schema = getattr(target, "_schema", None)
    if schema is None:
        operator, overload = getattr(target, "__name__", str(target)), ""
        arguments: dict[str, Any] = {str(i): _value(arg) for i, arg in enumerate(node.args)}
    else:
        operator, overload = _operator(str(target))
        arguments = {
            spec.name: _value(value)
            for spec, value in zip(schema.arguments, node.args, strict=False)
        }
    arguments.update({name: _value(value) for name, value in node.kwargs.items()})
    value = node.meta.get("val")
    if isinstance(value, Tensor):
        outputs: tuple[str, ...] = (node.name,)
        shapes: tuple[tuple[int | None, ...], ...] = (_shape(node),)
    elif isinstance(value, tuple | list):
        # An operator with several results is followed by a getitem for each.
        outputs = (node.name,)
        shapes = ((),)
    else:
        outputs = shapes = ()
    return AtenCall(operator, overload, arguments, outputs, shapes, module, module_type)


def _operator(target: str) -> tuple[str, str]:
    """("conv2d", "default") of "aten.conv2d.default"; other namespaces stay in the name."""
    namespace, name, overload = target.split(".")
    return (name if namespace == "aten" else f"{namespace}.{name}"), overload


def _module(node: fx.Node) -> tuple[str, str]:
    stack = node.meta.get("nn_module_stack") or {}
    path, kind = next(reversed(stack.values()), ("", ""))
    return path.partition("@")[0], kind if isinstance(
        kind, str
    ) else f"{kind.__module__}.{kind.__qualname__}"


def _shape(node: fx.Node) -> tuple[int | None, ...]:
    value = node.meta.get("val")
    assert isinstance(value, Tensor)
    return tuple(size if isinstance(size, int) else None for size in value.shape)


def _value(argument: Any) -> Any:
    if isinstance(argument, fx.Node):
        return Ref(argument.name)
    if isinstance(argument, list | tuple):
        return [_value(item) for item in argument]
    return argument
