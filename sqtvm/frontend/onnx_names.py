"""Names layers of an ONNX graph as their torch modules were named, where the file tells."""

from __future__ import annotations

import ast

import onnx

from sqtvm.frontend.aten_program import readable

# Operators that are a module of their own in torch: their module's path is their name.
_MODULES = frozenset(
    {"Conv", "Gemm", "MatMul", "BatchNormalization", "Relu", "Clip", "MaxPool", "AveragePool"}
    | {"GlobalAveragePool", "Flatten", "Softmax", "Dropout", "Identity"}
)
_WEIGHTED = frozenset({"Conv", "Gemm", "MatMul"})


def layer_name(node: onnx.NodeProto) -> str:
    """From the weight's name, the exporter's notes, the node's name, or else its output's."""
    if node.op_type in _WEIGHTED:
        for name in node.input[1:]:
            if name.endswith(".weight"):
                return str(name.removesuffix(".weight"))
    return _from_notes(node) or _from_path(node) or str(node.name or node.output[0])


def _from_notes(node: onnx.NodeProto) -> str | None:
    """torch.onnx.export leaves the modules around a node, innermost last but one."""
    notes = {entry.key: entry.value for entry in node.metadata_props}
    try:
        scopes = ast.literal_eval(notes["pkg.torch.onnx.name_scopes"])
        classes = ast.literal_eval(notes["pkg.torch.onnx.class_hierarchy"])
        module, kind, target = scopes[-2], classes[-2], classes[-1]
    except (KeyError, ValueError, SyntaxError, IndexError, TypeError):
        return None
    if not all(isinstance(part, str) for part in (module, kind, target)):
        return None
    module = module.partition("@")[0]
    if module and kind.startswith("torch.nn.modules."):
        return str(module)
    operator = (
        readable(target.split(".")[1]) if target.startswith("aten.") else node.op_type.lower()
    )
    return f"{module}.{operator}" if module else str(operator)


def _from_path(node: onnx.NodeProto) -> str | None:
    """Of "/layer1/conv1/Conv", as older exporters name nodes, "layer1.conv1"."""
    if not node.name.startswith("/"):
        return None
    *modules, operator = node.name.strip("/").split("/")
    if node.op_type not in _MODULES or not modules:
        modules.append(operator.lower())
    return ".".join(modules)
