"""The image is loaded by a debugger, section by section, as a probe would write it, and runs."""

from __future__ import annotations

import shutil
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from sqtvm.firmware.boards import load_board
from sqtvm.measure.emulator import Emulator, Machine
from sqtvm.measure.session import Session
from tests.firmware.conftest import Builder
from tests.firmware.fake_archive import expected


def test_gdb_loads_what_was_built(builder: Builder, tmp_path: Path) -> None:
    if shutil.which("gdb-multiarch") is None:
        pytest.fail("this test needs gdb-multiarch")
    board = load_board("stm32f746")
    elf = builder.firmware("stm32f746", "emulator").elf
    # QEMU wants an image: a vector table whose reset handler is a branch to itself.
    stub = tmp_path / "stub.bin"
    stub.write_bytes(struct.pack("<2I", 0x2000_0400, 0x9) + struct.pack("<2H", 0xE7FE, 0xE7FE))
    probe = tmp_path / "gdb"
    options = (
        *("-chardev", f"socket,id=probe,path={probe},server=on,wait=off"),
        *("-gdb", "chardev:probe", "-S"),
    )
    emulator = board.emulator
    machine = Machine(emulator.program, emulator.machine, emulator.cpu, options)
    with Emulator(machine, stub) as running, Session(running.address, timeout=20) as session:
        end = time.monotonic() + 10
        while not probe.exists() and time.monotonic() < end:
            time.sleep(0.01)
        commands = (
            f"target remote {probe}",
            "load",
            "compare-sections",
            "set $sp = *(unsigned int *)0",
            "set $pc = *(unsigned int *)4 & ~1",
            "detach",
        )
        told = subprocess.run(
            ["gdb-multiarch", "-nx", "-batch", *(f"-ex={line}" for line in commands), str(elf)],
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout
        for section in (".vectors", ".text", ".weights", ".rodata"):
            assert f"Loading section {section}," in told
            assert f"Section {section}, range" in told
        assert told.count(" matched.") >= 4
        assert "MIS-MATCHED" not in told
        x = np.array([1, -2, 3, -4, 5, -6], np.int8)
        np.testing.assert_array_equal(session.infer(x)[0], expected(x))
