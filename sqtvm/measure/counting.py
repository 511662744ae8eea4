"""Exact instruction counts: builds QEMU's counting plugin and reads the table that it writes."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

from sqtvm.errors import MeasurementError, ToolError

OUTSIDE = -1
LINE_BYTES = 32
_COMPILERS = ("cc", "gcc", "clang")
_COMPILE_SECONDS = 120
_INSTALL = "install a compiler with the C library's headers: apt-get install gcc libc6-dev"


@dataclass(frozen=True)
class Markers:
    """The no-operations that steer the counting: each instruction as it lies in memory, read as
    one little-endian number."""

    begin: int
    end: int
    layer_begin: int
    layer_end: int


# mov r9,r9; mov r12,r12; mov r10,r10; mov r11,r11
THUMB_MARKERS = Markers(begin=0x46C9, end=0x46E4, layer_begin=0x46D2, layer_end=0x46DB)
# mv s8,s8; mv s9,s9; mv s10,s10; mv s11,s11
RISCV_MARKERS = Markers(
    begin=0x000C0C13, end=0x000C8C93, layer_begin=0x000D0D13, layer_end=0x000D8D93
)


@dataclass(frozen=True)
class InstructionCount:
    """One instruction in one part of an inference.

    segment: the layers' position in execution order, OUTSIDE for what is in no layer; opcode: as
    in memory; executed: how often; jumped: how often the next instruction was elsewhere.
    """

    segment: int
    address: int
    opcode: bytes
    executed: int
    jumped: int


@dataclass(frozen=True)
class LineFills:
    """How often a line of a cache was filled: code, constants from flash, data from RAM."""

    code: int = 0
    flash: int = 0
    ram: int = 0

    def __add__(self, other: LineFills) -> LineFills:
        return LineFills(self.code + other.code, self.flash + other.flash, self.ram + other.ram)


NO_FILLS = LineFills()


@dataclass(frozen=True)
class CachedMemory:
    """First-level caches of 32-byte lines, and what lies behind them.

    code_cache, data_cache: ways and sets; flash, ram: first address and the one after the last,
    as the emulated machine has them; no ram where none is cached.
    """

    code_cache: tuple[int, int]
    data_cache: tuple[int, int]
    flash: tuple[int, int]
    ram: tuple[int, int] | None = None

    def arguments(self) -> tuple[str, ...]:
        """As the plugin takes them."""
        pairs = {
            "code_cache": self.code_cache,
            "data_cache": self.data_cache,
            "flash": self.flash,
            "ram": self.ram,
        }
        return tuple(
            f"{name}={pair[0]:x}:{pair[1]:x}" for name, pair in pairs.items() if pair is not None
        )


@dataclass(frozen=True)
class InferenceCounts:
    """Every instruction of one inference, by segment and address.

    layers: how many there were; fills: of the caches by segment, empty where none was followed.
    """

    counts: tuple[InstructionCount, ...]
    layers: int
    fills: Mapping[int, LineFills] = field(default_factory=dict)

    @property
    def instructions(self) -> int:
        return sum(count.executed for count in self.counts)

    def fills_of(self, segment: int) -> LineFills:
        return self.fills.get(segment, NO_FILLS)

    def segment(self, number: int) -> tuple[InstructionCount, ...]:
        return tuple(count for count in self.counts if count.segment == number)


class NoPluginError(ToolError):
    """The counting plugin cannot be built: there is no C compiler, or it lacks what it needs."""


def arguments(
    library: Path, table: Path, markers: Markers, memory: CachedMemory | None = None
) -> list[str]:
    """What QEMU is told so that it loads the plugin and the plugin writes ``table``.

    memory: where caches are to be followed too, which takes about twice the time.
    """
    options = ",".join(
        (
            f"begin={markers.begin:x}",
            f"end={markers.end:x}",
            f"layer_begin={markers.layer_begin:x}",
            f"layer_end={markers.layer_end:x}",
            *(() if memory is None else memory.arguments()),
        )
    )
    # QEMU ends an option at a comma; a doubled one stands for itself.
    out, file = (str(path).replace(",", ",,") for path in (table, library))
    return ["-plugin", f"file={file},{options},out={out}"]


def read_table(table: Path) -> InferenceCounts:
    """MeasurementError where the table is missing or cut off: the inference was not finished."""
    lines = table.read_text().splitlines() if table.exists() else []
    if not lines or not lines[-1].startswith("end\t"):
        raise MeasurementError(
            "the emulator counted no instructions: the firmware passed no inference's end",
            "build the firmware's emulated variant again with this version of sqtvm",
        )
    counts = []
    fills: dict[int, LineFills] = {}
    for line in lines[:-1]:
        segment, address, opcode, executed, jumped = line.split("\t")
        if segment == "fills":
            more = LineFills(int(opcode), int(executed), int(jumped))
            fills[int(address)] = fills.get(int(address), NO_FILLS) + more
            continue
        counts.append(
            InstructionCount(
                int(segment), int(address, 16), bytes.fromhex(opcode), int(executed), int(jumped)
            )
        )
    return InferenceCounts(tuple(counts), int(lines[-1].split("\t")[1]), fills)


def library(qemu: str, cache_folder: Path | None = None) -> Path:
    """The compiled plugin for the emulator ``qemu`` (a program's name or path).

    Compiled on first use and kept in the user's cache folder by source, QEMU's version and
    machine. Raises ToolError where there is no emulator, and NoPluginError.
    """
    sources = _sources()
    key = hashlib.sha256()
    for part in (*sources.values(), _version(qemu).encode(), platform.machine().encode()):
        key.update(hashlib.sha256(part).digest())
    folder = cache_folder if cache_folder is not None else _user_cache()
    destination = folder / f"count-{key.hexdigest()[:16]}.so"
    if not destination.exists():
        _compile(sources, destination)
    return destination


def _sources() -> Mapping[str, bytes]:
    """The plugin's files by name."""
    folder = resources.files("sqtvm.measure.plugin")
    files = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith((".c", ".h"))),
        key=lambda entry: entry.name,
    )
    return {entry.name: entry.read_bytes() for entry in files}


def _user_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sqtvm" / "plugin"


@cache
def _version(qemu: str) -> str:
    try:
        result = subprocess.run([qemu, "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(
            f"the emulator {qemu} cannot be run: {error}",
            "install it: apt-get install qemu-system-arm",
        ) from error
    return result.stdout


def _compile(sources: Mapping[str, bytes], destination: Path) -> None:
    compiler = next((found for name in _COMPILERS if (found := shutil.which(name))), None)
    if compiler is None:
        raise NoPluginError(
            "counting instructions needs a C compiler for this machine, and there is none", _INSTALL
        )
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".count-") as temporary:
        folder = Path(temporary)
        for name, content in sources.items():
            (folder / name).write_bytes(content)
        code = sorted(str(folder / name) for name in sources if name.endswith(".c"))
        built = folder / "count.so"
        command = [compiler, "-std=gnu11", "-O2", "-shared", "-fPIC", *code, "-o", str(built)]
        try:
            result = subprocess.run(
                command, capture_output=True, text=True, timeout=_COMPILE_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NoPluginError(f"{compiler} cannot be run: {error}", _INSTALL) from error
        if result.returncode != 0:
            lines = result.stderr.strip().splitlines() or ["no message"]
            # What went wrong, rather than where the compiler was when it did.
            first = next((line for line in lines if "error" in line), lines[0])
            raise NoPluginError(
                f"{compiler} could not compile the counting plugin: {first}", _INSTALL
            )
        os.replace(built, destination)
