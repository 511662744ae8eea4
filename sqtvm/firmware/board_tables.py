"""The tables of a board file, each checked by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sqtvm.firmware.baud import MOST_DEVIATION, actual_baud

Address = Annotated[int, Field(ge=0, lt=1 << 32)]
Positive = Annotated[int, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Text = Annotated[str, Field(min_length=1, pattern=r"^[^\r\n]*$")]
# Vendor and product, as ``lsusb`` writes them: ``0483:374b``.
UsbId = Annotated[str, Field(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}$")]
Divider = Literal[1, 2, 4, 8, 16]


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Compiler(Table):
    """What GCC is told of the core; prefix as in ``arm-none-eabi-``; mcpu, float_abi, fpu: on Arm;
    march, mabi: on RISC-V; specs: the C library's, where it is not the compiler's own."""

    prefix: Text
    mcpu: Text | None = None
    float_abi: Literal["soft", "hard"] | None = None
    fpu: Text | None = None
    march: Text | None = None
    mabi: Text | None = None
    specs: Text | None = None

    @property
    def flags(self) -> tuple[str, ...]:
        """For compiling and for linking."""
        named = {
            "-mcpu": self.mcpu,
            "-march": self.march,
            "-mabi": self.mabi,
            "-mfloat-abi": self.float_abi,
            "-mfpu": self.fpu,
            "--specs": self.specs,
        }
        flags = [f"{flag}={value}" for flag, value in named.items() if value is not None]
        if self.mcpu is not None:
            return (*flags, "-mthumb")
        # Small data would need a global pointer, which our start does not set; of the ISA's
        # versions, the one in which control registers belong to the base, as in march.
        return (*flags, "-misa-spec=2.2", "-msmall-data-limit=0")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.mcpu is None:
            if self.march is None or self.mabi is None:
                raise ValueError("needs mcpu and float_abi, or march and mabi")
            if self.float_abi is not None or self.fpu is not None:
                raise ValueError("float_abi and fpu belong to mcpu")
        elif self.float_abi is None or self.march is not None or self.mabi is not None:
            raise ValueError("needs float_abi beside mcpu, and neither march nor mabi")
        elif (self.float_abi == "hard") != (self.fpu is not None):
            raise ValueError('fpu is given exactly where float_abi is "hard"')
        return self


class Region(Table):
    """One memory; origin is an address, size is in bytes. kind "flash" is whatever the image
    lies in, even where it is RAM that a loader fills; "code-ram" can hold code only by copying,
    which the firmware does not do, so nothing is placed there."""

    name: Name
    kind: Literal["flash", "ram", "code-ram"]
    origin: Address
    size: Positive

    @property
    def end(self) -> int:
        return self.origin + self.size


class Placement(Table):
    """Names of regions. For workspace, stack and data the fastest comes first; the first that
    has room is taken, in that order."""

    vectors: Name
    code: Name
    weights: Name
    workspace: Annotated[tuple[Name, ...], Field(min_length=1)]
    stack: Annotated[tuple[Name, ...], Field(min_length=1)]
    data: Annotated[tuple[Name, ...], Field(min_length=1)]


class Caches(Table):
    """Bytes of the core's first-level caches; 0 where there is none."""

    instruction_bytes: Annotated[int, Field(ge=0)] = 0
    data_bytes: Annotated[int, Field(ge=0)] = 0


# The divisions of a PLL's output that each family has.
_PLL_DIVIDERS = {
    "stm32f4": frozenset((2, 4, 6, 8)),
    "stm32f7": frozenset((2, 4, 6, 8)),
    "stm32h7": frozenset((1, *range(2, 129, 2))),
    "stm32l4": frozenset((2, 4, 6, 8)),
    "rp2": frozenset((4, 5, 6, 8, 10, 12, 16, 18, 20, 24, 30, 36)),
}


