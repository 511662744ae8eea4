"""A board at a serial port that is none: what is flashed to it runs in QEMU."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

from sqtvm.errors import BoardError
from sqtvm.firmware.boards import Board, load_board
from sqtvm.measure.counted import emulated_machine
from sqtvm.measure.emulator import Machine

_BUILDS = shutil.ignore_patterns("build")
_CLOCK = re.compile(r"(?<=#define BOARD_CLOCK_HZ )\w+")


class VirtualBoard:
    """Waits for images at ``socket_path``; ``name_path`` tells which board was flashed last.

    Of a project whose image for the board is flashed, the image for the emulator is built and
    started, every instruction taking 64 ns, so that its counter counts. It listens at the same
    port each time: ``address``, as pyserial opens it.
    """

    def __init__(self, folder: Path) -> None:
        self.socket_path = folder / "virtual-board.socket"
        self.name_path = folder / "virtual-board.name"
        self.name_path.write_text("")
        self._copy = folder / "virtual-board"
        # The port of a board is there even where nothing runs on it yet.
        self._silent: socket.socket | None = socket.create_server(("127.0.0.1", 0))
        self._port = self._silent.getsockname()[1]
        self.address = f"socket://127.0.0.1:{self._port}"
        self._qemu: subprocess.Popen[bytes] | None = None
        self._messages = (folder / "virtual-board.log").open("w+b", buffering=0)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.socket_path))
        self._listening.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listening.close()
        self.power_off()
        if self._silent is not None:
            self._silent.close()
        self._messages.close()

    def power_off(self) -> None:
        """Flashing turns it on again; a command that is over needs it no longer."""
        if self._qemu is not None:
            self._qemu.kill()
            self._qemu.wait()
            self._qemu = None
        if self._silent is None:
            self._silent = socket.create_server(("127.0.0.1", self._port))

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection, connection.makefile() as lines:
                image = Path(lines.readline().strip())
                try:
                    self._flash(image)
                    answer = "flashed"
                except Exception as error:
                    answer = f"Error: {error}"
                connection.sendall(f"{' '.join(answer.split())}\n".encode())

    def _flash(self, image: Path) -> None:
        self.power_off()
        project = image.parents[2]
        named = json.loads((project / "sqtvm-project.json").read_text())
        machine = emulated_machine(_board(named["board"], project))
        source = self._copy / re.sub(r"\W", "-", str(project))
        build = source / "build"
        # Anew, since another project may have been at the same place, with newer files.
        shutil.rmtree(source, ignore_errors=True)
        shutil.copytree(project, source, ignore=_BUILDS)
        _claim_the_boards_clock(source / "variants")
        configure = ["-G", "Ninja", "-S", str(source), "-B", str(build)]
        for arguments in ([*configure, "-DSQTVM_VARIANT=emulator"], ["--build", str(build)]):
            subprocess.run(["cmake", *arguments], check=True, capture_output=True)
        self._start(machine, build / "firmware.elf")
        self.name_path.write_text(named["board"])

    def _start(self, machine: Machine, elf: Path) -> None:
        if self._silent is not None:
            self._silent.close()
            self._silent = None
        messages = self._messages
        messages.seek(0)
        messages.truncate()
        self._qemu = subprocess.Popen(
            [
                *(machine.program, "-machine", machine.machine),
                *(("-cpu", machine.cpu) if machine.cpu else ()),
                *machine.options,
                *("-nographic", "-monitor", "none", "-icount", "shift=6,sleep=off"),
                *("-serial", f"tcp:127.0.0.1:{self._port},server=on,wait=on,nodelay=on"),
                *("-kernel", str(elf)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=messages,
            stderr=messages,
        )
        end = time.monotonic() + 20
        while time.monotonic() < end:
            said = os.pread(messages.fileno(), 1 << 16, 0)
            if b"waiting for connection" in said:
                return
            if self._qemu.poll() is not None:
                raise RuntimeError(said.decode())
            time.sleep(0.01)
        raise RuntimeError("QEMU does not listen")


def _claim_the_boards_clock(variants: Path) -> None:
    clock = _CLOCK.search((variants / "board" / "board.h").read_text())
    assert clock is not None
    emulated = variants / "emulator" / "board.h"
    emulated.write_text(_CLOCK.sub(clock[0], emulated.read_text()))


def _board(name: str, project: Path) -> Board:
    """One of sqtvm's, or a board file beside the project or one folder further up."""
    for path in (*project.parent.glob("*.toml"), *project.parents[1].glob("*.toml")):
        try:
            board = load_board(path)
        except BoardError:
            continue
        if board.name == name:
            return board
    return load_board(name)
