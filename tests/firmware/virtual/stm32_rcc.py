"""What RCC has in common in the families of the STM32: RCC_CR's bits of HSE and of the main PLL,
and registers that enable peripherals."""

from __future__ import annotations

from dataclasses import dataclass

from tests.firmware.virtual.bus import Peripheral, Time

# Oscillators, the PLL and the regulator need time; the figures only have to be more than none.
START_CYCLES = 1000

CR = 0x00
HSEON, HSERDY, HSEBYP = 1 << 16, 1 << 17, 1 << 18
PLLON, PLLRDY = 1 << 24, 1 << 25


@dataclass(frozen=True)
class Oscillator:
    """The external one: starts is False where there is none; bypass: it is a clock, no crystal."""

    hz: int
    bypass: bool
    starts: bool = True


class ClockControl(Peripheral):
    """enable_registers: by offset."""

    enable_registers: tuple[int, ...] = ()

    def __init__(self, oscillator: Oscillator, time: Time) -> None:
        self.oscillator = oscillator
        self._time = time
        super().__init__("RCC")

    def reset(self) -> None:
        super().reset()
        self._ready_at: dict[int, int] = {}
        self._just_enabled: tuple[int, int] = (0, 0)

    @property
    def pll_on(self) -> bool:
        return bool(self.registers[CR] & PLLON)

    @property
    def pll_ready(self) -> bool:
        return self.pll_on and self.has_settled(PLLON)

    def enabled(self, register: int, bit: int) -> bool:
        return bool(self.registers[register] >> bit & 1)

    def settled(self, register: int, bit: int) -> bool:
        """Whether anything was read since the peripheral's clock was switched on."""
        return self._just_enabled[0] != register or not self._just_enabled[1] >> bit & 1

    def hse_ready(self) -> bool:
        """A crystal does not start in bypass mode, nor an external clock without it."""
        wired = bool(self.registers[CR] & HSEBYP) == self.oscillator.bypass
        return self.oscillator.starts and wired and self.has_settled(HSEON)

    def has_settled(self, bit: int) -> bool:
        ready_at = self._ready_at.get(bit)
        return ready_at is not None and self._time.cycles >= ready_at

    def start(self, bit: int) -> None:
        self._ready_at[bit] = self._time.cycles + START_CYCLES

    def check_pll(self) -> None:
        """Where the PLL is switched on: raises where its settings are none."""
        raise NotImplementedError

    def read(self, offset: int) -> int:
        self._just_enabled = (0, 0)
        value = super().read(offset)
        if offset == CR:
            value &= ~(HSERDY | PLLRDY)
            value |= HSERDY if self.hse_ready() else 0
            value |= PLLRDY if self.pll_ready else 0
        return value

    def write(self, offset: int, value: int) -> None:
        changed = value ^ self.registers.get(offset, 0)
        if offset == CR:
            if changed & HSEBYP:
                self.require(not self.registers[CR] & HSEON, "HSEBYP is changed while HSE is on")
            if changed & value & HSEON:
                self.start(HSEON)
            if changed & value & PLLON:
                self.check_pll()
                self.start(PLLON)
        elif offset in self.enable_registers:
            self._just_enabled = (offset, value & changed)
        super().write(offset, value)
