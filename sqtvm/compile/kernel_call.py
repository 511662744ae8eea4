"""How one layer is computed by C: what the Relay rewrite needs to know of the kernels."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

_SINGLE_ISSUE = ("cortex-m4", "cortex-m33")
_DUAL_ISSUE = ("cortex-m7",)
"""Cores with SMLAD that issue one instruction at a time, and two."""


class KernelStyle(StrEnum):
    """fast: one function a geometry, its extents constants of the C compiler; fast_fours: the same
    with convolutions' weights in fours of channels, which suits cores that issue one instruction at
    a time; fast_twos: with those of 2 bits in fours, where one multiplication makes products of two
    channels, and others in pairs, which suits cores that issue two; compact: one function a family,
    extents read from flash at run time, which costs time and saves code."""

    FAST = "fast"
    FAST_FOURS = "fast_fours"
    FAST_TWOS = "fast_twos"
    COMPACT = "compact"

    def on(self, target: str) -> KernelStyle:
        """What it means for a TVM target such as ``c -keys=arm_cpu,cpu -mcpu=cortex-m4``."""
        if self is not KernelStyle.FAST:
            return self
        for cores, style in (
            (_SINGLE_ISSUE, KernelStyle.FAST_FOURS),
            (_DUAL_ISSUE, KernelStyle.FAST_TWOS),
        ):
            if any(f"-mcpu={cpu}" in target.split() for cpu in cores):
                return style
        return self

    def in_fours(self, stored_bits: int) -> bool:
        """Whether convolutions with weights of so many bits have them in fours of channels, where
        that is exact."""
        return self is KernelStyle.FAST_FOURS or (
            self is KernelStyle.FAST_TWOS and stored_bits == 2
        )


@dataclass(frozen=True)
class Overlap:
    """How a kernel's output may lie over an input: it begins at least ``lead`` bytes before it,
    or, where ``exact``, that many."""

    lead: int
    exact: bool = False


@dataclass(frozen=True, eq=False)
class KernelCall:
    """A C function specialised to one layer's geometry, and the constants of that layer.

    function: its name, a C identifier that follows from everything the source depends on, so
    that layers of equal geometry and bits share one function; source: its whole definition,
    ``void function(const int8_t *x0, ..., const T0 *c0, ..., int8_t *y[, uint8_t *scratch])``
    with the inputs, then ``constants`` in order (T by dtype: uint8_t, int8_t or int32_t), then
    the output, then the scratch if ``scratch_bytes`` is above 0; headers: what the source
    includes, as in ``sqtvm/conv2d.h``; family: as in ``conv2d``; overlaps: for each input, how the
    output may lie over it, None where it must not; weight_bits: 0 without weights; calls: kernels
    that the source calls.
    """

    function: str
    source: str
    headers: tuple[str, ...]
    constants: tuple[NDArray[np.generic], ...]
    scratch_bytes: int
    family: str
    overlaps: tuple[Overlap | None, ...]
    weight_bits: int = 0
    calls: tuple[KernelCall, ...] = ()
