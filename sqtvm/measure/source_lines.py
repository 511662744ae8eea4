"""Which source line an instruction came from, by the ELF's own debugging information."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile


@dataclass(frozen=True)
class SourceLine:
    """file: as the compiler was given it; line: 1 is the first."""

    file: str
    line: int

    def text(self) -> str:
        """What stands there, without indentation; empty where the file is not there any more."""
        try:
            lines = Path(self.file).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return lines[self.line - 1].strip() if 0 < self.line <= len(lines) else ""


@dataclass(frozen=True)
class SourceMap:
    """starts: addresses, ascending, from which on ``lines`` hold; None ends a piece of code."""

    starts: tuple[int, ...]
    lines: tuple[SourceLine | None, ...]

    def at(self, address: int) -> SourceLine | None:
        """None where the compiler left no line, as for assembly without debugging."""
        place = bisect_right(self.starts, address) - 1
        return self.lines[place] if place >= 0 else None


def source_map(elf: Path) -> SourceMap:
    """Of an ELF that was built with ``-g``; of any other the map is empty."""
    rows: dict[int, SourceLine | None] = {}
    with elf.open("rb") as file:
        image = ELFFile(file)
        if image.has_dwarf_info():
            for address, line in _rows(image.get_dwarf_info()):
                # Where a piece ends another may begin, and that is the one that counts.
                if line is not None or rows.get(address) is None:
                    rows[address] = line
    ordered = sorted(rows.items())
    return SourceMap(tuple(address for address, _ in ordered), tuple(line for _, line in ordered))


def _rows(dwarf: Any) -> Iterator[tuple[int, SourceLine | None]]:
    for unit in dwarf.iter_CUs():
        program = dwarf.line_program_for_CU(unit)
        if program is None:
            continue
        folder = unit.get_top_DIE().attributes.get("DW_AT_comp_dir")
        names = _files(program, "" if folder is None else _text(folder.value))
        pending: list[tuple[int, SourceLine | None]] = []
        for entry in program.get_entries():
            state = entry.state
            if state is None:
                continue
            if not state.end_sequence:
                name = names.get(state.file, "?")
                pending.append((state.address, SourceLine(name, state.line)))
                continue
            # Code that the linker left out is at address 0.
            if pending and pending[0][0] != 0:
                yield from pending
                yield state.address, None
            pending = []


def _files(program: Any, compiled_in: str) -> dict[int, str]:
    header = program.header
    newer = header.version >= 5
    folders = [_text(getattr(name, "DW_LNCT_path", name)) for name in header.include_directory]
    if not newer:
        folders = [compiled_in, *folders]
    found = {}
    for number, entry in enumerate(header.file_entry, 0 if newer else 1):
        name = _text(entry.name if hasattr(entry, "name") else entry.DW_LNCT_path)
        index = entry.dir_index if hasattr(entry, "dir_index") else entry.DW_LNCT_directory_index
        found[number] = str(Path(compiled_in, folders[index], name))
    return found


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
