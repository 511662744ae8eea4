"""Kernels whose output lies over their input, as near as the layout says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sqtvm.compile.kernel_call import KernelCall, KernelStyle
from sqtvm.compile.layouts import kernel_call
from tests.kernels.cases import fixed_cases
from tests.kernels.emulation import M4, M7, M55, Core, emulate
from tests.kernels.packed_cases import fixed_packed_cases
from tests.kernels.program import array, build, kernels_of, network_of, stored_case
from tests.quantize.layers import Case

HERE = Path(__file__).parent
CASES = fixed_cases() + fixed_packed_cases()


def overlapping(number: int, case: Case, call: KernelCall, source: int) -> str:
    """A C function that is 0 where the output over input ``source`` is as it should be."""
    inputs, expected = stored_case(case)
    overlap = call.overlaps[source]
    assert overlap is not None
    # Offsets of words, the output as late as it may begin.
    at_x = max(0, -(-overlap.lead // 4) * 4)
    at_y = max(0, -overlap.lead // 4 * 4)
    size = max(at_x + inputs[source].size, at_y + expected.size)
    name = f"over_{number}_{source}"
    arguments = [f"{name}_x{i}" if i != source else "x" for i in range(len(inputs))]
    arguments += [f"{name}_c{i}" for i in range(len(call.constants))] + ["y"]
    lines = [array(f"{name}_x{i}", x) for i, x in enumerate(inputs)]
    lines += [array(f"{name}_c{i}", constant) for i, constant in enumerate(call.constants)]
    lines += [
        array(f"{name}_expected", expected),
        f"static int {name}(void) {{",
        f"  static _Alignas(8) int8_t block[{size}];",
        f"  int8_t *x = block + {at_x};",
        f"  int8_t *y = block + {at_y};",
        f"  memcpy(x, {name}_x{source}, {inputs[source].size});",
    ]
    if call.scratch_bytes:
        lines.append(f"  static _Alignas(8) uint8_t scratch[{call.scratch_bytes}];")
        arguments.append("scratch")
    lines += [
        f"  {call.function}({', '.join(arguments)});",
        f"  return memcmp(y, {name}_expected, {expected.size}) != 0;",
        "}",
    ]
    return "\n".join(lines)


def program(cases: list[Case], style: KernelStyle) -> str:
    calls = [kernel_call(*network_of(case), style) for case in cases]
    tried = [
        (number, source)
        for number, call in enumerate(calls)
        for source, overlap in enumerate(call.overlaps)
        if overlap is not None
    ]
    assert {"conv2d", "depthwise", "linear"} <= {calls[number].family for number, _ in tried}
    lines = kernels_of(calls, style)
    lines += [overlapping(number, cases[number], calls[number], i) for number, i in tried]
    lines += ["int check(void);", "int check(void) {"]
    lines += [f"  if (over_{number}_{i}()) return {number + 1};" for number, i in tried]
    return "\n".join([*lines, "  return 0;", "}", ""])


@pytest.mark.parametrize("style", list(KernelStyle))
def test_outputs_may_lie_over_inputs(style: KernelStyle, tmp_path: Path) -> None:
    compiler = ("cc", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    binary = build(program(CASES, style), tmp_path, compiler, [HERE / "host_main.c"])
    done = subprocess.run([str(binary)], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("0", ""), "number of the case from 1"


@pytest.mark.parametrize(
    ("core", "style"),
    [
        pytest.param(M7, KernelStyle.FAST_TWOS, id="m7"),
        pytest.param(M4, KernelStyle.FAST_FOURS, id="m4"),
        pytest.param(M55, KernelStyle.FAST, id="m55"),
    ],
)
def test_outputs_may_lie_over_inputs_on(core: Core, style: KernelStyle, tmp_path: Path) -> None:
    differing = emulate(program(CASES, style), tmp_path, core)
    assert differing == 0, f"case {differing} differs: {CASES[differing - 1]}"
