"""Compiling: every board and variant, projects that were copied, and what does not fit."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from sqtvm.errors import ToolError
from sqtvm.firmware.boards import Board, board_names, load_board
from sqtvm.firmware.build import Variant, build
from sqtvm.firmware.layout import emulated_memory
from sqtvm.firmware.memory_use import memory_use
from sqtvm.firmware.project import generate
from tests.firmware.conftest import Builder
from tests.firmware.fake_archive import WORKSPACE_BYTES

VARIANTS: tuple[Variant, ...] = ("board", "emulator")


def with_memory(board: Board, name: str, size: int) -> Board:
    content = board.model_dump()
    for region in content["memory"]:
        if region["name"] == name:
            region["size"] = size
    return Board.model_validate(content)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", board_names())
def test_every_board_builds_without_a_warning(
    name: str, variant: Variant, builder: Builder
) -> None:
    firmware = builder.firmware(name, variant)
    log = firmware.log.read_text()
    assert "warning" not in log.lower()
    assert firmware.elf.with_suffix(".hex").read_text().startswith(":")


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", board_names())
def test_sections_lie_in_the_memories_that_they_belong_to(
    name: str, variant: Variant, builder: Builder
) -> None:
    board = load_board(name)
    memory = board.memory if variant == "board" else emulated_memory(board)
    region = {region.name: region for region in memory}
    with builder.firmware(name, variant).elf.open("rb") as file:
        image = ELFFile(file)
        address = {section.name: section["sh_addr"] for section in image.iter_sections()}
        code = region[board.placement.code]
        assert code.origin <= image["e_entry"] < code.end
    boots_first = variant == "board" and board.boot == "rp2040"
    vectors = region[board.placement.vectors].origin
    assert address[".vectors"] == vectors + (256 if boots_first else 0)
    for section, place in ((".text", "code"), (".rodata", "code"), (".weights", "weights")):
        wanted = region[getattr(board.placement, place)]
        assert wanted.origin <= address[section] < wanted.end
    for section in ("stack", "workspace", "data"):
        wanted = region[getattr(board.placement, section)[0]]
        assert wanted.origin <= address[f".{section}".replace("data", "bss")] < wanted.end


def test_what_the_image_takes(builder: Builder) -> None:
    firmware = builder.firmware("stm32f746", "board")
    found = memory_use(firmware.elf)
    printed = subprocess.run(
        ["arm-none-eabi-size", str(firmware.elf)], capture_output=True, text=True, check=True
    )
    text, data, bss = (int(number) for number in printed.stdout.splitlines()[1].split()[:3])
    assert found.flash_bytes == text + data
    assert found.ram_bytes == data + bss
    # Six weights, filled up to the alignment that TVM gives to constants.
    assert (found.flash_weights, found.ram_workspace) == (16, WORKSPACE_BYTES)
    assert found.ram_stack == firmware.project.board.stack_bytes
    assert memory_use(firmware.elf, 700).ram_stack == 700


def test_memory_use_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "x.elf").write_text("no ELF")
    with pytest.raises(ToolError, match="is not an ELF"):
        memory_use(tmp_path / "x.elf")
    with pytest.raises(ToolError, match="cannot be read"):
        memory_use(tmp_path / "none.elf")


def test_a_copy_builds_elsewhere_with_cmake_alone(builder: Builder, tmp_path: Path) -> None:
    copy = tmp_path / "a folder" / "copy"
    project = builder.project("stm32f746").path
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("build"))
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    for command in (["--preset", "emulator", "-G", "Ninja"], ["--build", "--preset", "emulator"]):
        result = subprocess.run(
            ["cmake", *command], cwd=copy, env=environment, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stdout + result.stderr
    # Debug information holds paths, what is flashed does not.
    original = builder.firmware("stm32f746", "emulator").elf.with_suffix(".hex")
    assert (copy / "build" / "emulator" / "firmware.hex").read_bytes() == original.read_bytes()


def test_output_comes_line_by_line(builder: Builder) -> None:
    lines: list[str] = []
    firmware = build(builder.project("mps2-an386"), "board", lines.append)
    assert firmware.log.read_text().splitlines() == lines
    assert len(lines) > 1


def test_an_overflow_is_told_with_memory_and_bytes(archive: Path, tmp_path: Path) -> None:
    small = with_memory(load_board("stm32f446"), "flash", 4096)
    with pytest.raises(ToolError) as caught:
        build(generate(archive, small, tmp_path / "small"), "board")
    match = re.fullmatch(
        r"the firmware does not fit stm32f446: it overflows flash by ([\d,]+) bytes",
        str(caught.value),
    )
    assert match is not None, str(caught.value)
    assert "--budget-flash" in caught.value.hint
    enough = 4096 + int(match.group(1).replace(",", ""))
    exact = with_memory(load_board("stm32f446"), "flash", enough)
    firmware = build(generate(archive, exact, tmp_path / "exact"), "board")
    assert memory_use(firmware.elf).flash_bytes <= enough


def test_an_overflow_of_ram_in_the_emulated_variant(archive: Path, tmp_path: Path) -> None:
    small = with_memory(load_board("stm32f446"), "sram", 4096)
    with pytest.raises(ToolError, match=r"it overflows sram by [\d,]+ bytes"):
        build(generate(archive, small, tmp_path / "small"), "emulator")


def test_the_compilers_first_error_and_the_log(archive: Path, tmp_path: Path) -> None:
    project = generate(archive, load_board("mps2-an386"), tmp_path / "firmware")
    broken = project.path / "network" / "src" / "default_lib1.c"
    broken.write_text("int x = ;\n" + broken.read_text())
    with pytest.raises(ToolError, match=r"default_lib1\.c:1:9: error: expected expression") as e:
        build(project, "board")
    log = project.path / "build" / "board" / "build.log"
    assert str(log) in e.value.hint
    assert "expected expression" in log.read_text()


def test_a_missing_compiler_is_told_with_its_package(
    builder: Builder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cmake = shutil.which("cmake")
    assert cmake is not None
    os.symlink(cmake, tmp_path / "cmake")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="arm-none-eabi-gcc is not installed") as caught:
        build(builder.project("mps2-an386"), "board")
    assert "gcc-arm-none-eabi" in caught.value.hint


def test_what_the_rp2040s_boot_loader_checks(builder: Builder, tmp_path: Path) -> None:
    """The CRC-32 at the end of the flash's first 256 bytes; the reflected one of zlib is the same
    polynomial, with the bits of every byte and of the result turned round."""
    first = loaded(builder.firmware("rp2040", "board").elf, 0x1000_0000, 256, tmp_path)
    turned = bytes(int(f"{byte:08b}"[::-1], 2) for byte in first[:252])
    crc = int(f"{zlib.crc32(turned) ^ 0xFFFFFFFF:032b}"[::-1], 2)
    assert int.from_bytes(first[252:], "little") == crc


def test_what_the_rp2350s_boot_loader_looks_for(builder: Builder, tmp_path: Path) -> None:
    head = loaded(builder.firmware("rp2350", "board").elf, 0x1000_0000, 4096, tmp_path)
    begin = head.index((0xFFFFDED3).to_bytes(4, "little"))
    words = struct.unpack("<5I", head[begin : begin + 20])
    # An executable, secure, for the Arm cores of the RP2350; the only item; its own successor.
    assert begin % 4 == 0
    assert words[1:] == (0x10210142, 0x000001FF, 0, 0xAB123579)


def loaded(elf: Path, address: int, count: int, tmp_path: Path) -> bytes:
    """Bytes of the image as they lie in flash."""
    flat = tmp_path / "image.bin"
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", str(elf), str(flat)], check=True)
    with elf.open("rb") as file:
        lowest = min(
            segment["p_paddr"]
            for segment in ELFFile(file).iter_segments("PT_LOAD")
            if segment["p_filesz"]
        )
    return flat.read_bytes()[address - lowest :][:count]
