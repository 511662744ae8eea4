"""What stands at an address, by the cross compiler's disassembler."""

from __future__ import annotations

import subprocess
from pathlib import Path

from sqtvm.measure.disassembly import Instruction, disassemble

CODE = """
    .syntax unified
    .thumb
    .section .text, "ax"
    ldr r0, [r1]
    ldr.w r8, [r1]
    vldrb.u8 q0, [r0], #16
    vmladava.s8 r2, q0, q1
    uxtb r0, r1
    b after
    .word 0xff0000ff
after:
    adds r4, #7
"""


def test_helium_is_not_taken_for_a_coprocessor(tmp_path: Path) -> None:
    source, elf = tmp_path / "code.s", tmp_path / "code.elf"
    source.write_text(CODE)
    compiler = ("arm-none-eabi-gcc", "-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard")
    command = (*compiler, "-nostdlib", "-Ttext=0x100", "-Wl,-e0x100", source, "-o", elf)
    subprocess.run(command, check=True, capture_output=True)
    found = disassemble(elf, frozenset((0x100, 0x102, 0x106, 0x10A, 0x10E, 0x116)))
    assert found == {
        0x100: Instruction("ldr", "r0, [r1, #0]", 2),
        0x102: Instruction("ldr", "r8, [r1]", 4),
        0x106: Instruction("vldrb.u8", "q0, [r0], #16", 4),
        0x10A: Instruction("vmlava.s8", "r2, q0, q1", 4),
        0x10E: Instruction("uxtb", "r0, r1", 2),
        0x116: Instruction("adds", "r4, #7", 2),
    }