class Clock(Table):
    """How the core comes to its clock; kind names the driver ``src/clock_KIND.c``, "fixed" is a
    core that already runs at it.

    oscillator_hz: of the external crystal, or of the external clock where bypass is true;
    vco_input_hz, vco_hz, pll_divider: of the PLL that the core runs from; ahb_divider: from the
    core's clock to the bus; apb1_divider, apb2_divider: from there; wait_states: of the flash at
    full clock.
    """

    kind: Literal["fixed", "stm32f4", "stm32f7", "stm32h7", "stm32l4", "nrf52", "rp2"]
    oscillator_hz: Positive | None = None
    bypass: bool = False
    vco_input_hz: Positive | None = None
    vco_hz: Positive | None = None
    pll_divider: Positive | None = None
    ahb_divider: Divider = 1
    apb1_divider: Divider = 1
    apb2_divider: Divider = 1
    wait_states: Annotated[int, Field(ge=0, le=15)] = 0

    @model_validator(mode="after")
    def _check(self) -> Self:
        tree = (self.vco_input_hz, self.vco_hz, self.pll_divider)
        if self.kind not in _PLL_DIVIDERS:
            if any(value is not None for value in tree):
                raise ValueError(f"a {self.kind} clock has no PLL")
            return self
        if self.oscillator_hz is None or self.vco_input_hz is None or self.vco_hz is None:
            raise ValueError(f"{self.kind} needs oscillator_hz, vco_input_hz and vco_hz")
        if self.pll_divider is None:
            raise ValueError(f"{self.kind} needs pll_divider")
        if self.pll_divider not in _PLL_DIVIDERS[self.kind]:
            raise ValueError(f"{self.kind} cannot divide by a pll_divider of {self.pll_divider}")
        if self.oscillator_hz % self.vco_input_hz or self.vco_hz % self.vco_input_hz:
            raise ValueError("vco_input_hz must divide oscillator_hz and vco_hz")
        return self


_PIN_PATTERNS = {
    "stm32": re.compile(r"P(?P<port>[A-K])(?P<number>\d|1[0-5])"),
    "nrf": re.compile(r"P(?P<port>[01])\.(?P<number>\d\d)"),
    "rp2": re.compile(r"GP(?P<port>)(?P<number>\d\d?)"),
}


PinFamily: TypeAlias = Literal["stm32", "nrf", "rp2"]


class OutputPin(Table):
    """A pin as the vendor writes it: ``PA9`` (port A, pin 9), ``P0.06``, ``GP0``."""

    pin: Annotated[str, Field(pattern=r"^(P[A-K](\d|1[0-5])|P[01]\.\d\d|GP\d\d?)$")]

    @property
    def port(self) -> int:
        """0 for port A."""
        letter = self._match()["port"]
        return 0 if not letter else int(letter) if letter.isdigit() else ord(letter) - ord("A")

    @property
    def number(self) -> int:
        return int(self._match()["number"])

    def belongs_to(self, family: PinFamily) -> bool:
        return _PIN_PATTERNS[family].fullmatch(self.pin) is not None

    def _match(self) -> re.Match[str]:
        found = (pattern.fullmatch(self.pin) for pattern in _PIN_PATTERNS.values())
        return next(match for match in found if match is not None)


class Pin(OutputPin):
    """A pin that a UART uses; alternate_function: the number by which the pin is given to the
    UART, where it needs one."""

    alternate_function: Annotated[int, Field(ge=0, le=15)] | None = None


class Uart(Table):
    """kind names the driver ``src/uart_KIND.c``; clock_hz: what the baud rate is divided from;
    bus, enable_bit: where RCC enables it on an STM32 (enable_bit alone: its bit of RESETS on an
    RP2040 or RP2350); tx, rx: where the chip lets one choose."""

    kind: Literal["cmsdk", "ns16550", "nrf-uart", "rp2-uart", "stm32-usart-v1", "stm32-usart-v2"]
    instance: Text
    base: Address
    clock_hz: Positive
    baud: Positive = 115200
    bus: Literal["apb1", "apb2"] | None = None
    enable_bit: Annotated[int, Field(ge=0, le=31)] | None = None
    tx: Pin | None = None
    rx: Pin | None = None

    @property
    def pin_family(self) -> PinFamily | None:
        """Whose pins the chip has that this UART is of; None where there are none to choose."""
        families: Mapping[str, PinFamily] = {"stm32": "stm32", "nrf": "nrf", "rp2": "rp2"}
        return families.get(self.kind.partition("-")[0])

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_wiring()
        actual = actual_baud(self.kind, self.clock_hz, self.baud)
        if actual is None:
            raise ValueError(f"{self.kind} cannot speak {self.baud} baud at {self.clock_hz} Hz")
        if abs(actual / self.baud - 1) > MOST_DEVIATION:
            raise ValueError(f"{self.baud} baud would be {actual:.0f} at {self.clock_hz} Hz")
        return self

    def _check_wiring(self) -> None:
        family = self.pin_family
        needed = {
            None: (),
            "stm32": ("bus", "enable_bit", "tx", "rx"),
            "nrf": ("tx", "rx"),
            "rp2": ("enable_bit", "tx", "rx"),
        }[family]
        given = [
            name for name in ("bus", "enable_bit", "tx", "rx") if getattr(self, name) is not None
        ]
        if set(needed) - set(given):
            raise ValueError(f"{self.kind} needs {', '.join(needed)}")
        for name in given:
            if name not in needed:
                raise ValueError(f"{self.kind} has no {name}")
        for pin in (self.tx, self.rx):
            if pin is not None and family is not None and not pin.belongs_to(family):
                raise ValueError(f"{self.kind} has no pin {pin.pin}")
            if pin is not None and (pin.alternate_function is None) != (family == "nrf"):
                raise ValueError(
                    f"{pin.pin} {'has no' if family == 'nrf' else 'needs its'} function"
                )


