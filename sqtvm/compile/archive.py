"""Model Library Format: the archive that holds everything a firmware project needs.

Laid out as TVM 0.18 writes it (metadata.json, codegen/host/{src,include}, parameters, src), with
the kernel and runtime headers inside and a ``sqtvm`` key in the metadata, so that the archive
alone is enough to build from.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tvm

from sqtvm.compile import c_source
from sqtvm.compile.aot import MODULE_NAME, GeneratedCode
from sqtvm.compile.kernel_call import KernelCall, KernelStyle
from sqtvm.compile.memory_plan import PlannedTensor
from sqtvm.compile.passes.quantize_layers import INPUT_NAME, with_batch
from sqtvm.frontend.graph import Shape
from sqtvm.quantize.network import IntegerNetwork, TensorQuantization

_FORMAT_VERSION = 7
_CPU_DEVICE = 1


@dataclass(frozen=True)
class Archive:
    """A Model Library Format file that was written, and what the planner said of it (bytes)."""

    path: Path
    workspace_bytes: int
    constants_bytes: int
    tensors: tuple[PlannedTensor, ...]


def write_archive(
    destination: Path,
    model_name: str,
    network: IntegerNetwork,
    generated: GeneratedCode,
    calls: Sequence[KernelCall],
    kernel_headers: Path,
    style: KernelStyle,
) -> Archive:
    """Write the ``.tar`` at ``destination``, whole or not at all.

    kernel_headers: the folder that holds ``sqtvm/*.h``.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".mlf-") as temporary:
        root = Path(temporary) / "mlf"
        _write_sources(root / "codegen" / "host", network, generated, calls, kernel_headers, style)
        (root / "parameters").mkdir()
        (root / "parameters" / f"{MODULE_NAME}.params").write_bytes(generated.parameters)
        (root / "src").mkdir()
        (root / "src" / "relay.txt").write_text(generated.relay_text)
        metadata = _metadata(model_name, network, generated)
        (root / "metadata.json").write_text(json.dumps(metadata, indent=2, sort_keys=True) + "\n")
        packed = Path(temporary) / "archive.tar"
        with tarfile.open(packed, "w") as tar:
            tar.add(root, arcname=".", filter=_anonymous)
        os.replace(packed, destination)
    return Archive(
        destination, generated.workspace_bytes, generated.constants_bytes, generated.tensors
    )


def _write_sources(
    host: Path,
    network: IntegerNetwork,
    generated: GeneratedCode,
    calls: Sequence[KernelCall],
    kernel_headers: Path,
    style: KernelStyle,
) -> None:
    sources, include = host / "src", host / "include"
    sources.mkdir(parents=True)
    include.mkdir()
    kernels = c_source.unique_kernels(calls)
    for number, source in enumerate(generated.sources):
        text = c_source.call_by_header(source, kernels)
        text = c_source.give_input_room(text, generated.workspace_bytes, generated.input_offset)
        (sources / f"{MODULE_NAME}_lib{number}.c").write_text(text)
    (sources / "sqtvm_network_kernels.c").write_text(c_source.kernels_source(calls, style))
    (include / c_source.KERNELS_HEADER).write_text(c_source.kernels_header(kernels))
    interface = c_source.interface_header(
        INPUT_NAME, math.prod(network.input_shape), math.prod(network.output.shape)
    )
    (include / "tvmgen_default.h").write_text(interface)
    shutil.copytree(kernel_headers / "sqtvm", include / "sqtvm")
    _copy_tvm_headers(include)


def _copy_tvm_headers(include: Path) -> None:
    package = Path(tvm.__file__).parent
    runtime = include / "tvm" / "runtime"
    runtime.mkdir(parents=True)
    for header in ("c_runtime_api.h", "c_backend_api.h"):
        shutil.copy(package / "include" / "tvm" / "runtime" / header, runtime / header)
    dlpack = include / "dlpack"
    dlpack.mkdir()
    source = package / "3rdparty" / "dlpack" / "include" / "dlpack" / "dlpack.h"
    shutil.copy(source, dlpack / "dlpack.h")


def _metadata(model_name: str, network: IntegerNetwork, generated: GeneratedCode) -> dict[str, Any]:
    memory = {
        "functions": {
            "main": [
                {
                    "device": _CPU_DEVICE,
                    "workspace_size_bytes": generated.workspace_bytes,
                    "constants_size_bytes": generated.constants_bytes,
                    "io_size_bytes": generated.io_bytes,
                    "inputs": {INPUT_NAME: _tensor_size(network.input_shape)},
                    "outputs": {"output": _tensor_size(network.output.shape)},
                }
            ],
            "operator_functions": [
                {
                    "function_name": operator.function,
                    "workspace": [
                        {
                            "device": _CPU_DEVICE,
                            "workspace_size_bytes": operator.workspace_bytes,
                        }
                    ],
                }
                for operator in generated.operators
            ],
        }
    }
    module = {
        "model_name": MODULE_NAME,
        "export_datetime": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ"),
        "memory": memory,
        "target": [generated.target],
        "executors": ["aot"],
        "style": "full-model",
    }
    return {
        "version": _FORMAT_VERSION,
        "modules": {MODULE_NAME: module},
        "sqtvm": {
            "model": model_name,
            "input": _tensor(INPUT_NAME, network.input_shape, network.input),
            "output": _tensor("output", network.output.shape, network.output.output),
            "input_in_workspace": True,
            "layers": [layer.name for layer in network.layers],
            "weight_bits": dict(network.weight_bits),
        },
    }


def _tensor_size(shape: Shape) -> dict[str, Any]:
    return {"size": math.prod(shape), "dtype": "int8"}


def _tensor(name: str, shape: Shape, quantization: TensorQuantization) -> dict[str, Any]:
    return {
        "name": name,
        "shape": list(with_batch(shape)),
        "dtype": "int8",
        "scale": quantization.scale,
        "zero_point": quantization.zero_point,
    }


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry
