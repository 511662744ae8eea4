"""Firmware for the measure stage's tests: protocol.c on the host, and in the emulator."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROTOCOL = HERE.parents[1] / "templates" / "baremetal" / "src"
SERVER = tuple(PROTOCOL / name for name in ("protocol.c", "requests.c", "frame.c"))
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-Wconversion")


def run(*command: object) -> None:
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="session")
def host_firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """protocol.c with a stub platform, under the address and undefined behaviour sanitizers."""
    program = tmp_path_factory.mktemp("host") / "firmware"
    build_for_host(HERE / "host_firmware" / "main.c", program)
    return program


def build_for_host(main: Path, program: Path) -> None:
    """The protocol's server with the platform in ``main``, under the sanitizers."""
    source = HERE / "host_firmware"
    run(
        "cc",
        *WARNINGS,
        *("-O1", "-g", "-D_POSIX_C_SOURCE=200809L"),
        *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
        *(f"-I{source}", f"-I{PROTOCOL}"),
        *SERVER,
        main,
        *("-o", program),
    )


@pytest.fixture(scope="session", params=["cortex-m4", "cortex-m7"])
def emulated_firmware(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """QEMU's machine and an ELF with four parts of known instructions."""
    if shutil.which("arm-none-eabi-gcc") is None or shutil.which("qemu-system-arm") is None:
        pytest.fail("the emulator's tests need gcc-arm-none-eabi and qemu-system-arm")
    core = request.param
    source = HERE / "emulated_firmware"
    elf = tmp_path_factory.mktemp(core) / "firmware.elf"
    run(
        "arm-none-eabi-gcc",
        *(f"-mcpu={core}", "-mthumb", "-O2", "-g", "-nostartfiles"),
        *WARNINGS,
        *(f"-I{source}", f"-I{PROTOCOL}"),
        *SERVER,
        source / "main.c",
        *("-T", source / "link.ld", "-o", elf),
    )
    return {"cortex-m4": "mps2-an386", "cortex-m7": "mps2-an500"}[core], elf
