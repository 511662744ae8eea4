"""Each ISA's path in the emulator against the integer reference."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sqtvm.compile.kernel_call import KernelStyle
from tests.kernels.cases import fixed_cases
from tests.kernels.program import HERE, build, program

M7 = ("mps2-an500", ("-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-d16"))
M4 = ("mps2-an386", ("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"))
M3 = ("mps2-an385", ("-mcpu=cortex-m3",))
CASES = fixed_cases()


@pytest.mark.parametrize(
    ("machine", "flags", "style"),
    [
        pytest.param(*M7, KernelStyle.FAST, id="m7-fast"),
        pytest.param(*M7, KernelStyle.COMPACT, id="m7-compact"),
        pytest.param(*M4, KernelStyle.FAST, id="m4-fast"),
        pytest.param(*M3, KernelStyle.FAST, id="m3-portable"),
    ],
)
def test_fixed_layers_equal_the_reference(
    tmp_path: Path, machine: str, flags: tuple[str, ...], style: KernelStyle
) -> None:
    compiler = ("arm-none-eabi-gcc", *flags, "-mthumb", "-O3", "-nostartfiles")
    link = ("-T", str(HERE / "bare_metal.ld"))
    elf = build(program(CASES, style), tmp_path, (*compiler, *link), [HERE / "bare_metal.c"])
    done = subprocess.run(
        [
            *("qemu-system-arm", "-M", machine, "-nographic", "-monitor", "none"),
            *("-serial", "none", "-semihosting-config", "enable=on,target=native"),
            *("-kernel", str(elf)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = (done.stdout + done.stderr).strip()
    assert said.isdecimal(), f"the emulator said {said!r}"
    assert int(said) == 0, f"case {said} differs: {CASES[int(said) - 1]}"


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m33"])
def test_kernels_compile_without_warnings(tmp_path: Path, core: str) -> None:
    compiler = ("arm-none-eabi-gcc", f"-mcpu={core}", "-mthumb", "-O2", "-c")
    build(program(CASES, KernelStyle.FAST), tmp_path, compiler, [])
