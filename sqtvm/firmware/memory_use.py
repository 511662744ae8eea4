"""Flash and RAM of an image, from its sections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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
    try:
        with elf.open("rb") as file:
            return {
                str(section.name): (int(section["sh_size"]), section["sh_type"] != "SHT_NOBITS")
                for section in ELFFile(file).iter_sections()
                if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and section["sh_size"]
            }
    except OSError as error:
        raise ToolError(f"{elf}: cannot be read: {error.strerror}", "sqtvm build") from error
    except ELFError as error:
        raise ToolError(f"{elf}: is not an ELF: {error}", "make it: sqtvm build") from error
