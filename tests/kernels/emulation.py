"""Runs a program of cases on a core in the emulator."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.kernels.program import HERE, build


@dataclass(frozen=True)
class Core:
    """flash, ram: where they begin on QEMU's machine."""

    machine: str
    flags: tuple[str, ...]
    flash: int = 0
    ram: int = 0x20000000
    compiler: tuple[str, ...] = ("arm-none-eabi-gcc", "-mthumb")
    qemu: tuple[str, ...] = ("qemu-system-arm",)
    startup: str = "bare_metal.c"


_HARD = "-mfloat-abi=hard"
M7 = Core("mps2-an500", ("-mcpu=cortex-m7", _HARD, "-mfpu=fpv5-d16", "-DSQTVM_DUAL_ISSUE=1"))
M4 = Core("mps2-an386", ("-mcpu=cortex-m4", _HARD, "-mfpu=fpv4-sp-d16"))
M3 = Core("mps2-an385", ("-mcpu=cortex-m3",))
M33 = Core("mps2-an505", ("-mcpu=cortex-m33", _HARD, "-mfpu=fpv5-sp-d16"), 0x1000_0000, 0x3800_0000)
M55 = Core("mps3-an547", ("-mcpu=cortex-m55", _HARD))
# Runs on the machine of a Cortex-M3, of whose instructions it has a part.
M0_PLUS = Core("mps2-an385", ("-mcpu=cortex-m0plus",))
RV32 = Core(
    "virt",
    ("-march=rv32imac", "-mabi=ilp32"),
    flash=0x8000_0000,
    ram=0x8040_0000,
    compiler=("riscv64-unknown-elf-gcc", "--specs=picolibc.specs"),
    qemu=("qemu-system-riscv32", "-bios", "none"),
    startup="bare_metal_riscv.c",
)


def emulate(source: str, folder: Path, core: Core, optimization: str = "-O3") -> int:
    """What check() of ``source`` gives."""
    compiler = (*core.compiler, *core.flags, optimization, "-nostartfiles")
    origins = f"-Wl,--defsym=flash_origin={core.flash},--defsym=ram_origin={core.ram}"
    link = (origins, "-T", str(HERE / "bare_metal.ld"))
    elf = build(source, folder, (*compiler, *link), [HERE / core.startup])
    done = subprocess.run(
        [
            *(*core.qemu, "-M", core.machine, "-nographic", "-monitor", "none"),
            *("-serial", "none", "-semihosting-config", "enable=on,target=native"),
            *("-kernel", str(elf)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = (done.stdout + done.stderr).strip()
    assert said.isdecimal(), f"the emulator said {said!r}"
    return int(said)
