"""Flash and RAM of an image, and what lies where, from its sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from sqtvm.errors import ToolError


@dataclass(frozen=True)
class MemoryUse:
    """Bytes. flash_* are from the ELF's sections and symbols; ram_workspace is the planner's
    static workspace; ram_static is every other initialised or zeroed object; ram_stack is the
    high-water mark that the firmware reported, or the reserved stack when nothing ran."""

    flash_weights: int
    flash_code: int
    flash_other: int
    ram_workspace: int
    ram_static: int
    ram_stack: int

    @property
    def flash_bytes(self) -> int:
        return self.flash_weights + self.flash_code + self.flash_other

    @property
    def ram_bytes(self) -> int:
        return self.ram_workspace + self.ram_static + self.ram_stack


@dataclass(frozen=True)
class ImageSection:
    """A section of an image that takes memory; origin: its address while the firmware runs;
    in_image: whether the image carries its bytes; loaded_from: the address in flash that they are
    copied from at the start, None where they are not."""

    name: str
    origin: int
    size: int
    in_image: bool
    loaded_from: int | None


def image_sections(elf: Path) -> tuple[ImageSection, ...]:
    """By rising address; ToolError for a file that is no ELF."""
    try:
        with elf.open("rb") as file:
            image = ELFFile(file)
            segments = [part.header for part in image.iter_segments("PT_LOAD")]
            found = [
                ImageSection(
                    str(section.name),
                    int(section["sh_addr"]),
                    int(section["sh_size"]),
                    section["sh_type"] != "SHT_NOBITS",
                    _load_address(section.header, segments),
                )
                for section in image.iter_sections()
                if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and section["sh_size"]
            ]
    except OSError as error:
        raise ToolError(f"{elf}: cannot be read: {error.strerror}", "sqtvm build") from error
    except ELFError as error:
        raise ToolError(f"{elf}: is not an ELF: {error}", "make it: sqtvm build") from error
    return tuple(sorted(found, key=lambda section: section.origin))


def _load_address(section: Mapping[str, Any], segments: Sequence[Mapping[str, Any]]) -> int | None:
    if section["sh_type"] == "SHT_NOBITS":
        return None
    for segment in segments:
        begin = segment["p_offset"]
        if begin <= section["sh_offset"] < begin + segment["p_filesz"]:
            address = segment["p_paddr"] + section["sh_offset"] - begin
            return None if address == section["sh_addr"] else address
    return None


def memory_use(elf: Path, stack_bytes: int | None = None) -> MemoryUse:
    """What an image of our linker scripts takes; or of Zephyr's, where weights lie among other
    constants, and workspace and stack among other memory.

    stack_bytes: the high-water mark that the firmware reported. Raises ToolError for a file that
    is no such image.
    """
    sizes = _allocated_sections(elf)
    if "text" in sizes:
        return _zephyr_use(sizes)
    if not {".text", ".stack"} <= sizes.keys():
        raise ToolError(f"{elf}: is not firmware that sqtvm built", "make it: sqtvm build")
    stored = {name: size for name, (size, in_image) in sizes.items() if in_image}
    weights, code = stored.pop(".weights", 0), stored.pop(".text")
    held = {name: size for name, (size, in_image) in sizes.items() if not in_image}
    workspace, reserved = held.pop(".workspace", 0), held.pop(".stack")
    return MemoryUse(
        flash_weights=weights,
        flash_code=code,
        flash_other=sum(stored.values()),
        ram_workspace=workspace,
        # Initialised data lies in flash and, while it runs, in RAM.
        ram_static=sum(held.values()) + stored.get(".data", 0),
        ram_stack=reserved if stack_bytes is None else stack_bytes,
    )


def _zephyr_use(sizes: Mapping[str, tuple[int, bool]]) -> MemoryUse:
    stored = {name: size for name, (size, in_image) in sizes.items() if in_image}
    held = sum(size for size, in_image in sizes.values() if not in_image)
    code = stored.pop("text")
    return MemoryUse(
        flash_weights=0,
        flash_code=code,
        flash_other=sum(stored.values()),
        ram_workspace=0,
        ram_static=held + stored.get("datas", 0),
        ram_stack=0,
    )


def _allocated_sections(elf: Path) -> Mapping[str, tuple[int, bool]]:
    """Size of each section that takes memory, and whether the image carries its bytes."""
    return {section.name: (section.size, section.in_image) for section in image_sections(elf)}
