"""Which order of weights a core gets."""

from __future__ import annotations

import pytest

from sqtvm.compile.kernel_call import KernelStyle
from sqtvm.firmware.boards import load_board


@pytest.mark.parametrize(
    ("board", "style"),
    [
        ("stm32f746", KernelStyle.FAST_TWOS),
        ("stm32f446", KernelStyle.FAST_FOURS),
        ("mps2-an505", KernelStyle.FAST_FOURS),
        ("mps3-an547", KernelStyle.FAST),
        ("rp2040", KernelStyle.FAST),
    ],
)
def test_fast_kernels_of_a_board(board: str, style: KernelStyle) -> None:
    target = load_board(board).tvm_target
    assert KernelStyle.FAST.on(target) is style
    assert KernelStyle.COMPACT.on(target) is KernelStyle.COMPACT
