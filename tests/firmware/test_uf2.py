"""UF2 files, and the drives of boot loaders."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from sqtvm.errors import ToolError
from sqtvm.firmware import uf2
from sqtvm.firmware.boards import FlashTool, load_board
from sqtvm.firmware.flash import flash
from tests.firmware.conftest import Builder

RP2040 = 0xE48BFF56


def read(content: bytes) -> dict[int, bytes]:
    """Every byte by address, by the format's description."""
    image: dict[int, bytes] = {}
    assert len(content) % 512 == 0
    count = len(content) // 512
    for number in range(count):
        block = content[512 * number : 512 * (number + 1)]
        fields = struct.unpack_from("<8I", block)
        assert fields[:3] == (0x0A324655, 0x9E5D5157, 0x2000)
        assert fields[4:] == (256, number, count, RP2040)
        assert fields[3] % 256 == 0
        assert struct.unpack_from("<I", block, 508) == (0x0AB16F30,)
        assert not any(block[32 + 256 : 508])
        assert fields[3] not in image
        image[fields[3]] = block[32 : 32 + 256]
    return image


def test_every_loaded_byte_is_where_it_belongs(builder: Builder) -> None:
    elf = builder.firmware("stm32f746", "board").elf
    image = read(uf2.convert(elf, RP2040))
    assert list(image) == sorted(image)
    with elf.open("rb") as file:
        checked = 0
        for segment in ELFFile(file).iter_segments("PT_LOAD"):
            for offset, value in enumerate(segment.data()):
                address = segment["p_paddr"] + offset
                assert image[address & ~255][address & 255] == value
                checked += 1
    assert checked > 1000
    assert min(image) == 0x0800_0000


def test_every_sector_but_the_last_is_whole(
    builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The RP2040's boot loader erases a sector for every sixteenth block."""
    elf = builder.firmware("stm32f746", "board").elf
    pages = uf2._pages(elf)
    last = max(pages)
    gaps = {address for address in pages if address % 4096 not in (0, 256)} - {last}
    kept = {address: page for address, page in pages.items() if address not in gaps}
    monkeypatch.setattr(uf2, "_pages", lambda _: dict(kept))
    image = read(uf2.convert(elf, RP2040))
    assert list(image) == list(range(0x0800_0000, last + 256, 256))
    assert all(image[address] == bytes(256) for address in gaps)
    assert all(image[address] == bytes(page) for address, page in kept.items())


def test_the_drive_with_the_label_gets_the_file(
    builder: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uf2, "_MOUNTS", (str(tmp_path),))
    tool = FlashTool(kind="uf2", volume="RPI-RP2", family=RP2040)
    board = load_board("stm32f746").model_copy(update={"flash_tools": (tool,)})
    elf = builder.firmware("stm32f746", "board").elf

    other = tmp_path / "RPI-RP2"
    other.mkdir()
    with pytest.raises(ToolError, match="no drive RPI-RP2 of a boot loader") as caught:
        flash(elf, board)
    assert "BOOTSEL" in caught.value.hint

    drive = tmp_path / "someone" / "RPI-RP2"
    drive.mkdir(parents=True)
    (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\n")
    assert flash(elf, board) == "uf2"
    assert (drive / "firmware.uf2").read_bytes() == uf2.convert(elf, RP2040)
    assert not list(other.iterdir())


def test_what_is_no_elf_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "firmware.elf"
    with pytest.raises(ToolError, match="cannot be read"):
        uf2.convert(path, RP2040)
    path.write_bytes(b"no")
    with pytest.raises(ToolError, match="is not an ELF"):
        uf2.convert(path, RP2040)
