"""Depthwise layers of stride 1 that write over their input, at the same address."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from sqtvm.compile.kernel_call import KernelStyle
from tests.kernels.cases import BITS, depthwise_cases
from tests.kernels.emulation import M7, M55, Core, emulate
from tests.kernels.program import HERE, build, program
from tests.kernels.test_host import SANITIZERS

CASES = [
    case
    for bits in BITS
    for case in depthwise_cases(bits, bits)
    if case[0].shape == case[1][0].shape and case[0].op.stride == (1, 1)
]
# In the program of a case: what it calls the kernel with, and its output.
_CALL = re.compile(r"  (sqtvm_\w+)\((case_\d+_x0), (.*)\);")


def in_place() -> str:
    """The program of the cases with each input copied to its output, and read there."""
    return _CALL.sub(r"  memcpy(y, \2, sizeof y);\n  \1(y, \3);", program(CASES, KernelStyle.FAST))


def test_there_are_such_layers() -> None:
    kernels = {case[0].op.weight.shape[1:3] for case in CASES}
    assert kernels == {(3, 3), (5, 5)}
    assert in_place().count("memcpy(y, ") == len(CASES)


def test_portable_kernels(tmp_path: Path) -> None:
    binary = build(in_place(), tmp_path, ("cc", *SANITIZERS), [HERE / "host_main.c"])
    done = subprocess.run([binary], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 0, f"case {done.stdout} differs"


@pytest.mark.parametrize("core", [pytest.param(M7, id="m7"), pytest.param(M55, id="m55")])
def test_fast_kernels(tmp_path: Path, core: Core) -> None:
    differing = emulate(in_place(), tmp_path, core)
    assert differing == 0, f"case {differing} differs: {CASES[differing - 1]}"
