"""Boards: what a ``.toml`` file says of one, checked."""

from __future__ import annotations

import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from sqtvm.errors import BoardError
from sqtvm.firmware.board_tables import (
    Caches,
    Clock,
    Compiler,
    Emulator,
    FlashTool,
    OutputPin,
    Placement,
    Positive,
    Power,
    Region,
    Source,
    Table,
    Text,
    Uart,
    UsbId,
)
from sqtvm.firmware.resources import boards_directory
from sqtvm.input_file import read_small

__all__ = ["Board", "FlashTool", "Region", "board_file", "board_names", "load_board"]


class Board(Table):
    """A board, with everything that building, emulating and flashing need to know.

    kernels: which loops the core can run (the DSP extension's, Helium's, or plain C);
    tvm_target: as TVM writes targets; clock_hz: of the core in full operation; stack_bytes:
    reserved for the stack; boot: what the chip's boot loader wants to find in the image; usb: of
    what carries the serial port, a probe or the board itself; zephyr_board: Zephyr's name of it;
    timestamp: the pin that energy monitors watch, high during an inference.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    vendor: Text
    description: Text
    core: Literal[
        "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "rv32"
    ]
    isa: Literal["armv6-m", "armv7-m", "armv7e-m", "armv8-m.main", "armv8.1-m.main", "rv32imac"]
    kernels: Literal["portable", "dsp", "helium"]
    clock_hz: Positive
    tvm_target: Text
    cycle_counter: Literal["dwt", "systick", "mcycle"]
    stack_bytes: Annotated[int, Field(ge=1024, multiple_of=256)]
    boot: Literal["vectors", "rp2040", "rp2350"] = "vectors"
    compiler: Compiler
    memory: Annotated[tuple[Region, ...], Field(min_length=2)]
    placement: Placement
    caches: Caches = Caches()
    clock: Clock
    uart: Uart
    emulator: Emulator
    power: Power | None = None
    flash_tools: tuple[FlashTool, ...] = ()
    usb: tuple[UsbId, ...] = ()
    zephyr_board: Text | None = None
    timestamp: OutputPin | None = None
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]

    def region(self, name: str) -> Region:
        """The memory of that name; KeyError where there is none."""
        return {region.name: region for region in self.memory}[name]

    # Not of the file's content, so it is not written with it.
    _file: Path | None = PrivateAttr(default=None)

    @property
    def file(self) -> Path | None:
        """Where it was read from; None for a board that was put together otherwise."""
        return self._file

    def __eq__(self, other: object) -> bool:
        """By content: where it was read from does not matter."""
        return isinstance(other, Board) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def architecture(self) -> Literal["cortex_m", "riscv"]:
        """As the template's files are named for it."""
        return "riscv" if self.isa.startswith("rv") else "cortex_m"

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
        self._check_timestamp()
        for kind, span in (("flash", self.emulator.flash), ("ram", self.emulator.ram)):
            size = self.flash_bytes if kind == "flash" else self.ram_bytes
            if span is not None and size > span.size:
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

    def _check_timestamp(self) -> None:
        family = self.uart.pin_family
        if self.timestamp is None:
            return
        if family is None:
            raise ValueError(f"timestamp: the firmware drives no pins beside a {self.uart.kind}")
        if not self.timestamp.belongs_to(family):
            pin = self.timestamp.pin
            raise ValueError(f"timestamp: a board with a {self.uart.kind} has no pin {pin}")

    def _check_clock(self) -> None:
        clock = self.clock
        if clock.vco_hz is None or clock.pll_divider is None:
            return
        if clock.vco_hz != self.clock_hz * clock.pll_divider:
            raise ValueError(
                f"the PLL gives {clock.vco_hz // clock.pll_divider} Hz, clock_hz is {self.clock_hz}"
            )
        apb_divider = clock.apb1_divider if self.uart.bus == "apb1" else clock.apb2_divider
        divider = clock.ahb_divider * apb_divider
        if self.uart.bus is not None and self.uart.clock_hz * divider != self.clock_hz:
            raise ValueError(f"uart.clock_hz is not clock_hz divided by {divider}")


def board_names() -> tuple[str, ...]:
    """The boards that come with sqtvm, sorted."""
    stems = (path.stem for path in boards_directory().glob("*.toml"))
    # NAME.cycles.toml is a board's calibrated cycle model.
    return tuple(sorted(stem for stem in stems if "." not in stem))


def board_file(name_or_path: str | Path) -> Path:
    """Where the file of a board lies; BoardError where there is no board of that name."""
    path = Path(name_or_path)
    if path.suffix == ".toml":
        return path
    if str(name_or_path) not in board_names():
        raise BoardError(
            f"there is no board {str(name_or_path)!r}",
            f"boards: {', '.join(board_names())}; or the path of a board file, NAME.toml",
        )
    return boards_directory() / f"{name_or_path}.toml"


def load_board(name_or_path: str | Path) -> Board:
    """The board of that name, or of a file anywhere (a path that ends with ``.toml``).

    Raises BoardError in one line that names the file, the key and what is wrong with it.
    """
    path = board_file(name_or_path)
    try:
        content = tomllib.loads(read_small(path).decode())
        board = Board.model_validate(content)
    except OSError as error:
        raise BoardError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BoardError(f"{path}: is not TOML: {error}") from error
    except ValidationError as error:
        raise BoardError(_explain(path, error), "compare with the files in boards/") from error
    board._file = path
    return board


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
