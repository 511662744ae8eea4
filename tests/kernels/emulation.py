"""Runs a program of cases on a Cortex-M in the emulator."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.kernels.program import HERE, build

M7 = (
    "mps2-an500",
    ("-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-d16", "-DSQTVM_DUAL_ISSUE=1"),
)
M4 = ("mps2-an386", ("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"))
M3 = ("mps2-an385", ("-mcpu=cortex-m3",))
M33 = ("mps2-an505", ("-mcpu=cortex-m33", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"))
M55 = ("mps3-an547", ("-mcpu=cortex-m55", "-mfloat-abi=hard"))
# Runs on the machine of a Cortex-M3, of whose instructions it has a part.
M0_PLUS = ("mps2-an385", ("-mcpu=cortex-m0plus",))

# Where flash and RAM of a machine begin, if not at 0 and 0x20000000.
_MEMORIES = {"mps2-an505": (0x10000000, 0x38000000)}


def emulate(source: str, folder: Path, machine: str, flags: tuple[str, ...]) -> int:
    """What check() of ``source`` gives."""
    flash, ram = _MEMORIES.get(machine, (0, 0x20000000))
    compiler = ("arm-none-eabi-gcc", *flags, "-mthumb", "-O3", "-nostartfiles")
    origins = f"-Wl,--defsym=flash_origin={flash},--defsym=ram_origin={ram}"
    link = (origins, "-T", str(HERE / "bare_metal.ld"))
    elf = build(source, folder, (*compiler, *link), [HERE / "bare_metal.c"])
    done = subprocess.run(
        [
            *("qemu-system-arm", "-M", machine, "-nographic", "-monitor", "none"),
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
