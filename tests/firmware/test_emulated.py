"""The emulated variant in QEMU: it boots, answers, reports its stack and its faults."""

from __future__ import annotations

import hashlib
import re
import subprocess
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import serial

from sqtvm.firmware.boards import board_names, load_board
from sqtvm.firmware.build import Firmware, Variant, build
from sqtvm.firmware.project import generate
from sqtvm.measure.emulator import Emulator, Machine
from sqtvm.measure.frame import Frame, FrameParser, encode
from sqtvm.measure.session import Session
from tests.firmware import reference_network
from tests.firmware.conftest import Builder
from tests.firmware.fake_archive import expected

IDENTIFY, WRITE_INPUT, RUN, REFUSED = 1, 2, 3, 0xFF


def emulator(name: str, builder: Builder) -> Emulator:
    machine = load_board(name).emulator
    elf = builder.firmware(name, "emulator").elf
    return Emulator(Machine(machine.program, machine.machine, machine.cpu, machine.options), elf)


@pytest.mark.parametrize("name", board_names())
def test_it_boots_and_computes(name: str, builder: Builder, archive: Path) -> None:
    with emulator(name, builder) as running, Session(running.address) as session:
        identity = session.identify()
        assert (identity.model, identity.board) == ("fake", name)
        assert identity.archive_sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
        random = np.random.default_rng(3)
        for x in random.integers(-128, 126, (5, 6)).astype(np.int8):
            y, result = session.infer(x)
            np.testing.assert_array_equal(y, expected(x))
        assert 64 < result.stack_bytes < 1024
        assert [entry.layer for entry in session.read_profile()] == [0, 1]
        session.reset()
        np.testing.assert_array_equal(session.infer(x)[0], expected(x))


# One board for each way that a core reports faults and guards its stack: the exception, what is
# told of an undefined instruction, and of a stack that ran over.
FAULTING = {
    "stm32f746": ("0000000", " cfsr 00010000", " cfsr 000000"),
    "stm32f446": ("0000000", " cfsr 00010000", " cfsr 000000"),
    "mps2-an385": ("0000000", " cfsr 00010000", " cfsr 000000"),
    "rp2040": ("00000003", " pc ", " stack pointer 200400"),
    "mps2-an505": ("0000000", " cfsr 00010000", " cfsr 00100000"),
    "mps3-an547": ("0000000", " cfsr 00010000", " cfsr 00100000"),
    "riscv32-virt": ("0000000", " pc ", " mtval 80"),
}


@pytest.mark.parametrize("name", FAULTING)
@pytest.mark.parametrize("first", [127, 126], ids=["undefined", "stack"])
def test_a_fault_is_reported_and_the_core_restarts(name: str, first: int, builder: Builder) -> None:
    exception, undefined, stack = FAULTING[name]
    with (
        emulator(name, builder) as running,
        serial.serial_for_url(running.address, timeout=0.1) as line,
    ):
        wait_until_it_answers(line)
        x = bytes([first, 0, 0, 0, 0, 0])
        crc = zlib.crc32(x).to_bytes(4, "little")
        line.write(encode(Frame(WRITE_INPUT, 1, bytes(4) + x)))
        line.write(encode(Frame(RUN, 2, crc)))
        text = read_until(line, b"\r\n", 2)
        assert f"sqtvm fault: exception {exception}" in text
        assert (undefined if first == 127 else stack) in text
        # It answers anew: input that was written before is gone.
        line.write(encode(Frame(RUN, 3, crc)))
        assert FrameParser().feed(read_bytes(line, 14))[0].type == REFUSED


