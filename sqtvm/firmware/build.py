"""Compiles a firmware project."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from sqtvm.errors import ToolError
from sqtvm.firmware import zephyr
from sqtvm.firmware.harness import Harness
from sqtvm.firmware.project import Project

Variant: TypeAlias = Literal["board", "emulator"]
# A line of the build's output.
OnOutput: TypeAlias = Callable[[str], None]

_OWN = Harness()
_OVERFLOW = re.compile(r"region `(?P<region>\w+)' overflowed by (?P<bytes>\d+) bytes?")
_ERROR = re.compile(r"\berror\b|undefined reference|: warning:", re.IGNORECASE)
_SPECIAL = frozenset(';"$\\\n\r')
# By the compiler's prefix in the board file.
_COMPILERS = {
    "arm-none-eabi-": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "riscv64-unknown-elf-": "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf",
}


@dataclass(frozen=True)
class Firmware:
    """elf: the linked image, with ``.hex`` and ``.map`` beside it; log: of the whole build."""

    project: Project
    variant: Variant
    elf: Path
    log: Path


def build(
    project: Project,
    variant: Variant,
    on_output: OnOutput | None = None,
    harness: Harness = _OWN,
) -> Firmware:
    """Compile the project's variant in ``build/VARIANT`` below it, with another harness than our
    own in a folder that also says that. A Zephyr project has the board's variant only.

    Raises ToolError where a program is missing, where the firmware does not fit (with the memory
    and the bytes that it lacks), and with the compiler's own first error.
    """
    harness.require_pin(project.board)
    if harness.mode == "energy" and (variant == "emulator" or project.platform == "zephyr"):
        raise ToolError(
            "energy mode is for the baremetal platform's image for the board only",
            "build it with --image board",
        )
    folder = project.path / "build" / f"{variant}{harness.suffix}"
    _require_plain(folder)
    commands = _commands(project, variant, folder, harness)
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "build.log"
    with log.open("w", encoding="utf-8") as file:

        def write(line: str) -> None:
            file.write(line + "\n")
            if on_output is not None:
                on_output(line)

        for command in commands:
            status, lines = _run(command, write)
            if status != 0:
                file.flush()
                raise _explain(project, lines, log)
    return Firmware(project, variant, image_path(project, folder.name), log)


def _require_plain(folder: Path) -> None:
    """CMake takes these for parts of its language, and fails far from where they stand."""
    found = sorted(_SPECIAL.intersection(str(folder.resolve())))
    if found:
        raise ToolError(
            f"{folder}: nothing can be built in a path with {' '.join(map(repr, found))}",
            "give --out another folder",
        )


def image_path(project: Project, image: str) -> Path:
    """Where a build leaves its ELF; image: a folder below the project's ``build``."""
    folder = project.path / "build" / image
    return zephyr.image(folder) if project.platform == "zephyr" else folder / "firmware.elf"


def _commands(
    project: Project, variant: Variant, folder: Path, harness: Harness
) -> list[list[str]]:
    if project.platform == "zephyr":
        if variant == "emulator" or project.board.zephyr_board is None:
            raise ToolError(
                f"a Zephyr project for {project.board.name} has no image for the {variant}",
                "build it for one of Zephyr's QEMU boards, as its README says",
            )
        board = project.board.zephyr_board
        return [zephyr.build_command(project.path, board, folder, harness.definitions())]
    prefix = project.board.compiler.prefix
    compiler = f"{prefix}gcc"
    for program, packages in {"cmake": "cmake", compiler: _COMPILERS.get(prefix, compiler)}.items():
        if shutil.which(program) is None:
            raise ToolError(f"{program} is not installed", f"apt-get install {packages}")
    generator = "Ninja" if shutil.which("ninja") else "Unix Makefiles"
    source = ["-S", str(project.path), "-B", str(folder), f"-DSQTVM_VARIANT={variant}"]
    configure = ["cmake", "-G", generator, *source, *harness.definitions()]
    return [configure, ["cmake", "--build", str(folder)]]


def _run(command: list[str], write: OnOutput) -> tuple[int, list[str]]:
    lines: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            write(lines[-1])
    return process.returncode, lines


def _explain(project: Project, lines: list[str], log: Path) -> ToolError:
    overflows = [match for line in lines if (match := _OVERFLOW.search(line))]
    if overflows:
        lacking = {match["region"]: int(match["bytes"]) for match in overflows}
        described = " and ".join(f"{name} by {count:,} bytes" for name, count in lacking.items())
        return ToolError(
            f"the firmware does not fit {project.board.name}: it overflows {described}",
            "take fewer bits (--budget-flash, --budget-ram) or a board with more memory",
        )
    first = next((line.strip() for line in lines if _ERROR.search(line)), None)
    message = first or (lines[-1].strip() if lines else "no message")
    hint = "run again with -v for the whole output"
    if not any(part.startswith(".") for part in log.parts):
        hint += f", or see {log}"
    return ToolError(f"the firmware did not build: {message}", hint)
