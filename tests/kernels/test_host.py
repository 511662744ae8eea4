"""The portable kernels against the integer reference, under the sanitizers."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqtvm.compile.kernel_call import KernelStyle
from tests.kernels.cases import depthwises, fixed_cases, foldables
from tests.kernels.packed_cases import fixed_packed_cases, packed_layers
from tests.kernels.program import HERE, build, program
from tests.quantize.layers import Case, adds, concats, convolutions, linears, pools, unary

SANITIZERS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
ANY_LAYER = st.one_of(
    convolutions(), depthwises(), linears(), pools(), adds(), concats(), unary(), packed_layers()
)


def run(cases: list[Case], style: KernelStyle) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        source = program(cases, style)
        binary = build(source, Path(temporary), ("cc", *SANITIZERS), [HERE / "host_main.c"])
        done = subprocess.run([binary], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    differing = int(done.stdout)
    assert differing == 0, f"{style} kernel differs on case {differing}: {cases[differing - 1]}"


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ANY_LAYER, min_size=12, max_size=24), st.sampled_from(KernelStyle))
def test_any_layer_equals_the_reference(cases: list[Case], style: KernelStyle) -> None:
    run(cases, style)


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(foldables(), min_size=12, max_size=24))
def test_any_channels_in_fours(cases: list[Case]) -> None:
    run(cases, KernelStyle.FAST_FOURS)


def test_fixed_layers_equal_the_reference() -> None:
    run(fixed_cases(), KernelStyle.FAST)


@pytest.mark.parametrize("style", list(KernelStyle))
def test_packed_layers_equal_the_reference(style: KernelStyle) -> None:
    run(fixed_packed_cases(), style)
