"""Firmware that runs kernels one after the other: many layers at many bits in one build.

It is an archive like a network's, so that everything behind it (project, build, measurement) is
the same; its network is a list of calls, each between the profiling hooks. Every call has its own
parameters, and all share one piece of weights and one of workspace: what a kernel costs does not
depend on what its weights are.
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sqtvm import kernels as kernel_package
from sqtvm.compile import c_source
from sqtvm.compile.kernel_call import KernelCall, KernelStyle

_ALIGNMENT = 16
_EDGE_BYTES = 4


@dataclass(frozen=True, eq=False)
class BenchmarkCase:
    """One call; name: of the layer that it becomes; input_bytes: of each input."""

    name: str
    call: KernelCall
    input_bytes: tuple[int, ...]
    output_bytes: int


def compile_benchmark(
    name: str, cases: Sequence[BenchmarkCase], style: KernelStyle, destination: Path
) -> Path:
    """Write the archive of all ``cases`` at ``destination``, whole or not at all."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".benchmark-") as temporary:
        root = Path(temporary) / "mlf"
        _write_sources(root / "codegen" / "host", cases, style)
        (root / "metadata.json").write_text(json.dumps(_metadata(name, cases), indent=2))
        packed = Path(temporary) / "archive.tar"
        with tarfile.open(packed, "w") as tar:
            tar.add(root, arcname=".")
        os.replace(packed, destination)
    return destination


def _write_sources(host: Path, cases: Sequence[BenchmarkCase], style: KernelStyle) -> None:
    sources, include = host / "src", host / "include"
    sources.mkdir(parents=True)
    include.mkdir()
    calls = [case.call for case in cases]
    prototypes = c_source.kernels_header(c_source.unique_kernels(calls))
    (sources / "benchmark.c").write_text(_source(cases))
    (sources / "sqtvm_network_kernels.c").write_text(c_source.kernels_source(calls, style))
    (include / c_source.KERNELS_HEADER).write_text(prototypes)
    interface = c_source.interface_header("x", _EDGE_BYTES, _EDGE_BYTES)
    (include / "tvmgen_default.h").write_text(interface)
    shutil.copytree(kernel_package.include_directory() / "sqtvm", include / "sqtvm")


def _source(cases: Sequence[BenchmarkCase]) -> str:
    constants = [constant for case in cases for constant in case.call.constants]
    shared = max((each.nbytes for each in constants if each.dtype != np.int32), default=1)
    lines = [
        "#include <stdint.h>",
        "",
        f'#include "{c_source.KERNELS_HEADER}"',
        '#include "tvmgen_default.h"',
        "",
        f'__attribute__((section(".rodata.tvm"), aligned({_ALIGNMENT})))',
        f"static const uint8_t weights[{shared}] = {{1}};",
        f'__attribute__((section(".bss.noinit.tvm"), aligned({_ALIGNMENT})))',
        f"static uint8_t workspace[{_workspace_bytes(cases)}];",
        "",
    ]
    body = []
    for number, case in enumerate(cases):
        arguments, offset = [], 0
        for size in case.input_bytes:
            arguments.append(f"(const int8_t *)&workspace[{offset}]")
            offset = _aligned(offset + size)
        for place, constant in enumerate(case.call.constants):
            if constant.dtype != np.int32:
                arguments.append(f"(const {constant.dtype}_t *)weights")
                continue
            array = f"constants_{number}_{place}"
            values = ", ".join(str(int(value)) for value in constant.ravel())
            lines.append(f'__attribute__((section(".rodata.tvm"), aligned({_ALIGNMENT})))')
            lines.append(f"static const int32_t {array}[{constant.size}] = {{{values}}};")
            arguments.append(array)
        arguments.append(f"(int8_t *)&workspace[{offset}]")
        if case.call.scratch_bytes:
            arguments.append(f"&workspace[{_aligned(offset + case.output_bytes)}]")
        body += [
            f"    sqtvm_layer_begin({number});",
            f"    {case.call.function}({', '.join(arguments)});",
            f"    sqtvm_layer_end({number});",
        ]
    lines += [
        "",
        "int32_t tvmgen_default_run(struct tvmgen_default_inputs *inputs,",
        "                           struct tvmgen_default_outputs *outputs)",
        "{",
        "    (void)inputs;",
        "    (void)outputs;",
        *body,
        "    return 0;",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _workspace_bytes(cases: Sequence[BenchmarkCase]) -> int:
    return max(
        sum(_aligned(size) for size in (*case.input_bytes, case.output_bytes))
        + case.call.scratch_bytes
        for case in cases
    )


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _metadata(name: str, cases: Sequence[BenchmarkCase]) -> dict[str, object]:
    main = {"workspace_size_bytes": _workspace_bytes(cases), "constants_size_bytes": 0}
    edge = {"shape": [1, _EDGE_BYTES], "dtype": "int8", "scale": 1.0, "zero_point": 0}
    return {
        "version": 7,
        "modules": {"default": {"memory": {"functions": {"main": [main]}}}},
        "sqtvm": {
            "model": name,
            "input": {"name": "x", **edge},
            "output": {"name": "output", **edge},
            "layers": [case.name for case in cases],
        },
    }