class Span(Table):
    origin: Address
    size: Positive


class Emulator(Table):
    """The emulated machine of the same core. Where flash, ram and uart are given, the board's
    memories are laid out in these two, one after the other; where they are not, the machine is
    the board itself. cpu: only where it is not the machine's own; options: further arguments."""

    program: Literal["qemu-system-arm", "qemu-system-riscv32"]
    machine: Text
    cpu: Text | None = None
    options: tuple[Text, ...] = ()
    clock_hz: Positive
    cycle_counter: Literal["dwt", "cmsdk-timer", "mcycle"] = "dwt"
    flash: Span | None = None
    ram: Span | None = None
    uart: Uart | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = [part is not None for part in (self.flash, self.ram, self.uart)]
        if any(given) != all(given):
            raise ValueError("flash, ram and uart are given together, or none of them")
        return self


class RunCurrent(Table):
    """One line of a datasheet's table: typical milliamperes while the core computes at clock_hz
    with its code in ``memory``, the name of a region; peripherals are off."""

    clock_hz: Positive
    memory: Name
    milliamperes: Annotated[float, Field(gt=0)]


class Power(Table):
    """What the chip draws; conditions: what the document says of how that was measured."""

    supply_volts: Annotated[float, Field(gt=0)]
    run: Annotated[tuple[RunCurrent, ...], Field(min_length=1)]
    conditions: Text

    def run_milliamperes(self, clock_hz: int, memory: str) -> float:
        """By the lines of that memory, or by all where it has none: between two clocks in
        proportion, and beyond the first and the last as the clock itself."""
        named = [line for line in self.run if line.memory == memory] or list(self.run)
        lines = sorted(named, key=lambda line: line.clock_hz)
        below = [line for line in lines if line.clock_hz <= clock_hz]
        above = [line for line in lines if line.clock_hz >= clock_hz]
        if below and above:
            low, high = below[-1], above[0]
            share = (clock_hz - low.clock_hz) / max(high.clock_hz - low.clock_hz, 1)
            return low.milliamperes + share * (high.milliamperes - low.milliamperes)
        nearest = below[-1] if below else above[0]
        return nearest.milliamperes * clock_hz / nearest.clock_hz

    def knows(self, clock_hz: int, memory: str) -> bool:
        """Whether a line is of just that."""
        return any(line.clock_hz == clock_hz and line.memory == memory for line in self.run)


class FlashTool(Table):
    """A way to write the image to the board.

    config: OpenOCD's board file; target: pyOCD's name of the part; volume, family: the label of
    the drive that the boot loader shows and the UF2 family that it accepts.
    """

    kind: Literal["openocd", "st-flash", "pyocd", "picotool", "uf2"]
    config: Text | None = None
    target: Text | None = None
    volume: Text | None = None
    family: Address | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        own = {"openocd": ("config",), "pyocd": ("target",), "uf2": ("volume", "family")}
        for key in ("config", "target", "volume", "family"):
            given, wanted = getattr(self, key) is not None, key in own.get(self.kind, ())
            if given != wanted:
                raise ValueError(f"{self.kind} {'needs' if wanted else 'has no'} {key}")
        return self


class Source(Table):
    """Where figures of the file are from: a document, and the section of each figure."""

    document: Text
    figures: Text
