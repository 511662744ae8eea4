"""A C program that runs kernels on given inputs and compares with the integer reference."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from sqtvm import kernels
from sqtvm.compile.c_source import unique_kernels
from sqtvm.compile.kernel_call import KernelCall, KernelStyle
from sqtvm.compile.layouts import kernel_call
from sqtvm.quantize.network import IntegerLayer, IntegerNetwork
from sqtvm.quantize.reference import run_layer
from tests.kernels.packed_cases import stored
from tests.quantize.layers import Case

WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-Wconversion")
HERE = Path(__file__).parent
_C_TYPES = {"uint8": "uint8_t", "int8": "int8_t", "int32": "int32_t"}


def program(cases: Sequence[Case], style: KernelStyle) -> str:
    """``int check(void)``: 0, or the number of the first case (from 1) that differs."""
    calls = [kernel_call(*network_of(case), style) for case in cases]
    lines = kernels_of(calls, style)
    pairs = zip(cases, calls, strict=True)
    lines += [_case(number, case, call) for number, (case, call) in enumerate(pairs)]
    lines += ["int check(void);", "int check(void) {"]
    lines += [f"  if (case_{number}()) return {number + 1};" for number in range(len(cases))]
    lines += ["  return 0;", "}"]
    return "\n".join(lines) + "\n"


def kernels_of(calls: Sequence[KernelCall], style: KernelStyle) -> list[str]:
    """C that defines the functions of ``calls`` and what they call."""
    functions = unique_kernels(calls).values()
    headers = sorted({header for call in functions for header in call.headers})
    lines = ["#define SQTVM_COMPACT 1"] if style is KernelStyle.COMPACT else []
    lines += ["#include <stdint.h>", "#include <string.h>"]
    lines += [f'#include "{header}"' for header in headers]
    lines += [call.source[: call.source.index("{")].rstrip() + ";" for call in functions]
    return lines + [call.source for call in functions]


def stored_case(case: Case) -> tuple[list[np.ndarray], np.ndarray]:
    """The inputs and the output that the reference expects, as they lie in memory."""
    layer, inputs, quantizations = case
    expected = run_layer(layer, [torch.from_numpy(x[None]) for x in inputs], quantizations)[0]
    arrays = [stored(x, one) for x, one in zip(inputs, quantizations, strict=True)]
    return arrays, stored(expected.numpy(), layer.output)


def network_of(case: Case) -> tuple[IntegerLayer, IntegerNetwork]:
    """The layer in a network whose other layers are only there to be read."""
    layer, inputs, quantizations = case
    others = tuple(
        IntegerLayer(name, layer.op, (), x.shape, quantization)
        for name, x, quantization in zip(layer.inputs, inputs, quantizations, strict=True)
    )
    return layer, IntegerNetwork("none", (1,), quantizations[0], (*others, layer))


def _case(number: int, case: Case, call: KernelCall) -> str:
    inputs, expected = stored_case(case)
    arrays = {f"x{i}": x for i, x in enumerate(inputs)}
    arrays |= {f"c{i}": constant for i, constant in enumerate(call.constants)}
    arguments = [f"case_{number}_{name}" for name in arrays]
    lines = [array(f"case_{number}_{name}", values) for name, values in arrays.items()]
    lines.append(array(f"case_{number}_expected", expected))
    lines += [f"static int case_{number}(void) {{", f"  static int8_t y[{expected.size}];"]
    arguments.append("y")
    if call.scratch_bytes:
        lines.append(f"  static _Alignas(8) uint8_t scratch[{call.scratch_bytes}];")
        lines.append("  memset(scratch, 0x5A, sizeof scratch);")
        arguments.append("scratch")
    lines.append(f"  {call.function}({', '.join(arguments)});")
    lines += [f"  return memcmp(y, case_{number}_expected, sizeof y) != 0;", "}"]
    return "\n".join(lines)


def array(name: str, values: np.ndarray) -> str:
    numbers = ", ".join(
        "INT32_MIN" if number == -(2**31) else str(number) for number in values.reshape(-1).tolist()
    )
    c_type = _C_TYPES[values.dtype.name]
    return f"static _Alignas(8) const {c_type} {name}[{max(values.size, 1)}] = {{{numbers}}};"


def build(source: str, folder: Path, compiler: Sequence[str], sources: Sequence[Path]) -> Path:
    """Compile ``source`` with ``sources``; a test fails with the compiler's words."""
    path, binary = folder / "cases.c", folder / "cases"
    path.write_text(source)
    include = ("-I", str(kernels.include_directory()))
    files = [str(path), *(str(part) for part in sources)]
    done = subprocess.run(
        [*compiler, *WARNINGS, *include, "-o", str(binary), *files],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return binary
