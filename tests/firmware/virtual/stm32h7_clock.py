"""RCC, PWR, SYSCFG and FLASH of the STM32H743, revision V (RM0433), as far as the clock needs."""

from __future__ import annotations

from types import MappingProxyType

from tests.firmware.virtual.bus import Peripheral, Time
from tests.firmware.virtual.stm32_rcc import CR, START_CYCLES, ClockControl, Oscillator

_HSI_HZ = 64_000_000
_HSION, _HSIRDY = 1 << 0, 1 << 2
CFGR, D1CFGR, D2CFGR, D3CFGR = 0x10, 0x18, 0x1C, 0x20
PLLCKSELR, PLLCFGR, PLL1DIVR = 0x28, 0x2C, 0x30
AHB4ENR, APB1LENR, APB2ENR, APB4ENR = 0xE0, 0xE8, 0xF0, 0xF4
_PLL1, _DIVP1EN = 3, 1 << 16
# Hz of the AXI bus, by wait states, in VOS0; of the core in VOS0 and VOS1; of every APB in VOS0.
_AXI_HZ = (70_000_000, 140_000_000, 210_000_000, 225_000_000, 240_000_000)
_VOS0_HZ, _VOS1_HZ, _APB_HZ = 480_000_000, 400_000_000, 120_000_000
# By PLL1RGE: the range of the PLL's input.
_INPUT_HZ = ((1e6, 2e6), (2e6, 4e6), (4e6, 8e6), (8e6, 16e6))


class Power(Peripheral):
    """CR3 takes one write; until then nothing else of the regulator can be changed."""

    CSR1, CR3, D3CR = 0x04, 0x0C, 0x18
    ACTVOSRDY, LDOEN, VOSRDY, SCALE_1 = 1 << 13, 1 << 1, 1 << 13, 3 << 14
    reset_values = MappingProxyType({CSR1: 0, CR3: 6, D3CR: 0x4000})

    def __init__(self, time: Time) -> None:
        self._time = time
        super().__init__("PWR")

    def reset(self) -> None:
        super().reset()
        self._supply_at: int | None = None
        self._scaled_at = 0

    @property
    def scale_1(self) -> bool:
        chosen = self.registers[self.D3CR] & self.SCALE_1 == self.SCALE_1
        return chosen and self._time.cycles >= self._scaled_at

    def read(self, offset: int) -> int:
        value = super().read(offset)
        if offset == self.CSR1:
            return self.ACTVOSRDY if self._supplied() else 0
        if offset == self.D3CR:
            return value | (self.VOSRDY if self._time.cycles >= self._scaled_at else 0)
        return value

    def write(self, offset: int, value: int) -> None:
        if offset == self.CR3:
            if self._supply_at is not None:
                return
            self.require(value & 7 == self.LDOEN, "the board has the linear regulator only")
            self._supply_at = self._time.cycles + START_CYCLES
        elif offset == self.D3CR:
            self.require(self._supplied(), "the voltage is scaled before the supply is chosen")
            self.rescale()
            value &= ~self.VOSRDY
        super().write(offset, value)

    def rescale(self) -> None:
        self._scaled_at = self._time.cycles + START_CYCLES

    def _supplied(self) -> bool:
        return self._supply_at is not None and self._time.cycles >= self._supply_at


class SystemConfiguration(Peripheral):
    PWRCR, ODEN = 0x2C, 1
    reset_values = MappingProxyType({PWRCR: 0})

    def __init__(self, power: Power) -> None:
        self._power = power
        super().__init__("SYSCFG")

    @property
    def over_drive(self) -> bool:
        return bool(self.registers[self.PWRCR] & self.ODEN)

    def write(self, offset: int, value: int) -> None:
        if offset == self.PWRCR and value & self.ODEN and not self.over_drive:
            self.require(self._power.scale_1, "over-drive is switched on before scale 1 is ready")
            self._power.rescale()
        super().write(offset, value)


class FlashInterface(Peripheral):
    ACR = 0x00
    reset_values = MappingProxyType({ACR: 0x37})

    @property
    def wait_states(self) -> int:
        return self.registers[self.ACR] & 15

    @property
    def programming_delay(self) -> int:
        return self.registers[self.ACR] >> 4 & 3


