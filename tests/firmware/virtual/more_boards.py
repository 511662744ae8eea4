"""Virtual boards of the STM32L476 and STM32H743."""

from __future__ import annotations

from unicorn.arm_const import UC_CPU_ARM_CORTEX_M4, UC_CPU_ARM_CORTEX_M7

from tests.firmware.virtual import stm32_io, stm32h7_clock, stm32l4_clock
from tests.firmware.virtual.board import KB, Part, VirtualStm32, Wiring
from tests.firmware.virtual.bus import Mapped
from tests.firmware.virtual.core import Memory
from tests.firmware.virtual.stm32_rcc import Oscillator

# RM0351 2.2 (memory map, flash aliased at 0); UM1724: 8 MHz from the ST-LINK, PA2 and PA3.
STM32L476_NUCLEO = Part(
    cpu=UC_CPU_ARM_CORTEX_M4,
    data_cache_bytes=0,
    memories=(
        Memory((0x0800_0000, 0x0000_0000), 1024 * KB, read_only=True),
        Memory((0x2000_0000,), 96 * KB),
        Memory((0x1000_0000,), 32 * KB),
    ),
    boot_address=0x0000_0000,
    limits=None,
    oscillator=Oscillator(8_000_000, bypass=True),
    usart_base=0x4000_4400,
    usart_registers=stm32_io.V2,
    usart_enable=(stm32l4_clock.APB1ENR1, 17),
    sends=Wiring(0, 2, 7),
    receives=Wiring(0, 3, 7),
)
# RM0433 2.3 (memory map); UM2407: 8 MHz from the ST-LINK, PD8 and PD9.
STM32H743_NUCLEO = Part(
    cpu=UC_CPU_ARM_CORTEX_M7,
    data_cache_bytes=16 * KB,
    memories=(
        Memory((0x0800_0000,), 2048 * KB, read_only=True),
        Memory((0x2000_0000,), 128 * KB),
        Memory((0x2400_0000,), 512 * KB),
        Memory((0x0000_0000,), 64 * KB),
    ),
    boot_address=0x0800_0000,
    limits=None,
    oscillator=Oscillator(8_000_000, bypass=True),
    usart_base=0x4000_4800,
    usart_registers=stm32_io.V2,
    usart_enable=(stm32h7_clock.APB1LENR, 18),
    sends=Wiring(3, 8, 7),
    receives=Wiring(3, 9, 7),
    ports=11,
)


class VirtualStm32L4(VirtualStm32):
    windows = ((0x4000_0000, 0x1_0000), (0x4002_0000, 0x1_0000), (0x4800_0000, 0x1_0000))
    gpio, gpio_enable = 0x4800_0000, stm32l4_clock.AHB2ENR

    def _build_clock(self, part: Part, oscillator: Oscillator) -> list[Mapped]:
        time = self.core.time
        self.power = stm32l4_clock.Power(time)
        self.flash = stm32l4_clock.FlashInterface("FLASH")
        self.clock = stm32l4_clock.Clock(oscillator, self.power, self.flash, time)
        return [
            self._enabled(0x4000_7000, self.power, stm32l4_clock.APB1ENR1, 28),
            Mapped(0x4002_1000, 0x400, self.clock),
            Mapped(0x4002_2000, 0x400, self.flash),
        ]


class VirtualStm32H7(VirtualStm32):
    windows = (
        (0x4000_0000, 0x1_0000),
        (0x5200_0000, 0x1_0000),
        (0x5800_0000, 0x1_0000),
        (0x5802_0000, 0x1_0000),
    )
    gpio, gpio_enable = 0x5802_0000, stm32h7_clock.AHB4ENR

    def _build_clock(self, part: Part, oscillator: Oscillator) -> list[Mapped]:
        time = self.core.time
        self.power = stm32h7_clock.Power(time)
        self.system = stm32h7_clock.SystemConfiguration(self.power)
        self.flash = stm32h7_clock.FlashInterface("FLASH")
        self.clock = stm32h7_clock.Clock(oscillator, self.power, self.system, self.flash, time)
        return [
            self._enabled(0x5800_0400, self.system, stm32h7_clock.APB4ENR, 1),
            Mapped(0x5802_4400, 0x400, self.clock),
            Mapped(0x5802_4800, 0x400, self.power),
            Mapped(0x5200_2000, 0x400, self.flash),
        ]
