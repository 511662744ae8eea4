"""RCC, PWR and FLASH of the STM32L476 (RM0351) as far as the clock needs."""

from __future__ import annotations

from types import MappingProxyType

from tests.firmware.virtual.bus import Peripheral, Time
from tests.firmware.virtual.stm32_rcc import CR, START_CYCLES, ClockControl, Oscillator

_MSI_HZ, _HSI16_HZ = 4_000_000, 16_000_000
_HSION, _HSIRDY = 1 << 8, 1 << 10
CFGR, PLLCFGR, AHB2ENR, APB1ENR1 = 0x08, 0x0C, 0x4C, 0x58
_PLL, _PLLREN = 3, 1 << 24
_FASTEST_HZ, _VOLTAGE_RANGE_2_HZ, _HZ_PER_WAIT_STATE = 80_000_000, 26_000_000, 16_000_000


class Power(Peripheral):
    CR1, SR2, VOS, VOSF = 0x00, 0x14, 3 << 9, 1 << 10
    reset_values = MappingProxyType({CR1: 0x200, SR2: 0})

    def __init__(self, time: Time) -> None:
        self._time = time
        super().__init__("PWR")

    def reset(self) -> None:
        super().reset()
        self._settled_at = 0

    @property
    def range_1(self) -> bool:
        chosen = self.registers[self.CR1] & self.VOS == 1 << 9
        return chosen and self._time.cycles >= self._settled_at

    def read(self, offset: int) -> int:
        if offset == self.SR2:
            return 0 if self._time.cycles >= self._settled_at else self.VOSF
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == self.CR1 and (value ^ self.registers[offset]) & self.VOS:
            self._settled_at = self._time.cycles + START_CYCLES
        super().write(offset, value)


class FlashInterface(Peripheral):
    ACR = 0x00
    reset_values = MappingProxyType({ACR: 0x600})
    hz = 0

    @property
    def wait_states(self) -> int:
        return self.registers[self.ACR] & 7

    def write(self, offset: int, value: int) -> None:
        enough = self.hz <= ((value & 7) + 1) * _HZ_PER_WAIT_STATE
        self.require(enough, f"{value & 7} wait states at {self.hz} Hz")
        super().write(offset, value)


class Clock(ClockControl):
    """From MSI at 4 MHz to the PLL."""

    reset_values = MappingProxyType(
        {CR: 0x63, CFGR: 0, PLLCFGR: 0x1000, AHB2ENR: 0, APB1ENR1: 0, 0x48: 0x100, 0x60: 0}
    )
    enable_registers = (AHB2ENR, APB1ENR1, 0x60)

    def __init__(
        self, oscillator: Oscillator, power: Power, flash: FlashInterface, time: Time
    ) -> None:
        self._power = power
        self._flash = flash
        super().__init__(oscillator, time)

    def reset(self) -> None:
        super().reset()
        self._time.hz = _MSI_HZ

    @property
    def core_hz(self) -> int:
        return self._pll_hz() if self.registers[CFGR] & 3 == _PLL else _MSI_HZ

    def bus_hz(self, register: int) -> int:
        """Of APB1 or APB2, by the register that enables what is on it."""
        field = self.registers[CFGR] >> (8 if register == APB1ENR1 else 11) & 7
        return self.core_hz // (1 if field < 4 else (2, 4, 8, 16)[field - 4])

    def read(self, offset: int) -> int:
        value = super().read(offset)
        if offset == CR and value & _HSION and self.has_settled(_HSION):
            value |= _HSIRDY
        elif offset == CFGR:
            value = (value & ~12) | (value & 3) << 2
        return value

    def write(self, offset: int, value: int) -> None:
        changed = value ^ self.registers.get(offset, 0)
        if offset == CR and changed & value & _HSION:
            self.start(_HSION)
        if offset == PLLCFGR:
            self.require(not self.pll_on, "PLLCFGR is written while the PLL is on")
        super().write(offset, value)
        if offset == CFGR:
            self._check_configuration()
            self._time.hz = self._flash.hz = self.core_hz

    def check_pll(self) -> None:
        m, n, _ = self._dividers()
        self.require(8 <= n <= 86, f"PLLN is {n}")
        source = self.registers[PLLCFGR] & 3
        ready = {2: self.has_settled(_HSION), 3: self.hse_ready()}
        self.require(ready.get(source, False), "the PLL is started before its source is ready")
        vco_input_hz = self._source_hz() / m
        self.require(4e6 <= vco_input_hz <= 16e6, f"the PLL's input is {vco_input_hz:g} Hz")
        self.require(64e6 <= vco_input_hz * n <= 344e6, f"the VCO is at {vco_input_hz * n:g} Hz")

    def _check_configuration(self) -> None:
        if self.registers[CFGR] & 3 != _PLL:
            return
        self.require(self.pll_ready, "switched to the PLL before it is locked")
        self.require(bool(self.registers[PLLCFGR] & _PLLREN), "the PLL's output R is off")
        hz, waits = self.core_hz, self._flash.wait_states
        self.require(hz <= _FASTEST_HZ, f"the core is at {hz} Hz")
        self.require(self._power.range_1 or hz <= _VOLTAGE_RANGE_2_HZ, f"{hz} Hz in range 2")
        self.require(hz <= (waits + 1) * _HZ_PER_WAIT_STATE, f"{hz} Hz with {waits} wait states")

    def _dividers(self) -> tuple[int, int, int]:
        fields = self.registers[PLLCFGR]
        return (fields >> 4 & 7) + 1, fields >> 8 & 127, 2 * ((fields >> 25 & 3) + 1)

    def _source_hz(self) -> int:
        return self.oscillator.hz if self.registers[PLLCFGR] & 3 == 3 else _HSI16_HZ

    def _pll_hz(self) -> int:
        m, n, r = self._dividers()
        return self._source_hz() * n // (m * r)
