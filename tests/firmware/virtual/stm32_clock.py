"""RCC, PWR and FLASH of the STM32F746 (RM0385) and STM32F446 (RM0390) as far as the clock needs.

Both have the same registers here. The limits are those of a supply of 2.7 to 3.6 V.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from tests.firmware.virtual.bus import Peripheral, Time
from tests.firmware.virtual.stm32_rcc import CR, START_CYCLES, ClockControl, Oscillator

_HSI_HZ = 16_000_000

PLLCFGR, CFGR = 0x04, 0x08
AHB1ENR, APB1ENR, APB2ENR = 0x30, 0x40, 0x44
HSION, HSIRDY = 1 << 0, 1 << 1
HSI, HSE, PLL = 0, 1, 2


@dataclass(frozen=True)
class Limits:
    """Hz, in voltage scale 1; over_drive_hz: of the core with over-drive, plain_hz: without."""

    plain_hz: int
    over_drive_hz: int
    apb1_hz: int
    apb2_hz: int
    hz_per_wait_state: int
    # Bits of PLLCFGR that the manual wants kept at their reset value.
    pllcfgr_reserved: int


STM32F746 = Limits(180_000_000, 216_000_000, 54_000_000, 108_000_000, 30_000_000, 0xF0BC8000)
STM32F446 = Limits(168_000_000, 180_000_000, 45_000_000, 90_000_000, 30_000_000, 0x80BC8000)


class Power(Peripheral):
    """PWR_CR1 and PWR_CSR1 of the F7, PWR_CR and PWR_CSR of the F4."""

    CR, CSR = 0x00, 0x04
    VOS, ODEN, ODSWEN = 3 << 14, 1 << 16, 1 << 17
    VOSRDY, ODRDY, ODSWRDY = 1 << 14, 1 << 16, 1 << 17
    reset_values = MappingProxyType({CR: 0xC000, CSR: 0})

    def __init__(self, time: Time) -> None:
        self._time = time
        self.clock: Clock | None = None
        super().__init__("PWR")

    def reset(self) -> None:
        super().reset()
        self._ready_at: dict[int, int] = {}

    @property
    def over_drive(self) -> bool:
        return bool(self.registers[self.CR] & self.ODSWEN) and self._has_settled(self.ODSWEN)

    @property
    def scale_1(self) -> bool:
        return self.registers[self.CR] & self.VOS == self.VOS

    def read(self, offset: int) -> int:
        if offset == self.CSR:
            assert self.clock is not None
            ready = self.VOSRDY if self.clock.pll_ready else 0
            ready |= self.ODRDY if self._has_settled(self.ODEN) else 0
            return ready | (self.ODSWRDY if self._has_settled(self.ODSWEN) else 0)
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == self.CR:
            self._write_control(value, value ^ self.registers[self.CR])
        super().write(offset, value)

    def _write_control(self, value: int, changed: int) -> None:
        assert self.clock is not None
        if changed & self.VOS:
            self.require(not self.clock.pll_on, "VOS is written while the PLL is on")
        if changed & (self.ODEN | self.ODSWEN):
            self.require(
                self.clock.source != PLL, "over-drive is switched while the PLL is the clock"
            )
        if changed & value & self.ODEN:
            self._ready_at[self.ODEN] = self._time.cycles + START_CYCLES
        if changed & value & self.ODSWEN:
            self.require(self._has_settled(self.ODEN), "ODSWEN is set before ODRDY")
            self._ready_at[self.ODSWEN] = self._time.cycles + START_CYCLES

    def _has_settled(self, bit: int) -> bool:
        ready_at = self._ready_at.get(bit)
        return ready_at is not None and self._time.cycles >= ready_at


class FlashInterface(Peripheral):
    ACR = 0x00
    ARTEN, ARTRST = 1 << 9, 1 << 11
    reset_values = MappingProxyType({ACR: 0})

    def __init__(self, limits: Limits, has_art: bool) -> None:
        self._limits = limits
        self._has_art = has_art
        self.clock: Clock | None = None
        super().__init__("FLASH")

    @property
    def wait_states(self) -> int:
        return self.registers[self.ACR] & 15

    def enough(self, hz: int, wait_states: int) -> bool:
        return hz <= (wait_states + 1) * self._limits.hz_per_wait_state

    def write(self, offset: int, value: int) -> None:
        assert self.clock is not None
        self.require(
            self.enough(self.clock.core_hz, value & 15),
            f"{value & 15} wait states at {self.clock.core_hz} Hz",
        )
        if self._has_art and value & self.ARTRST:
            self.require(not value & self.ARTEN, "the accelerator is reset while it is on")
        super().write(offset, value)


class Clock(ClockControl):
    """RCC: oscillators, PLL, prescalers and the enable bits of peripherals."""

    reset_values = MappingProxyType(
        {
            CR: 0x83,
            PLLCFGR: 0x24003010,
            CFGR: 0,
            AHB1ENR: 0x00100000,
            APB1ENR: 0,
            APB2ENR: 0,
        }
    )
    enable_registers = (AHB1ENR, APB1ENR, APB2ENR)

    def __init__(
        self,
        limits: Limits,
        oscillator: Oscillator,
        power: Power,
        flash: FlashInterface,
        time: Time,
    ) -> None:
        self._limits = limits
        self._power = power
        self._flash = flash
        power.clock = flash.clock = self
        super().__init__(oscillator, time)

    def reset(self) -> None:
        super().reset()
        self._time.hz = _HSI_HZ

    @property
    def source(self) -> int:
        return self.registers[CFGR] & 3

    @property
    def system_hz(self) -> int:
        return (_HSI_HZ, self.oscillator.hz, self._pll_hz())[self.source]

    @property
    def core_hz(self) -> int:
        field = (self.registers[CFGR] >> 4) & 15
        divider = 1 if field < 8 else (2, 4, 8, 16, 64, 128, 256, 512)[field - 8]
        return self.system_hz // divider

    @property
    def apb1_hz(self) -> int:
        return self.core_hz // self._divider(10)

    @property
    def apb2_hz(self) -> int:
        return self.core_hz // self._divider(13)

    def bus_hz(self, register: int) -> int:
        """Of APB1 or APB2, by the register that enables what is on it."""
        return self.apb1_hz if register == APB1ENR else self.apb2_hz

    def read(self, offset: int) -> int:
        value = super().read(offset)
        if offset == CFGR:
            value = (value & ~12) | (self.source << 2)
        return value

    def write(self, offset: int, value: int) -> None:
        changed = value ^ self.registers.get(offset, 0)
        if offset == CR:
            self.require(bool(value & HSION), "HSI is switched off")
        elif offset == PLLCFGR:
            self.require(not self.pll_on, "PLLCFGR is written while the PLL is on")
            self.require(
                not changed & self._limits.pllcfgr_reserved, "PLLCFGR's reserved bits are changed"
            )
        super().write(offset, value)
        if offset == CFGR:
            self._check_configuration()
            self._time.hz = self.core_hz

    def check_pll(self) -> None:
        fields = self.registers[PLLCFGR]
        if fields >> 22 & 1:
            self.require(self.hse_ready(), "the PLL is started from HSE before it is ready")
        m, n, q = fields & 63, fields >> 6 & 511, fields >> 24 & 15
        self.require(2 <= m <= 63 and 50 <= n <= 432 and 2 <= q <= 15, "a divider out of range")
        vco_input_hz = self._pll_input_hz() / m
        self.require(1e6 <= vco_input_hz <= 2e6, f"the PLL's input is {vco_input_hz:g} Hz")
        self.require(100e6 <= vco_input_hz * n <= 432e6, f"the VCO is at {vco_input_hz * n:g} Hz")
        self.require(vco_input_hz * n / q <= 48e6, "the 48 MHz clock is above 48 MHz")

    def _check_configuration(self) -> None:
        self.require(self.source in (HSI, HSE, PLL), "the clock's source is none")
        if self.source == HSE:
            self.require(self.hse_ready(), "switched to HSE before it is ready")
        if self.source == PLL:
            self.require(self.pll_ready, "switched to the PLL before it is locked")
            self.require(self._power.scale_1, "full clock in a lower voltage scale")
        limit = self._limits.over_drive_hz if self._power.over_drive else self._limits.plain_hz
        self.require(
            self.core_hz <= limit,
            f"{self.core_hz} Hz, over-drive is {'on' if self._power.over_drive else 'off'}",
        )
        waits = self._flash.wait_states
        self.require(
            self._flash.enough(self.core_hz, waits), f"{self.core_hz} Hz with {waits} wait states"
        )
        self.require(self.apb1_hz <= self._limits.apb1_hz, f"APB1 is at {self.apb1_hz} Hz")
        self.require(self.apb2_hz <= self._limits.apb2_hz, f"APB2 is at {self.apb2_hz} Hz")

    def _divider(self, shift: int) -> int:
        field = self.registers[CFGR] >> shift & 7
        return 1 if field < 4 else (2, 4, 8, 16)[field - 4]

    def _pll_input_hz(self) -> int:
        return self.oscillator.hz if self.registers[PLLCFGR] >> 22 & 1 else _HSI_HZ

    def _pll_hz(self) -> int:
        fields = self.registers[PLLCFGR]
        n, p = fields >> 6 & 511, 2 * ((fields >> 16 & 3) + 1)
        return self._pll_input_hz() * n // ((fields & 63) * p)
