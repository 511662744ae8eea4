"""Reads what torch.export.save wrote, without torch.export.load.

torch.export.load unpickles parts of a file without restraint and evaluates its expressions, so
that a file could run its own code. The graph is JSON and the weights are plain bytes: reading
those needs neither. The layout is that of archive version 0 in torch.export.pt2_archive.
"""

from __future__ import annotations

import io
import json
import pickle
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sqtvm.errors import ModelError
from sqtvm.frontend.aten_program import AtenCall, AtenProgram, Ref, single
from sqtvm.frontend.unpacked import require_memory
from sqtvm.input_file import require_regular

_SAVE_AGAIN = "save it with torch.export.save(torch.export.export(model, (example,)), path)"

# The numbers of torch._export.serde.schema.ScalarType.
_DTYPES: Mapping[int, torch.dtype] = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}
# What reading nonsense raises; torch says RuntimeError where sizes leave the bytes.
_DAMAGE = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    RuntimeError,
    MemoryError,
    pickle.UnpicklingError,
    zlib.error,
)
_NO_TENSORS = ("as_sym_int", "as_sym_float", "as_sym_bool", "as_none")
_PLAIN = ("as_int", "as_float", "as_bool", "as_string", "as_ints", "as_floats", "as_bools")


def read_pt2(path: Path) -> AtenProgram:
    """Raises ModelError where the file is missing, damaged or of another format."""
    try:
        require_regular(path)
        with zipfile.ZipFile(path) as archive:
            require_memory(archive)
            return _Reader(archive, path).program()
    except FileNotFoundError:
        raise ModelError(f"{path} does not exist", "check the path of the model") from None
    except (zipfile.BadZipFile, OSError) as error:
        raise ModelError(f"{path} is no .pt2 archive: {error}", _SAVE_AGAIN) from error
    except _DAMAGE as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(
            f"{path} is damaged, or of a format this version cannot read ({reason})", _SAVE_AGAIN
        ) from error


class _Reader:
    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self._archive = archive
        models = [name for name in archive.namelist() if _inside(name, "models/", ".json")]
        if len(models) != 1:
            raise ModelError(f"{path} holds {len(models)} exported models, not one", _SAVE_AGAIN)
        self._root = models[0].split("models/")[0]
        self._name = Path(models[0]).stem
        document = json.loads(archive.read(models[0]))
        self._graph = document["graph_module"]["graph"]
        self._signature = document["graph_module"]["signature"]

    def program(self) -> AtenProgram:
        weights = self._tensors("weights")
        constants = self._tensors("constants")
        named: dict[str, Tensor] = {}
        inputs: list[str] = []
        for spec in self._signature["input_specs"]:
            ((kind, content),) = spec.items()
            if kind == "user_input":
                inputs.append(content["arg"]["as_tensor"]["name"])
            elif kind == "parameter":
                named[content["arg"]["name"]] = weights[content["parameter_name"]]
            elif kind == "buffer":
                key = content["buffer_name"]
                named[content["arg"]["name"]] = weights[key] if key in weights else constants[key]
            elif kind == "tensor_constant":
                named[content["arg"]["name"]] = constants[content["tensor_constant_name"]]
            elif kind != "constant_input":
                raise ModelError(f"the model has an input of kind {kind}", _SAVE_AGAIN)
        outputs = [
            spec["user_output"]["arg"]["as_tensor"]["name"]
            for spec in self._signature["output_specs"]
            if "user_output" in spec
        ]
        source, target = single(inputs, outputs)
        calls = [self._call(node) for node in self._graph["nodes"]]
        return AtenProgram(
            source, self._shape(source), named, tuple(c for c in calls if c.outputs), target
        )

    def _call(self, node: Mapping[str, Any]) -> AtenCall:
        namespace, name, overload = node["target"].removeprefix("torch.ops.").split(".")
        arguments = {item["name"]: _argument(item["arg"]) for item in node["inputs"]}
        outputs = tuple(name for output in node["outputs"] for name in _tensor_names(output))
        module, module_type = _module(node["metadata"].get("nn_module_stack", ""))
        return AtenCall(
            name if namespace == "aten" else f"{namespace}.{name}",
            overload,
            arguments,
            outputs,
            tuple(self._shape(output) for output in outputs),
            module,
            module_type,
        )

    def _shape(self, name: str) -> tuple[int | None, ...]:
        sizes = self._graph["tensor_values"][name]["sizes"]
        return tuple(size.get("as_int") for size in sizes)

    def _tensors(self, folder: str) -> dict[str, Tensor]:
        config = f"{self._root}data/{folder}/{self._name}_{folder}_config.json"
        entries = json.loads(self._archive.read(config))["config"]
        return {
            name: self._tensor(f"{self._root}data/{folder}/{entry['path_name']}", entry)
            for name, entry in entries.items()
            if entry.get("tensor_meta") is not None
        }

    def _tensor(self, file: str, entry: Mapping[str, Any]) -> Tensor:
        content = bytearray(self._archive.read(file))
        if entry["use_pickle"]:
            loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            if not isinstance(loaded, Tensor):
                raise ValueError(f"{file} holds no tensor")
            return loaded.detach()
        meta = entry["tensor_meta"]
        dtype = _DTYPES[meta["dtype"]]
        sizes = [size["as_int"] for size in meta["sizes"]]
        strides = [stride["as_int"] for stride in meta["strides"]]
        if not content:
            # torch makes no tensor of no bytes; sizes that need some fail here.
            return torch.empty(0, dtype=dtype).reshape(sizes)
        # as_strided checks that sizes and strides stay inside the bytes.
        return torch.frombuffer(content, dtype=dtype).as_strided(
            sizes, strides, meta["storage_offset"]["as_int"]
        )


def _inside(name: str, folder: str, suffix: str) -> bool:
    return f"/{folder}" in f"/{name}" and name.endswith(suffix)


def _argument(argument: Mapping[str, Any]) -> Any:
    ((kind, content),) = argument.items()
    if kind == "as_tensor":
        return Ref(content["name"])
    if kind in ("as_tensors", "as_optional_tensors"):
        return [_optional(item) for item in content]
    if kind == "as_none":
        return None
    if kind in _PLAIN:
        return content
    if kind == "as_scalar_type":
        return _DTYPES[content]
    # Symbolic sizes and settings of memory: no rule reads them.
    return None


def _optional(item: Mapping[str, Any]) -> Ref | None:
    content = item.get("as_tensor", item)
    return Ref(content["name"]) if "name" in content else None


def _tensor_names(output: Mapping[str, Any]) -> list[str]:
    ((kind, content),) = output.items()
    if kind == "as_tensor":
        return [content["name"]]
    if kind == "as_tensors":
        return [item["name"] for item in content]
    if kind in _NO_TENSORS:
        return []
    raise ValueError(f"a result of kind {kind}")


def _module(stack: str) -> tuple[str, str]:
    """Path and class of the innermost of "key,path,class;key,path,class"."""
    if not stack:
        return "", ""
    _, path, kind = stack.rsplit(";", 1)[-1].split(",", 2)
    return path.partition("@")[0], kind
