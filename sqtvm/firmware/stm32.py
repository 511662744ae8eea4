"""Where the families of the STM32 have the registers that the drivers for all of them use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Family:
    """Addresses: of GPIOA (the other ports follow every 0x400), of the register of RCC that
    enables the ports, and of those that enable what is on the two buses of peripherals."""

    gpio: int
    gpio_enable: int
    apb1_enable: int
    apb2_enable: int


# RM0390, RM0385, RM0433 and RM0351, each in its memory map and its chapter on RCC.
FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "stm32f4": Family(0x4002_0000, 0x4002_3830, 0x4002_3840, 0x4002_3844),
        "stm32f7": Family(0x4002_0000, 0x4002_3830, 0x4002_3840, 0x4002_3844),
        "stm32h7": Family(0x5802_0000, 0x5802_44E0, 0x5802_44E8, 0x5802_44F0),
        "stm32l4": Family(0x4800_0000, 0x4002_104C, 0x4002_1058, 0x4002_1060),
    }
)