def wait_until_it_answers(line: serial.SerialBase) -> None:
    """What comes while it boots may be lost."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        line.write(encode(Frame(IDENTIFY, 0, b"")))
        if line.read(1):
            while line.read(256):
                pass
            return


def read_until(line: serial.SerialBase, mark: bytes, count: int) -> str:
    """Everything up to the ``count``-th mark, as far as it is text."""
    received = b""
    end = time.monotonic() + 10
    while received.count(mark) < count and time.monotonic() < end:
        received += line.read(256)
    return received.decode("ascii", "replace")


def read_bytes(line: serial.SerialBase, count: int) -> bytes:
    received = b""
    end = time.monotonic() + 10
    while len(received) < count and time.monotonic() < end:
        received += line.read(count - len(received))
    return received


# The markers as objdump writes them, and the return that follows the first.
MARKERS = {
    "cortex_m": ("mov sl, sl", "mov fp, fp", "bx lr"),
    "riscv": ("mv s10,s10", "mv s11,s11", "ret"),
}


@pytest.mark.parametrize("variant", ["board", "emulator"])
@pytest.mark.parametrize("name", board_names())
def test_nothing_of_the_hooks_lies_between_the_markers(
    name: str, variant: Variant, builder: Builder
) -> None:
    first, last, leave = MARKERS[load_board(name).architecture]
    firmware = builder.firmware(name, variant)
    begin = instructions(firmware, "sqtvm_layer_begin")
    assert begin[-2:] == [first, leave]
    assert begin.count(first) == 1
    end = instructions(firmware, "sqtvm_layer_end")
    assert end[0] == last
    assert end[1][0] in "bj"


def instructions(firmware: Firmware, function: str) -> list[str]:
    """mnemonic and operands of each instruction, without addresses and width suffixes."""
    objdump = f"{firmware.project.board.compiler.prefix}objdump"
    listing = subprocess.run(
        [objdump, "--no-show-raw-insn", f"--disassemble={function}", str(firmware.elf)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    body = listing.split(f"<{function}>:\n")[1]
    lines = [line.split(":\t")[1] for line in body.splitlines() if ":\t" in line]
    return [" ".join(line.replace(".w", "").split()) for line in lines]


# What the Armv6-M Architecture Reference Manual (DDI 0419) has of 32-bit instructions; of the
# 16-bit ones it lacks CBZ, CBNZ and IT.
ARMV6_M_WIDE = {"bl", "dmb", "dsb", "isb", "mrs", "msr", "udf"}
ARMV6_M_LACKS = re.compile(r"cbn?z|it[te]{0,3}")


def foreign_to_armv6_m(elf: Path) -> list[str]:
    """The instructions of an image that a Cortex-M0+ does not have."""
    listing = subprocess.run(
        ["arm-none-eabi-objdump", "-d", str(elf)], capture_output=True, text=True, check=True
    ).stdout
    found = []
    for line in listing.splitlines():
        parts = line.split("\t")
        if len(parts) < 3 or parts[2].startswith("."):
            continue
        mnemonic = parts[2].split(".")[0]
        wide = len(parts[1].replace(" ", "")) == 8
        if (wide and mnemonic not in ARMV6_M_WIDE) or ARMV6_M_LACKS.fullmatch(mnemonic):
            found.append(line)
    return found


@pytest.mark.parametrize("variant", ["board", "emulator"])
def test_the_rp2040s_image_has_only_instructions_of_its_core(
    variant: Variant, tmp_path: Path
) -> None:
    """QEMU's machine has another core, which does not trap what this one lacks."""
    board = load_board("rp2040")
    reference = reference_network.compiled(board.tvm_target, tmp_path / "model.tar")
    project = generate(reference.archive, board, tmp_path / "firmware")
    assert foreign_to_armv6_m(build(project, variant).elf) == []


def test_instructions_that_a_cortex_m0plus_lacks_are_found(builder: Builder) -> None:
    found = "\n".join(foreign_to_armv6_m(builder.firmware("mps2-an385", "emulator").elf))
    assert "cbz" in found
    assert "movw" in found


# One board for each core, instruction set and way of the emulator.
CORES = ("rp2040", "mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547")


@pytest.mark.parametrize("name", [*CORES, "riscv32-virt"])
def test_reference_bytes_of_a_network_with_every_operator(name: str, tmp_path: Path) -> None:
    board = load_board(name)
    reference = reference_network.compiled(board.tvm_target, tmp_path / "model.tar")
    project = generate(reference.archive, board, tmp_path / "firmware")
    firmware = build(project, "emulator")
    machine = board.emulator
    described = Machine(machine.program, machine.machine, machine.cpu, machine.options)
    with (
        Emulator(described, firmware.elf) as running,
        Session(running.address) as session,
    ):
        for x, y in zip(reference.inputs, reference.outputs, strict=True):
            np.testing.assert_array_equal(session.infer(x)[0], y.ravel())
