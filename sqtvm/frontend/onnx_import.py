"""Imports ONNX models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from sqtvm.errors import ModelError
from sqtvm.frontend.aten_program import single
from sqtvm.frontend.draft import Draft, Value
from sqtvm.frontend.graph import Graph
from sqtvm.frontend.onnx_context import Context
from sqtvm.frontend.onnx_names import layer_name
from sqtvm.frontend.onnx_rules import CONSTANT_OPERATORS, RULES, SUPPORTED
from sqtvm.frontend.simplify import finish
from sqtvm.input_file import require_regular

# Of a message of Protocol Buffers.
_LARGEST_BYTES = 2**31
_EXPORT_AGAIN = "export it again, for instance with torch.onnx.export(model, (example,), path)"


def import_onnx(path: Path) -> Graph:
    """The graph of an .onnx file; raises ModelError where sqtvm does not know what it holds."""
    model = _read(path)
    constants: dict[str, NDArray[Any]] = {
        tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer
    }
    inputs = {item.name: item for item in model.graph.input if item.name not in constants}
    source, target = single(list(inputs), [item.name for item in model.graph.output])
    batch, shape = _input_shape(inputs[source])
    draft = Draft(shape)
    values: dict[str, Value] = {source: draft.input}
    opset = next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), 0)
    for node in model.graph.node:
        context = Context(draft, node, layer_name(node), opset, batch, values, constants)
        if node.op_type == "Shape" and node.input[0] in values and not node.attribute:
            whole = (batch, *draft.shape(values[node.input[0]]))
            constants[node.output[0]] = np.array(whole, np.int64)
        elif all(name in constants for name in node.input if name):
            constants[node.output[0]] = _evaluate(model, context)
        else:
            rule = RULES.get(node.op_type) if node.domain in ("", "ai.onnx") else None
            if rule is None:
                raise ModelError(f"{context.place} is not supported", SUPPORTED)
            values[node.output[0]] = rule(context)
    if target not in values:
        raise ModelError("the model's output does not depend on its input", _EXPORT_AGAIN)
    return finish(draft, values[target])


def _read(path: Path) -> onnx.ModelProto:
    try:
        if require_regular(path) >= _LARGEST_BYTES:
            raise ModelError(f"{path} is larger than an ONNX file can be, 2 GiB", _EXPORT_AGAIN)
        model = onnx.load(path)
        onnx.checker.check_model(model)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    except FileNotFoundError:
        raise ModelError(f"{path} or its data is missing", "check the path of the model") from None
    except (
        DecodeError,
        OSError,
        ValueError,
        onnx.checker.ValidationError,
        onnx.shape_inference.InferenceError,
    ) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(f"{path} is no valid ONNX model: {reason}", _EXPORT_AGAIN) from error
    return model


def _input_shape(item: onnx.ValueInfoProto) -> tuple[int, tuple[int, ...]]:
    """The batch, 1 if it is open, and the shape of one sample."""
    tensor = item.type.tensor_type
    sizes = [dim.dim_value for dim in tensor.shape.dim]
    if tensor.elem_type != onnx.TensorProto.FLOAT:
        kind = onnx.TensorProto.DataType.Name(tensor.elem_type)
        raise ModelError(f"the model's input {item.name} is {kind.lower()}", "give a float model")
    if not sizes or any(size <= 0 for size in sizes[1:]):
        raise ModelError(
            f"the model's input {item.name} has a size that is not fixed",
            "export with fixed sizes except the batch's",
        )
    return max(sizes[0], 1), tuple(sizes[1:])


def _evaluate(model: onnx.ModelProto, context: Context) -> NDArray[Any]:
    """A node that reads constants alone, computed."""
    node = context.node
    if node.op_type not in CONSTANT_OPERATORS or node.domain not in ("", "ai.onnx"):
        raise ModelError(f"{context.place}, of constants, is not supported", SUPPORTED)
    names = [name for name in node.input if name]
    graph = onnx.helper.make_graph(
        [node],
        "constants",
        [onnx.helper.make_empty_tensor_value_info(name) for name in dict.fromkeys(names)],
        [onnx.helper.make_empty_tensor_value_info(node.output[0])],
    )
    alone = onnx.helper.make_model(graph, opset_imports=model.opset_import)
    try:
        (result,) = ReferenceEvaluator(alone).run(None, {n: context.constants[n] for n in names})
    except Exception as error:
        raise ModelError(f"{context.place} fails on its constants", _EXPORT_AGAIN) from error
    return np.asarray(result)
