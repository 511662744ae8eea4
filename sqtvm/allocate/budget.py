"""What an allocation must hold, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

BITS = (8, 4, 2)


@dataclass(frozen=True)
class Budget:
    """Limits that must all hold; None is no limit.

    ms: one inference; flash_bytes: the whole image (weights, code, constants);
    ram_bytes: workspace, static data and stack; max_drop: percentage points of accuracy that
    may be lost against the float model; energy_mj: of one inference; bops: bit operations of
    one inference, as ``Cost`` counts them.
    """

    ms: float | None = None
    flash_bytes: int | None = None
    ram_bytes: int | None = None
    max_drop: float | None = None
    energy_mj: float | None = None
    bops: int | None = None

    def with_energy_as_time(self, mj_per_ms: float | None) -> Budget:
        """The same limits where energy is time times a known power: the tighter of the two."""
        if self.energy_mj is None or not mj_per_ms:
            return self
        allowed = self.energy_mj / mj_per_ms
        return replace(self, ms=allowed if self.ms is None else min(self.ms, allowed))


@dataclass(frozen=True)
class Cost:
    """Of a whole allocation; bops: multiply-accumulates, each times its weight's bits and its
    activation's."""

    ms: float
    flash_bytes: int
    ram_bytes: int
    weight_bytes: int
    bops: int


class CostModel(Protocol):
    """What an allocation costs on one board; ``source`` is "modelled", "emulated" or "measured"."""

    @property
    def source(self) -> str: ...

    def cost(self, weight_bits: Mapping[str, int]) -> Cost:
        """The cost of running every weighted layer at the given bits."""
        ...

    def layer_ms(self, name: str, weight_bits: int) -> float:
        """The time of one layer at the given bits."""
        ...

    def layer_bytes(self, name: str, weight_bits: int) -> int:
        """The flash of one layer's weights at the given bits."""
        ...

    def layer_bops(self, name: str, weight_bits: int) -> int:
        """The bit operations of one layer at the given bits."""
        ...

    @property
    def largest_tensors(self) -> tuple[str, ...]:
        """The layers whose outputs need most RAM together."""
        ...
