"""The Zephyr platform: its manifest by west's own parser, its overlays by dtc, and the application
built by its own CMakeLists against a stand-in for Zephyr's tree and run in QEMU."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import serial
from west.manifest import ImportFlag, Manifest, ManifestImportFailed

from sqtvm.errors import SqtvmError, ToolError
from sqtvm.firmware.boards import board_names, load_board
from sqtvm.firmware.build import build as build_image
from sqtvm.firmware.flash_project import flash_project
from sqtvm.firmware.harness import Harness
from sqtvm.firmware.memory_use import memory_use
from sqtvm.firmware.project import Project, generate, open_project
from sqtvm.firmware.resources import templates_directory
from sqtvm.measure.emulator import Emulator, Machine
from sqtvm.measure.frame import Frame, encode
from sqtvm.measure.session import Session
from tests.firmware.fake_archive import expected
from tests.firmware.test_mlperf_tiny import Runner, results

STUB = Path(__file__).parent / "zephyr_stub"
BOARD = load_board("stm32f746")
MACHINE = Machine("qemu-system-arm", "mps2-an385")

# What the boards' devicetrees of Zephyr have under the labels that the overlays use.
BASE_DTS = """/dts-v1/;
/ {{
\t#address-cells = <1>;
\t#size-cells = <1>;
\tchosen {{ }};
\t{label}: serial@40004000 {{
\t\treg = <0x40004000 0x1000>;
\t\tcurrent-speed = <9600>;
\t\tstatus = "disabled";
\t}};
}};
"""


@pytest.fixture(scope="module")
def project(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return generate(archive, BOARD, tmp_path_factory.mktemp("zephyr") / "app", "zephyr")


def build(project: Project, folder: Path, *options: str) -> Path:
    environment = {**os.environ, "ZEPHYR_BASE": str(STUB)}
    for command in (
        ["cmake", "-G", "Ninja", "-S", str(project.path), "-B", str(folder), *options],
        ["cmake", "--build", str(folder)],
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "zephyr.elf"


@pytest.fixture(scope="module", params=["CONFIG_TIMING_FUNCTIONS=1", ""], ids=["timing", "cycles"])
def elf(
    request: pytest.FixtureRequest, project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """With the timing functions, and with the kernel's cycles alone."""
    folder = tmp_path_factory.mktemp("build")
    return build(project, folder, f"-DSTUB_DEFINITIONS={request.param}")


def test_the_project_is_an_application_of_zephyr(project: Project, archive: Path) -> None:
    for name in ("CMakeLists.txt", "prj.conf", "Kconfig", "west.yml", "src/main.c", "README.md"):
        assert (project.path / name).is_file(), name
    assert (project.path / "boards" / "stm32f746g_disco.overlay").is_file()
    assert not list(project.path.rglob("*.j2"))
    assert not (project.path / "shared.txt").exists()
    assert not list(project.path.rglob("microtvm_api_server.py"))
    assert open_project(project.path, BOARD) == project
    assert project.platform == "zephyr"
    assert (project.path / "src/protocol.c").read_bytes() == (
        templates_directory() / "baremetal/src/protocol.c"
    ).read_bytes()
    assert "west build -b stm32f746g_disco" in (project.path / "README.md").read_text()


def test_west_reads_the_manifest(project: Project) -> None:
    text = (project.path / "west.yml").read_text()
    manifest = Manifest.from_data(text, import_flags=ImportFlag.IGNORE)
    zephyr = {entry.name: entry for entry in manifest.projects}["zephyr"]
    assert zephyr.url == "https://github.com/zephyrproject-rtos/zephyr"
    assert re.fullmatch(r"v4\.\d+\.\d+", zephyr.revision)
    assert manifest.projects[0].path == "firmware"
    # Without that flag it would have to fetch Zephyr for the names that are let in.
    with pytest.raises(ManifestImportFailed):
        Manifest.from_data(text)


@pytest.mark.parametrize(
    ("overlay", "label"),
    [("qemu_cortex_m3", "uart0"), ("mps2_an385", "uart0"), ("stm32f746g_disco", "usart1")],
)
def test_dtc_takes_the_overlays(overlay: str, label: str, project: Project) -> None:
    if shutil.which("dtc") is None:
        pytest.fail("this test needs device-tree-compiler")
    text = (project.path / "boards" / f"{overlay}.overlay").read_text()
    whole = subprocess.run(
        ["dtc", "-I", "dts", "-O", "dts", "-E", "no-unit_address_vs_reg", "-"],
        input=BASE_DTS.format(label=label) + text,
        capture_output=True,
        text=True,
    )
    assert whole.returncode == 0, whole.stderr
    assert "error" not in whole.stderr.lower()
    assert "current-speed = <0x1c200>;" in whole.stdout
    assert re.search(rf"zephyr,console = (&{label}|\"/serial@40004000\");", whole.stdout)


def test_it_answers_and_computes(elf: Path, archive: Path) -> None:
    with Emulator(MACHINE, elf) as running, Session(running.address) as session:
        identity = session.identify(hashlib.sha256(archive.read_bytes()).hexdigest())
        assert (identity.model, identity.board) == ("fake", "stm32f746")
        assert identity.clock_hz == 25_000_000
        random = np.random.default_rng(3)
        for x in random.integers(-128, 126, (5, 6)).astype(np.int8):
            y, result, profile = session.infer_profiled(x)
            np.testing.assert_array_equal(y, expected(x))
        assert 64 < result.stack_bytes < 2048
        assert [entry.layer for entry in profile] == [0, 1]
        # The stand-in's counter moves at every reading, and has wrapped at 32 bits by now.
        assert result.cycles > sum(entry.cycles for entry in profile) > 0
        session.reset()
        np.testing.assert_array_equal(session.infer(x)[0], expected(x))


