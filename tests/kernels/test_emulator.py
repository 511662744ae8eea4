"""Each ISA's path in the emulator against the integer reference."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sqtvm.compile.kernel_call import KernelStyle
from tests.kernels.cases import depthwise_cases, depthwises, fixed_cases, foldables
from tests.kernels.emulation import M0_PLUS, M3, M4, M7, M33, M55, RV32, Core, emulate
from tests.kernels.packed_cases import fixed_packed_cases
from tests.kernels.program import program
from tests.quantize.layers import Case, convolutions

CASES = fixed_cases() + fixed_packed_cases()


@pytest.mark.parametrize(
    ("core", "style"),
    [
        pytest.param(M7, KernelStyle.FAST_TWOS, id="m7-fast"),
        pytest.param(M7, KernelStyle.COMPACT, id="m7-compact"),
        pytest.param(M4, KernelStyle.FAST, id="m4-fast"),
        pytest.param(M4, KernelStyle.FAST_FOURS, id="m4-fours"),
        pytest.param(M33, KernelStyle.FAST_FOURS, id="m33-fours"),
        pytest.param(M55, KernelStyle.FAST, id="m55-helium"),
        pytest.param(M55, KernelStyle.COMPACT, id="m55-helium-compact"),
        pytest.param(M3, KernelStyle.FAST, id="m3-portable"),
        pytest.param(M3, KernelStyle.FAST_FOURS, id="m3-portable-fours"),
        pytest.param(M0_PLUS, KernelStyle.FAST, id="m0plus-portable"),
        pytest.param(RV32, KernelStyle.FAST, id="rv32-portable"),
    ],
)
def test_fixed_layers_equal_the_reference(tmp_path: Path, core: Core, style: KernelStyle) -> None:
    differing = emulate(program(CASES, style), tmp_path, core)
    assert differing == 0, f"case {differing} differs: {CASES[differing - 1]}"


@pytest.mark.parametrize("optimization", ["-O0", "-Og", "-Os"])
def test_depthwise_layers_are_the_same_however_they_are_compiled(
    tmp_path: Path, optimization: str
) -> None:
    cases = depthwise_cases(0, 8)
    differing = emulate(program(cases, KernelStyle.FAST), tmp_path, M7, optimization)
    assert differing == 0, f"case {differing} differs: {cases[differing - 1]}"


DRAWN = settings(
    max_examples=2,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)


def agree(cases: list[Case], core: Core, style: KernelStyle) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        differing = emulate(program(cases, style), Path(temporary), core)
    assert differing == 0, f"{style} kernel differs on {core.machine}: {cases[differing - 1]}"


@DRAWN
@given(st.lists(depthwises(), min_size=12, max_size=20), st.sampled_from(KernelStyle))
def test_any_depthwise_layer_with_smlad(cases: list[Case], style: KernelStyle) -> None:
    agree(cases, M7, style)


@pytest.mark.parametrize(
    ("core", "style"),
    [
        pytest.param(M4, KernelStyle.FAST_FOURS, id="m4"),
        pytest.param(M7, KernelStyle.FAST_TWOS, id="m7"),
    ],
)
@DRAWN
@given(cases=st.lists(foldables(), min_size=12, max_size=20))
def test_any_channels_in_fours_with_smlad(
    core: Core, style: KernelStyle, cases: list[Case]
) -> None:
    agree(cases, core, style)


@DRAWN
@given(
    st.lists(st.one_of(depthwises(), convolutions()), min_size=12, max_size=20),
    st.sampled_from(KernelStyle),
)
def test_any_convolution_with_helium(cases: list[Case], style: KernelStyle) -> None:
    agree(cases, M55, style)
