"""The emulated variant in QEMU: it boots, answers, reports its stack and its faults."""

from __future__ import annotations

import hashlib
import subprocess
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import serial

from sqtvm.firmware.boards import board_names, load_board
from sqtvm.firmware.build import Variant
from sqtvm.measure.emulator import Emulator, Machine
from sqtvm.measure.frame import Frame, FrameParser, encode
from sqtvm.measure.session import Session
from tests.firmware.conftest import Builder
from tests.firmware.fake_archive import expected

WRITE_INPUT, RUN, REFUSED = 2, 3, 0xFF


def emulator(name: str, builder: Builder) -> Emulator:
    machine = load_board(name).emulator
    elf = builder.firmware(name, "emulator").elf
    return Emulator(Machine(machine.program, machine.machine, machine.cpu), elf)


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


@pytest.mark.parametrize("name", ["stm32f746", "stm32f446", "mps2-an385"])
@pytest.mark.parametrize(
    ("first", "told"), [(127, " pc "), (126, " stack pointer 1")], ids=["undefined", "stack"]
)
def test_a_fault_is_reported_and_the_core_restarts(
    name: str, first: int, told: str, builder: Builder
) -> None:
    with (
        emulator(name, builder) as running,
        serial.serial_for_url(running.address, timeout=0.1) as line,
    ):
        x = bytes([first, 0, 0, 0, 0, 0])
        crc = zlib.crc32(x).to_bytes(4, "little")
        line.write(encode(Frame(WRITE_INPUT, 1, bytes(4) + x)))
        line.write(encode(Frame(RUN, 2, crc)))
        text = read_until(line, b"\r\n", 2)
        assert "sqtvm fault: exception 00000003" in text
        assert told in text
        # It answers anew: input that was written before is gone.
        line.write(encode(Frame(RUN, 3, crc)))
        assert FrameParser().feed(read_bytes(line, 14))[0].type == REFUSED


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


@pytest.mark.parametrize("variant", ["board", "emulator"])
@pytest.mark.parametrize("name", board_names())
def test_nothing_of_the_hooks_lies_between_the_markers(
    name: str, variant: Variant, builder: Builder
) -> None:
    begin = instructions(builder.firmware(name, variant).elf, "sqtvm_layer_begin")
    assert begin[-2:] == ["mov sl, sl", "bx lr"]
    assert sum(line == "mov sl, sl" for line in begin) == 1
    end = instructions(builder.firmware(name, variant).elf, "sqtvm_layer_end")
    assert end[0] == "mov fp, fp"
    assert end[1].startswith("b")


def instructions(elf: Path, function: str) -> list[str]:
    """mnemonic and operands of each instruction, without addresses and width suffixes."""
    listing = subprocess.run(
        ["arm-none-eabi-objdump", "--no-show-raw-insn", f"--disassemble={function}", str(elf)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    body = listing.split(f"<{function}>:\n")[1]
    lines = [line.split(":\t")[1] for line in body.splitlines() if ":\t" in line]
    return [" ".join(line.replace(".w", "").split()) for line in lines]
