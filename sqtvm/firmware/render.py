"""The files of a template, for one board and one network.

A file ``NAME.j2`` is rendered, every other one copied. Of the drivers, ``KIND_*`` in src, only
those of the board and of its emulator come along, and of the files named for an architecture only
those of the board's; what lies in ``variant/`` is rendered twice, into ``variants/board`` and
``variants/emulator``. A template's ``shared.txt`` names files of the baremetal template that it
takes as well.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

import sqtvm
from sqtvm.errors import SqtvmError
from sqtvm.firmware.archive import NetworkArchive
from sqtvm.firmware.board_tables import Clock, Uart
from sqtvm.firmware.boards import Board
from sqtvm.firmware.c_literal import comment_text, float_literal, string_literal
from sqtvm.firmware.flash import command_lines
from sqtvm.firmware.layout import emulated_memory, place
from sqtvm.firmware.resources import templates_directory
from sqtvm.firmware.stm32 import FAMILIES

_DRIVER = re.compile(r"(boot|clock|cycles|uart)_\w+\.[cS]")
_ARCHITECTURE = re.compile(r"(?:\w+_)?(cortex_m|riscv)\.[chS]")
# Helpers of the drivers of one vendor's chips.
_FAMILY_HEADER = re.compile(r"(stm32|nrf|rp2)_\w+\.h")
# For TVM's own tools, which look for it in the template and not in a project.
_SKIPPED = "microtvm_api_server.py"
_SHARED = "shared.txt"


def render(platform: str, board: Board, network: NetworkArchive, root: Path) -> None:
    """Write the project's files below ``root``; SqtvmError where there is no such platform."""
    template = templates_directory() / platform
    if not template.is_dir():
        raise SqtvmError(
            f"there is no platform named {platform!r}", f"platforms: {', '.join(platforms())}"
        )
    if platform == "zephyr" and board.zephyr_board is None:
        raise SqtvmError(
            f"{board.name}'s board file does not name Zephyr's board",
            'add zephyr_board = "..." to it, or use --platform baremetal',
        )
    environment = _environment(template)
    values = _values(board, network)
    variants = _variants(board)
    for source, relative in _sources(template):
        if not _belongs(relative, values["drivers"], board.architecture):
            continue
        if relative.parts[0] == "variant":
            for variant, own in variants.items():
                target = root / "variants" / variant / relative.name
                _write(environment, relative, source, target, {**values, **own})
        else:
            _write(environment, relative, source, root / relative, values)


def platforms() -> tuple[str, ...]:
    """The names of the templates, sorted."""
    return tuple(sorted(path.name for path in templates_directory().iterdir() if path.is_dir()))


def _sources(template: Path) -> Iterator[tuple[Path, PurePosixPath]]:
    """Every file with its path in the project, the shared ones last."""
    for source in sorted(path for path in template.rglob("*") if path.is_file()):
        yield source, PurePosixPath(source.relative_to(template).as_posix())
    shared = template / _SHARED
    if shared.is_file():
        for line in shared.read_text(encoding="utf-8").split():
            yield _sharing() / line, PurePosixPath(line)


def _sharing() -> Path:
    return templates_directory() / "baremetal"


def _belongs(relative: PurePosixPath, drivers: Mapping[str, list[str]], architecture: str) -> bool:
    if relative.name in (_SKIPPED, _SHARED) or "__pycache__" in relative.parts:
        return False
    chosen = {PurePosixPath(driver).name for names in drivers.values() for driver in names}
    if _DRIVER.fullmatch(relative.name):
        return relative.name in chosen
    named = _ARCHITECTURE.fullmatch(relative.name)
    if named is not None:
        return named[1] == architecture
    family = _FAMILY_HEADER.fullmatch(relative.name)
    return family is None or any(f"_{family[1]}" in name for name in chosen)


def _write(
    environment: Environment,
    relative: PurePosixPath,
    source: Path,
    target: Path,
    values: Mapping[str, Any],
) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if relative.suffix == ".j2":
        text = environment.get_template(relative.as_posix()).render(values)
        target.with_suffix("").write_text(text, encoding="utf-8")
    else:
        shutil.copyfile(source, target)


def _values(board: Board, network: NetworkArchive) -> dict[str, Any]:
    input_bytes = 0 if network.input_in_workspace else network.input.bytes
    tensor_bytes = input_bytes + network.output.bytes
    placed = place(board, network.workspace_bytes, tensor_bytes, len(network.layers))
    octets = bytes.fromhex(network.sha256)
    return {
        "board": board,
        "network": network,
        "placed": placed,
        "placement": board.placement,
        "stack_bytes": board.stack_bytes,
        "caches": board.caches,
        "architecture": board.architecture,
        "core_flags": board.compiler.flags,
        "toolchain": board.compiler.prefix.rstrip("-"),
        "trigger": board.timestamp is not None,
        "drivers": {
            "board": _drivers(board.clock.kind, board.cycle_counter, board.uart.kind, board.boot),
            "emulator": _drivers(
                "fixed", board.emulator.cycle_counter, _emulated_uart(board).kind, "vectors"
            ),
        },
        "flash_commands": command_lines(board, PurePosixPath("build/board/firmware.elf")),
        "sha256": network.sha256,
        "sha256_rows": [
            ", ".join(f"{octet:#04x}" for octet in octets[start : start + 8])
            for start in range(0, len(octets), 8)
        ],
        "version": sqtvm.__version__,
    }


def _variants(board: Board) -> Mapping[str, Mapping[str, Any]]:
    return {
        "board": {
            "machine": "",
            "regions": board.memory,
            "clock": board.clock,
            "clock_hz": board.clock_hz,
            "uart": board.uart,
            "timestamp": board.timestamp,
            "pin_family": board.uart.pin_family,
            "stm32": FAMILIES.get(board.clock.kind),
            "boot": board.boot,
            # SysTick's interrupt keeps the count of cycles from wrapping unseen.
            "ticks": board.architecture == "cortex_m",
        },
        "emulator": {
            "machine": board.emulator.machine,
            "regions": emulated_memory(board),
            "clock": Clock(kind="fixed"),
            "clock_hz": board.emulator.clock_hz,
            "uart": _emulated_uart(board),
            "timestamp": None,
            "pin_family": None,
            "stm32": None,
            "boot": "vectors",
            # An interrupt would add to the instructions that are counted.
            "ticks": False,
        },
    }


def _emulated_uart(board: Board) -> Uart:
    return board.uart if board.emulator.uart is None else board.emulator.uart


def _drivers(clock: str, cycle_counter: str, uart: str, boot: str) -> list[str]:
    kinds = {"clock": clock, "cycles": cycle_counter, "uart": uart}
    files = [f"src/{what}_{kind.replace('-', '_')}.c" for what, kind in kinds.items()]
    return files if boot == "vectors" else [*files, f"src/boot_{boot}.S"]


def _environment(template: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([template, _sharing()]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["hex"] = lambda number: f"0x{number:08X}"
    environment.filters["c_string"] = string_literal
    environment.filters["c_float"] = float_literal
    environment.filters["comment"] = comment_text
    return environment
