"""UF2, the format of boot loaders that show themselves as a drive.

Blocks of 512 bytes, each with 256 bytes of the image and where they go, as in "USB Flashing Format
(UF2)" by Microsoft.
"""

from __future__ import annotations

import struct
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from sqtvm.errors import ToolError

PAYLOAD_BYTES = 256
_SECTOR_BYTES = 4096
_BLOCK = struct.Struct("<8I476sI")
_MAGIC_START = (0x0A324655, 0x9E5D5157)
_MAGIC_END = 0x0AB16F30
_FAMILY_PRESENT = 0x2000
# A drive of a boot loader holds this file.
_INFO = "INFO_UF2.TXT"
_MOUNTS = ("/media", "/run/media", "/mnt", "/Volumes")


def convert(elf: Path, family: int) -> bytes:
    """The UF2 file of everything that an ELF loads, gaps within a sector filled with zeros.

    family: the identifier that the boot loader accepts. Raises ToolError for a file that is no
    ELF, or one that loads nothing.
    """
    pages = _pages(elf)
    if not pages:
        raise ToolError(f"{elf}: loads nothing", "make it: sqtvm build")
    _fill_sectors(pages)
    blocks = []
    for number, (address, page) in enumerate(sorted(pages.items())):
        blocks.append(
            _BLOCK.pack(
                *_MAGIC_START,
                _FAMILY_PRESENT,
                address,
                PAYLOAD_BYTES,
                number,
                len(pages),
                family,
                bytes(page),
                _MAGIC_END,
            )
        )
    return b"".join(blocks)


def find_drive(volume: str) -> Path | None:
    """Where the boot loader's drive of that label is mounted; None where it is not."""
    for mount in map(Path, _MOUNTS):
        for pattern in (volume, f"*/{volume}"):
            for drive in sorted(mount.glob(pattern)):
                if (drive / _INFO).is_file():
                    return drive
    return None


def copy_to_drive(content: bytes, drive: Path) -> Path:
    """Write the file to a boot loader's drive; returns its path there.

    Raises ToolError where the drive goes away before all is written.
    """
    destination = drive / "firmware.uf2"
    try:
        # Straight to its name: the boot loader starts the image once the last block is there.
        destination.write_bytes(content)
    except OSError as error:
        raise ToolError(f"{destination}: {error.strerror}", "plug the board in again") from error
    return destination


def _pages(elf: Path) -> dict[int, bytearray]:
    pages: dict[int, bytearray] = {}
    try:
        with elf.open("rb") as file:
            for segment in ELFFile(file).iter_segments("PT_LOAD"):
                data = segment.data()
                for offset, value in enumerate(data):
                    address = segment["p_paddr"] + offset
                    start = address - address % PAYLOAD_BYTES
                    page = pages.setdefault(start, bytearray(PAYLOAD_BYTES))
                    page[address - start] = value
    except OSError as error:
        raise ToolError(f"{elf}: cannot be read: {error.strerror}", "sqtvm build") from error
    except ELFError as error:
        raise ToolError(f"{elf}: is not an ELF: {error}", "make it: sqtvm build") from error
    return pages


def _fill_sectors(pages: dict[int, bytearray]) -> None:
    """The RP2040's boot loader tells by a block's number when to erase a sector of the flash, so
    every sector but the last has to be whole."""
    last = max(pages)
    for sector in {address - address % _SECTOR_BYTES for address in pages}:
        for address in range(sector, min(sector + _SECTOR_BYTES, last), PAYLOAD_BYTES):
            pages.setdefault(address, bytearray(PAYLOAD_BYTES))