def test_its_memory_is_known(elf: Path) -> None:
    found = memory_use(elf)
    assert found.flash_bytes > found.flash_code > 1000
    # The stack and the protocol's two frames at least.
    assert 4096 + 2 * 1036 < found.ram_bytes < 16384


def test_a_fault_is_reported_and_the_board_restarts(elf: Path) -> None:
    with (
        Emulator(MACHINE, elf) as running,
        serial.serial_for_url(running.address, timeout=5) as line,
    ):
        x = bytes([127, 0, 0, 0, 0, 0])
        line.write(encode(Frame(2, 1, bytes(4) + x)))
        line.write(encode(Frame(3, 2, zlib.crc32(x).to_bytes(4, "little"))))
        told = line.read_until(b" lr ")
        assert re.search(rb"\r\nsqtvm fault: reason 00000000 pc [0-9a-f]{8} lr $", told), told


def test_the_runners_of_mlperf_tiny_are_answered(project: Project, tmp_path: Path) -> None:
    options = ("-DSQTVM_HARNESS=mlperf-tiny", "-DSQTVM_MLPERF_MODEL=kws01")
    built = build(project, tmp_path, *options)
    x = np.array([1, -2, 3, -40, 50, -6], np.int8)
    with (
        Emulator(MACHINE, built) as running,
        serial.serial_for_url(running.address, timeout=10) as line,
    ):
        dut = Runner(line)
        assert dut.until_ready()[0] == "m-timestamp-mode-performance"
        assert "m-model-[kws01]" in dut.ask("profile")
        assert dut.load(x.tobytes()) == ["m-load-done"]
        assert results(dut.ask("infer 3 1")[-1]) == [2.0 * (int(v) + 7) for v in expected(x)]


@pytest.fixture
def west(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A west that writes down how it was called, leaves an image, and fails on demand."""
    record = tmp_path / "arguments"
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "west").write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {record}\n'
        'if [ -e "$(dirname $0)/broken" ]; then\n'
        '  echo "-- west flash: using runner openocd"; echo "FATAL ERROR: no probe"; exit 1\n'
        "fi\n"
        'if [ "$1" = build ]; then mkdir -p "$5/zephyr"; : > "$5/zephyr/zephyr.elf"; fi\n'
    )
    (folder / "west").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return record


def test_west_builds_and_flashes(archive: Path, tmp_path: Path, west: Path) -> None:
    made = generate(archive, BOARD, tmp_path / "app", "zephyr")
    folder = made.path / "build" / "board"
    built = build_image(made, "board")
    assert built.elf == folder / "zephyr" / "zephyr.elf"
    assert flash_project(made) == "west"
    harness = Harness("mlperf-tiny", "ic01")
    build_image(made, "board", harness=harness)
    assert west.read_text().splitlines() == [
        f"build -b stm32f746g_disco -d {folder} {made.path} -- -DSQTVM_HARNESS=sqtvm",
        f"flash -d {folder}",
        f"build -b stm32f746g_disco -d {folder}-mlperf-tiny-performance {made.path} -- "
        "-DSQTVM_HARNESS=mlperf-tiny -DSQTVM_MLPERF_MODEL=ic01 "
        "-DSQTVM_MLPERF_MODE=performance -DCONFIG_SQTVM_PROFILE=n",
    ]
    with pytest.raises(ToolError, match="has no image for the emulator"):
        build_image(made, "emulator")

    (tmp_path / "bin" / "broken").touch()
    with pytest.raises(ToolError, match=r"^west failed: FATAL ERROR: no probe$") as caught:
        flash_project(made)
    assert "udev" in caught.value.hint
    with pytest.raises(ToolError, match="did not build: FATAL ERROR: no probe"):
        build_image(made, "board")


def test_the_real_west_outside_a_workspace(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where pip puts it.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    made = generate(archive, BOARD, tmp_path / "app", "zephyr")
    with pytest.raises(ToolError, match='unknown command "build"; do you need to run this inside'):
        build_image(made, "board")
    with pytest.raises(SqtvmError, match=r"zephyr\.elf: is not there"):
        flash_project(made)


def test_a_board_that_zephyr_does_not_know_is_an_error(archive: Path, tmp_path: Path) -> None:
    board = BOARD.model_copy(update={"zephyr_board": None})
    with pytest.raises(SqtvmError, match="does not name Zephyr's board") as caught:
        generate(archive, board, tmp_path / "app", "zephyr")
    assert "--platform baremetal" in caught.value.hint


def test_an_unknown_platform_lists_the_known(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(SqtvmError, match="no platform named 'mbed'") as caught:
        generate(archive, BOARD, tmp_path / "app", "mbed")
    assert caught.value.hint == "platforms: baremetal, zephyr"


@pytest.mark.parametrize("name", board_names())
def test_zephyrs_names_of_boards(name: str) -> None:
    zephyr_board = load_board(name).zephyr_board
    assert zephyr_board is None or re.fullmatch(r"[a-z0-9_]+(/[a-z0-9_]+)*", zephyr_board)