class Clock(ClockControl):
    """From HSI to PLL1."""

    reset_values = MappingProxyType(
        {
            CR: 0x25, CFGR: 0, D1CFGR: 0, D2CFGR: 0, D3CFGR: 0,
            PLLCKSELR: 0x02020200, PLLCFGR: 0x01FF0000, PLL1DIVR: 0x01010280,
            AHB4ENR: 0, APB1LENR: 0, APB2ENR: 0, APB4ENR: 0x00010000,
        }
    )  # fmt: skip
    enable_registers = (AHB4ENR, APB1LENR, APB2ENR, APB4ENR)

    def __init__(
        self,
        oscillator: Oscillator,
        power: Power,
        system: SystemConfiguration,
        flash: FlashInterface,
        time: Time,
    ) -> None:
        self._power = power
        self._system = system
        self._flash = flash
        super().__init__(oscillator, time)

    def reset(self) -> None:
        super().reset()
        self._time.hz = _HSI_HZ

    @property
    def core_hz(self) -> int:
        on_pll = self.registers[CFGR] & 7 == _PLL1
        hz = self._vco_hz() // ((self.registers[PLL1DIVR] >> 9 & 127) + 1) if on_pll else _HSI_HZ
        return hz // _ahb_divider(self.registers[D1CFGR] >> 8)

    @property
    def axi_hz(self) -> int:
        return self.core_hz // _ahb_divider(self.registers[D1CFGR])

    def bus_hz(self, register: int) -> int:
        """Of APB1 or APB2, by the register that enables what is on it."""
        shift = 4 if register == APB1LENR else 8
        return self.axi_hz // _apb_divider(self.registers[D2CFGR] >> shift)

    def read(self, offset: int) -> int:
        value = super().read(offset)
        return (value & ~0x38) | (value & 7) << 3 if offset == CFGR else value

    def write(self, offset: int, value: int) -> None:
        if offset == CR:
            self.require(bool(value & _HSION), "HSI is switched off")
        elif offset in (PLLCKSELR, PLLCFGR, PLL1DIVR):
            self.require(not self.pll_on, "the PLL is set while it is on")
        super().write(offset, value)
        if offset in (CFGR, D1CFGR, D2CFGR, D3CFGR):
            self._check_configuration()
            self._time.hz = self.core_hz

    def check_pll(self) -> None:
        source = self.registers[PLLCKSELR] & 3
        ready = source == 0 or (source == 2 and self.hse_ready())
        self.require(ready, "the PLL is started before its source is ready")
        fields = self.registers[PLLCFGR]
        low, high = _INPUT_HZ[fields >> 2 & 3]
        self.require(low <= self._input_hz() <= high, f"PLL1RGE for {self._input_hz()} Hz")
        self.require(not fields & 2, "the VCO's range is not the wide one")
        self.require(192e6 <= self._vco_hz() <= 960e6, f"the VCO is at {self._vco_hz()} Hz")
        self.require(bool(fields & _DIVP1EN), "the PLL's output P is off")
        divider = (self.registers[PLL1DIVR] >> 9 & 127) + 1
        self.require(divider == 1 or divider % 2 == 0, f"DIVP1 is {divider}")

    def _check_configuration(self) -> None:
        if self.registers[CFGR] & 7 != _PLL1:
            return
        self.require(self.pll_ready, "switched to the PLL before it is locked")
        self.require(self._power.scale_1, "full clock in a lower voltage scale")
        over = self._system.over_drive
        limit = _VOS0_HZ if over else _VOS1_HZ
        self.require(self.core_hz <= limit, f"{self.core_hz} Hz, over-drive is {over}")
        waits = self._flash.wait_states
        self.require(
            waits >= len(_AXI_HZ) or self.axi_hz <= _AXI_HZ[waits],
            f"{self.axi_hz} Hz with {waits} wait states",
        )
        for register, shift in ((D1CFGR, 4), (D2CFGR, 4), (D2CFGR, 8), (D3CFGR, 4)):
            hz = self.axi_hz // _apb_divider(self.registers[register] >> shift)
            self.require(hz <= _APB_HZ, f"an APB is at {hz} Hz")

    def _input_hz(self) -> int:
        fields = self.registers[PLLCKSELR]
        hz = self.oscillator.hz if fields & 3 == 2 else _HSI_HZ
        return hz // (fields >> 4 & 63)

    def _vco_hz(self) -> int:
        return self._input_hz() * ((self.registers[PLL1DIVR] & 511) + 1)


def _ahb_divider(field: int) -> int:
    return 1 if field & 15 < 8 else (2, 4, 8, 16, 64, 128, 256, 512)[(field & 15) - 8]


def _apb_divider(field: int) -> int:
    return 1 if field & 7 < 4 else (2, 4, 8, 16)[(field & 7) - 4]
