"""Firmware in QEMU: answers over its serial line, and instructions counted by the plugin."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sqtvm.errors import MeasurementError, ToolError
from sqtvm.measure import counting, cycles
from sqtvm.measure.counting import OUTSIDE, THUMB_MARKERS, InferenceCounts, NoPluginError
from sqtvm.measure.disassembly import disassemble
from sqtvm.measure.emulator import Emulator, Machine
from sqtvm.measure.session import Session

QEMU = "qemu-system-arm"
INPUT_BYTES, OUTPUT_BYTES = 600, 10


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return counting.library(QEMU, tmp_path_factory.mktemp("cache"))


def expected(x: np.ndarray) -> np.ndarray:
    return (int(x.astype(np.int64).sum()) + np.arange(OUTPUT_BYTES)).astype(np.int8)


def count_once(firmware: tuple[str, Path], plugin: Path, table: Path) -> InferenceCounts:
    machine, elf = firmware
    arguments = counting.arguments(plugin, table, THUMB_MARKERS)
    with (
        Emulator(Machine(QEMU, machine), elf, arguments) as emulator,
        Session(emulator.address) as session,
    ):
        session.infer(np.arange(INPUT_BYTES).astype(np.int8))
        return counting.read_table(table)


@pytest.fixture
def busy_processors() -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    yield
    for process in processes:
        process.kill()
        process.wait()


def test_inferences_and_a_reset(emulated_firmware: tuple[str, Path]) -> None:
    machine, elf = emulated_firmware
    samples = np.random.default_rng(7).integers(-128, 128, (20, INPUT_BYTES)).astype(np.int8)
    with (
        Emulator(Machine(QEMU, machine), elf) as emulator,
        Session(emulator.address) as session,
    ):
        assert session.identify().model == "known-instructions"
        for x in samples:
            y, result = session.infer(x)
            np.testing.assert_array_equal(y, expected(x))
        assert result.stack_bytes == 512
        assert [entry.layer for entry in session.read_profile()] == [0, 2, 3, 3]
        session.reset()
        np.testing.assert_array_equal(session.infer(samples[0])[0], expected(samples[0]))


def test_counts_are_what_the_code_says(
    emulated_firmware: tuple[str, Path], plugin: Path, tmp_path: Path
) -> None:
    found = count_once(emulated_firmware, plugin, tmp_path / "table")
    assert found.layers == 4
    executed = [sum(count.executed for count in found.segment(n)) for n in range(4)]
    # The layer's own begin marker counts, its end marker is outside.
    assert executed == [5 + 3 * 1000, 7, 5 + 3 * 3, 2]
    loop = [count for count in found.segment(0) if count.executed == 1000]
    assert [count.jumped for count in loop] == [0, 0, 999]
    outside = sum(count.executed for count in found.segment(OUTSIDE))
    assert found.instructions == sum(executed) + outside
    # The sum over the input is a loop in no layer: two or more instructions a byte.
    assert outside > 2 * INPUT_BYTES


def test_counts_are_the_same_with_load_and_without(
    emulated_firmware: tuple[str, Path],
    plugin: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    quiet = [count_once(emulated_firmware, plugin, tmp_path / f"quiet{n}") for n in range(2)]
    request.getfixturevalue("busy_processors")
    loaded = [count_once(emulated_firmware, plugin, tmp_path / f"loaded{n}") for n in range(2)]
    assert quiet[0] == quiet[1] == loaded[0] == loaded[1]


def test_a_later_inference_counts_anew(
    emulated_firmware: tuple[str, Path], plugin: Path, tmp_path: Path
) -> None:
    machine, elf = emulated_firmware
    table = tmp_path / "table"
    x = np.zeros(INPUT_BYTES, np.int8)
    with (
        Emulator(
            Machine(QEMU, machine), elf, counting.arguments(plugin, table, THUMB_MARKERS)
        ) as emulator,
        Session(emulator.address) as session,
    ):
        session.infer(x)
        first = counting.read_table(table)
        session.infer(x)
        assert counting.read_table(table) == first


def test_cycles_of_the_known_layers(
    emulated_firmware: tuple[str, Path], plugin: Path, tmp_path: Path
) -> None:
    machine, elf = emulated_firmware
    if machine != "mps2-an386":
        pytest.skip("the Cortex-M4's model is the one with a table")
    found = count_once(emulated_firmware, plugin, tmp_path / "table")
    instructions = disassemble(elf, frozenset(count.address for count in found.counts))
    model = cycles.model_for("cortex-m4")
    loop = cycles.estimate(model, found.segment(0), instructions)
    assert loop.likely == 5 + 3 * 1000 + 2 * 999
    assert (loop.low, loop.high) == (loop.likely - 999, loop.likely + 999)
    # Marker, two loads (the second pipelined), smlad, mul, udiv, str.
    mixed = cycles.estimate(model, found.segment(1), instructions)
    assert mixed.likely == 1 + 2 + 1 + 1 + 1 + 7 + 1


def test_an_executed_address_that_is_not_in_the_elf_is_an_error(
    emulated_firmware: tuple[str, Path],
) -> None:
    with pytest.raises(MeasurementError, match=r"1 executed instructions are not in .*0x8000"):
        disassemble(emulated_firmware[1], frozenset([0x8000]))


def test_qemus_own_message_is_in_the_error(emulated_firmware: tuple[str, Path]) -> None:
    emulator = Emulator(Machine(QEMU, "no-such-machine"), emulated_firmware[1])
    with pytest.raises(ToolError, match="unsupported machine type"), emulator:
        pass


def test_a_missing_emulator_is_an_error_with_the_package(tmp_path: Path) -> None:
    with (
        pytest.raises(ToolError, match="qemu-none cannot be started") as caught,
        Emulator(Machine("qemu-none", "mps2-an386"), tmp_path / "x.elf"),
    ):
        pass
    assert "apt-get install" in caught.value.hint


def test_the_emulator_is_ended_when_the_body_fails(emulated_firmware: tuple[str, Path]) -> None:
    machine, elf = emulated_firmware
    emulator = Emulator(Machine(QEMU, machine), elf)
    with pytest.raises(RuntimeError), emulator:
        raise RuntimeError(emulator.address)
    with pytest.raises(MeasurementError, match="cannot be opened"):
        Session(emulator.address)


def test_the_emulator_is_ended_when_we_are_killed(emulated_firmware: tuple[str, Path]) -> None:
    machine, elf = emulated_firmware
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from sqtvm.measure.emulator import Emulator, Machine\n"
        f"emulator = Emulator(Machine('qemu-system-arm', {machine!r}), Path({str(elf)!r}))\n"
        "emulator.__enter__()\n"
        "print(emulator.address.rpartition(':')[2], flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    port = int(killed.stdout)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return
        time.sleep(0.05)
    pytest.fail(f"QEMU still listens on port {port}")


def test_a_missing_table_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "cut").write_text("0\t10\tc946\t1\t0\n")
    for name in ("none", "cut"):
        with pytest.raises(MeasurementError, match="counted no instructions"):
            counting.read_table(tmp_path / name)


def test_the_plugin_is_built_once_and_kept(tmp_path: Path, plugin: Path) -> None:
    first = counting.library(QEMU, tmp_path)
    changed = first.stat().st_mtime_ns
    assert counting.library(QEMU, tmp_path) == first
    assert first.stat().st_mtime_ns == changed
    assert [entry.name for entry in tmp_path.iterdir()] == [first.name] == [plugin.name]


def test_no_compiler_is_an_error_with_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(ToolError, match="needs a C compiler") as caught:
        counting.library(QEMU, tmp_path)
    assert "gcc" in caught.value.hint


def test_a_compiler_that_fails_is_an_error_with_its_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho in file x >&2\necho error: no headers >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda _: str(compiler))
    # Of the kind that the emulator's timer stands in for.
    with pytest.raises(NoPluginError, match="compile the counting plugin: error: no headers") as it:
        counting.library(QEMU, tmp_path / "cache")
    assert "libc6-dev" in it.value.hint
    assert not list((tmp_path / "cache").iterdir())
