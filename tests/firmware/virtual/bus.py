"""What every modelled peripheral has in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType


class HardwareRuleError(Exception):
    """The firmware did what the manual forbids, or what would not work on the hardware."""


@dataclass
class Time:
    """Core cycles since power-on, and how many are in a second at this moment."""

    cycles: int = 0
    hz: int = 0


class Peripheral:
    """Registers of 32 bits by offset; a write may be watched, a read may be computed.

    reset_values: of all registers that exist; an access to any other offset breaks a rule.
    """

    reset_values: Mapping[int, int] = MappingProxyType({})

    def __init__(self, name: str) -> None:
        self.name = name
        self.registers: dict[int, int] = {}
        self.reset()

    def reset(self) -> None:
        self.registers = dict(self.reset_values)

    def read(self, offset: int) -> int:
        self._exists(offset)
        return self.registers[offset]

    def write(self, offset: int, value: int) -> None:
        self._exists(offset)
        self.registers[offset] = value

    def _exists(self, offset: int) -> None:
        if offset not in self.registers:
            raise HardwareRuleError(f"{self.name} has no register at offset {offset:#x}")

    def require(self, holds: bool, rule: str) -> None:
        if not holds:
            raise HardwareRuleError(f"{self.name}: {rule}")


@dataclass(frozen=True)
class Mapped:
    """A peripheral at an address; clocked says whether its clock is on, and settled whether the
    cycles that the manual asks for after switching it on have passed."""

    base: int
    size: int
    peripheral: Peripheral
    clocked: Callable[[], bool] = lambda: True
    settled: Callable[[], bool] = lambda: True

    def contains(self, address: int) -> bool:
        return self.base <= address < self.base + self.size

    def require_clock(self) -> None:
        name = self.peripheral.name
        self.peripheral.require(self.clocked(), f"{name} is accessed while its clock is off")
        self.peripheral.require(
            self.settled(), f"{name} is accessed at once after its clock was switched on"
        )
