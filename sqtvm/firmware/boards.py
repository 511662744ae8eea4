"""Boards: what a ``.toml`` file says of one, checked."""

from __future__ import annotations

import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sqtvm.errors import BoardError
from sqtvm.firmware.resources import boards_directory

Address = Annotated[int, Field(ge=0, lt=1 << 32)]
Positive = Annotated[int, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Text = Annotated[str, Field(min_length=1, pattern=r"^[^\r\n]*$")]
# Vendor and product, as ``lsusb`` writes them: ``0483:374b``.
UsbId = Annotated[str, Field(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Compiler(_Table):
    """What GCC is told of the core; prefix as in ``arm-none-eabi-``."""

    prefix: Text
    mcpu: Text
    float_abi: Literal["soft", "hard"]
    fpu: Text | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.float_abi == "hard") != (self.fpu is not None):
            raise ValueError('fpu is given exactly where float_abi is "hard"')
        return self


class Region(_Table):
    """One memory; origin is an address, size is in bytes. kind "flash" is whatever the image
    lies in, even where it is RAM that a loader fills."""

    name: Name
    kind: Literal["flash", "ram"]
    origin: Address
    size: Positive

    @property
    def end(self) -> int:
        return self.origin + self.size


class Placement(_Table):
    """Names of regions. For workspace, stack and data the fastest comes first; the first that
    has room is taken, in that order."""

    vectors: Name
    code: Name
    weights: Name
    workspace: Annotated[tuple[Name, ...], Field(min_length=1)]
    stack: Annotated[tuple[Name, ...], Field(min_length=1)]
    data: Annotated[tuple[Name, ...], Field(min_length=1)]


class Caches(_Table):
    """Bytes of the core's first-level caches; 0 where there is none."""

    instruction_bytes: Annotated[int, Field(ge=0)] = 0
    data_bytes: Annotated[int, Field(ge=0)] = 0


class Clock(_Table):
    """How the core comes to its clock; kind names the driver ``src/clock_KIND.c``, "fixed" is a
    core that already runs at it.

    oscillator_hz: of the external crystal, or of the external clock where bypass is true;
    vco_input_hz, vco_hz, pll_divider: of the main PLL; ahb divider is 1; wait_states: of the
    flash at full clock.
    """

    kind: Literal["fixed", "stm32f4", "stm32f7"]
    oscillator_hz: Positive | None = None
    bypass: bool = False
    vco_input_hz: Positive | None = None
    vco_hz: Positive | None = None
    pll_divider: Literal[2, 4, 6, 8] | None = None
    apb1_divider: Literal[1, 2, 4, 8, 16] = 1
    apb2_divider: Literal[1, 2, 4, 8, 16] = 1
    wait_states: Annotated[int, Field(ge=0, le=15)] = 0

    @model_validator(mode="after")
    def _check(self) -> Self:
        tree = (self.oscillator_hz, self.vco_input_hz, self.vco_hz, self.pll_divider)
        if self.kind == "fixed" and any(value is not None for value in tree):
            raise ValueError("a fixed clock has no PLL")
        if self.kind != "fixed":
            if self.oscillator_hz is None or self.vco_input_hz is None or self.vco_hz is None:
                raise ValueError(f"{self.kind} needs oscillator_hz, vco_input_hz and vco_hz")
            if self.pll_divider is None:
                raise ValueError(f"{self.kind} needs pll_divider")
            if self.oscillator_hz % self.vco_input_hz or self.vco_hz % self.vco_input_hz:
                raise ValueError("vco_input_hz must divide oscillator_hz and vco_hz")
        return self


class OutputPin(_Table):
    """A pin of an STM32: ``PA9`` is port A, pin 9."""

    pin: Annotated[str, Field(pattern=r"^P[A-K](\d|1[0-5])$")]

    @property
    def port(self) -> int:
        """0 for port A."""
        return ord(self.pin[1]) - ord("A")

    @property
    def number(self) -> int:
        return int(self.pin[2:])


class Pin(OutputPin):
    """A pin that a peripheral uses."""

    alternate_function: Annotated[int, Field(ge=0, le=15)]


class Uart(_Table):
    """kind names the driver ``src/uart_KIND.c``; clock_hz: what the baud rate is divided from;
    bus, enable_bit, tx, rx: on an STM32 only (the bus whose RCC enable register holds the bit)."""

    kind: Literal["cmsdk", "stm32-usart-v1", "stm32-usart-v2"]
    instance: Text
    base: Address
    clock_hz: Positive
    baud: Positive = 115200
    bus: Literal["apb1", "apb2"] | None = None
    enable_bit: Annotated[int, Field(ge=0, le=31)] | None = None
    tx: Pin | None = None
    rx: Pin | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        wiring = {"bus": self.bus, "enable_bit": self.enable_bit, "tx": self.tx, "rx": self.rx}
        given = [name for name, value in wiring.items() if value is not None]
        if self.kind.startswith("stm32") and len(given) < len(wiring):
            raise ValueError(f"{self.kind} needs {', '.join(wiring)}")
        if not self.kind.startswith("stm32") and given:
            raise ValueError(f"{self.kind} has no {given[0]}")
        return self


class Span(_Table):
    origin: Address
    size: Positive


class Emulator(_Table):
    """The emulated machine of the same core; the board's regions are laid out in its two
    memories, one after the other. cpu: only where it is not the machine's own."""

    program: Text
    machine: Text
    cpu: Text | None = None
    clock_hz: Positive
    flash: Span
    ram: Span
    uart: Uart


class FlashTool(_Table):
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


class Source(_Table):
    """Where figures of the file are from: a document, and the section of each figure."""

    document: Text
    figures: Text


class Board(_Table):
    """A board, with everything that building, emulating and flashing need to know.

    tvm_target: as TVM writes targets; clock_hz: of the core in full operation; stack_bytes:
    reserved for the stack; dsp: the core has the SIMD instructions of the DSP extension; usb: of
    what carries the serial port, a probe or the board itself; zephyr_board: Zephyr's name of it;
    timestamp: the pin that energy monitors watch.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    vendor: Text
    description: Text
    core: Literal["cortex-m3", "cortex-m4", "cortex-m7"]
    isa: Literal["armv7-m", "armv7e-m"]
    dsp: bool
    clock_hz: Positive
    tvm_target: Text
    cycle_counter: Literal["dwt"]
    stack_bytes: Annotated[int, Field(ge=512, multiple_of=8)]
    compiler: Compiler
    memory: Annotated[tuple[Region, ...], Field(min_length=2)]
    placement: Placement
    caches: Caches = Caches()
    clock: Clock
    uart: Uart
    emulator: Emulator
    flash_tools: tuple[FlashTool, ...] = ()
    usb: tuple[UsbId, ...] = ()
    zephyr_board: Text | None = None
    timestamp: OutputPin | None = None
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]

    def region(self, name: str) -> Region:
        """The memory of that name; KeyError where there is none."""
        return {region.name: region for region in self.memory}[name]

    @property
    def flash_bytes(self) -> int:
        return sum(region.size for region in self.memory if region.kind == "flash")

    @property
    def ram_bytes(self) -> int:
        return sum(region.size for region in self.memory if region.kind == "ram")

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_memory()
        self._check_placement()
        self._check_clock()
        for kind, span in (("flash", self.emulator.flash), ("ram", self.emulator.ram)):
            size = self.flash_bytes if kind == "flash" else self.ram_bytes
            if size > span.size:
                raise ValueError(
                    f"the emulator's {kind} of {span.size} bytes is too small for the board's "
                    f"{size} bytes"
                )
        return self

    def _check_memory(self) -> None:
        ordered = sorted(self.memory, key=lambda region: region.origin)
        for lower, upper in pairwise(ordered):
            if lower.end > upper.origin:
                raise ValueError(f"the memories {lower.name} and {upper.name} overlap")
        if len({region.name for region in self.memory}) < len(self.memory):
            raise ValueError("two memories have the same name")

    def _check_placement(self) -> None:
        kinds = {region.name: region.kind for region in self.memory}
        wanted = {
            "flash": (self.placement.vectors, self.placement.code, self.placement.weights),
            "ram": (*self.placement.workspace, *self.placement.stack, *self.placement.data),
        }
        for kind, names in wanted.items():
            for name in names:
                if kinds.get(name) != kind:
                    raise ValueError(f"placement names {name!r}, which is no memory of kind {kind}")

    def _check_clock(self) -> None:
        clock = self.clock
        if clock.vco_hz is None or clock.pll_divider is None:
            return
        if clock.vco_hz != self.clock_hz * clock.pll_divider:
            raise ValueError(
                f"the PLL gives {clock.vco_hz // clock.pll_divider} Hz, clock_hz is {self.clock_hz}"
            )
        divider = clock.apb1_divider if self.uart.bus == "apb1" else clock.apb2_divider
        if self.uart.bus is not None and self.uart.clock_hz * divider != self.clock_hz:
            raise ValueError(f"uart.clock_hz is not clock_hz divided by {divider}")


def board_names() -> tuple[str, ...]:
    """The boards that come with sqtvm, sorted."""
    return tuple(sorted(path.stem for path in boards_directory().glob("*.toml")))


def load_board(name_or_path: str | Path) -> Board:
    """The board of that name, or of a file anywhere (a path that ends with ``.toml``).

    Raises BoardError in one line that names the file, the key and what is wrong with it.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        if str(name_or_path) not in board_names():
            raise BoardError(
                f"there is no board {str(name_or_path)!r}",
                f"boards: {', '.join(board_names())}; or the path of a board file, NAME.toml",
            )
        path = boards_directory() / f"{name_or_path}.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return Board.model_validate(content)
    except OSError as error:
        raise BoardError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BoardError(f"{path}: is not TOML: {error}") from error
    except ValidationError as error:
        raise BoardError(_explain(path, error), "compare with the files in boards/") from error


def _explain(path: Path, error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{path}: there is no key {key!r} in a board file"
    if first["type"] == "missing":
        return f"{path}: the key {key!r} is missing"
    message = first["msg"].removeprefix("Value error, ")
    message = " ".join((message[:1].lower() + message[1:]).split())
    return f"{path}: {key}: {message}" if key else f"{path}: {message}"
