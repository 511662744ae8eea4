"""What stands at each address of an ELF, by the cross compiler's own disassembler.

The ELF's mapping symbols tell code from literal pools and one instruction set from another, and
the disassembler comes with the compiler that built the firmware, so it knows every instruction
in it. QEMU can print instructions itself, but not in every build, and its library's names differ
from one version to the next.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from sqtvm.errors import MeasurementError, ToolError

_OBJDUMP = {"ARM": "arm-none-eabi-objdump", "RISC-V": "riscv64-unknown-elf-objdump"}
_LINE = re.compile(r"^\s*([0-9a-f]+):\t([0-9a-f ]+?)\s*\t([^\t]+)(?:\t([^\t;@<]*))?")
_SECONDS = 60


@dataclass(frozen=True)
class Instruction:
    """mnemonic: lower case, without the width suffix (``.n``, ``.w``); operands: as printed;
    size: bytes, 2 or 4."""

    mnemonic: str
    operands: str
    size: int = 2


def disassemble(elf: Path, addresses: frozenset[int]) -> Mapping[int, Instruction]:
    """The instruction at each of ``addresses``.

    Raises ToolError without a disassembler, MeasurementError where an address is not in the ELF.
    """
    program, options = _layout(elf, addresses)
    try:
        result = subprocess.run(
            [program, *options, "-w", str(elf)],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(
            f"the disassembler {program} cannot be run: {error}",
            "install it: apt-get install binutils-arm-none-eabi",
        ) from error
    if result.returncode != 0:
        raise ToolError(f"{program} cannot read {elf}: {result.stderr.strip()}")
    found = dict(_parse(result.stdout, addresses))
    missing = sorted(addresses - found.keys())
    if missing:
        raise MeasurementError(
            f"{len(missing)} executed instructions are not in {elf.name}, the first at "
            f"{missing[0]:#x}",
            "measure the ELF that is running",
        )
    return found


def _layout(elf: Path, addresses: frozenset[int]) -> tuple[str, list[str]]:
    """The disassembler, and its options for the sections that the addresses lie in."""
    with elf.open("rb") as file:
        image = ELFFile(file)
        machine = str(image.get_machine_arch())
        helium = _uses_helium(image)
        sections = [
            section
            for section in image.iter_sections()
            if section["sh_type"] == "SHT_PROGBITS"
            # Debugging information is at address 0, where an emulated machine has its code.
            and section["sh_flags"] & SH_FLAGS.SHF_ALLOC
            and any(
                section["sh_addr"] <= address < section["sh_addr"] + section["sh_size"]
                for address in addresses
            )
        ]
        # Code that runs from RAM may stand in a data section, which -d passes over; but only -d
        # keeps to where constants between instructions begin and end.
        executable = all(section["sh_flags"] & SH_FLAGS.SHF_EXECINSTR for section in sections)
        options = ["-d" if executable else "-D", *(f"--section={each.name}" for each in sections)]
    if machine not in _OBJDUMP:
        raise MeasurementError(f"{elf.name} is for {machine}, which sqtvm does not measure")
    # Left to itself it takes vector instructions for those of a coprocessor.
    return _OBJDUMP[machine], [*(("-m", "armv8.1-m.main") if helium else ()), *options]


def _uses_helium(image: ELFFile) -> bool:
    section: Any = image.get_section_by_name(".ARM.attributes")
    if section is None:
        return False
    return any(
        attribute.tag == "TAG_MVE_ARCH" and attribute.value
        for subsection in section.iter_subsections()
        for part in subsection.iter_subsubsections()
        for attribute in part.iter_attributes()
    )


def _parse(listing: str, addresses: frozenset[int]) -> list[tuple[int, Instruction]]:
    found = []
    for line in listing.splitlines():
        match = _LINE.match(line)
        if match is None or int(match.group(1), 16) not in addresses:
            continue
        size = len(match.group(2).replace(" ", "")) // 2
        mnemonic = re.sub(r"\.[nw]$", "", match.group(3).strip().lower())
        operands = (match.group(4) or "").strip()
        found.append((int(match.group(1), 16), Instruction(mnemonic, operands, size)))
    return found
