"""A running QEMU with its serial line on a local TCP port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from sqtvm.errors import MeasurementError, ToolError

_PORT_TRIES = 5
_START_SECONDS = 20.0
_STOP_SECONDS = 5.0
_MESSAGE_BYTES = 1 << 16


@dataclass(frozen=True)
class Machine:
    """program: as in ``qemu-system-arm``; machine, cpu: QEMU's names, no cpu for its default."""

    program: str
    machine: str
    cpu: str | None = None
    options: tuple[str, ...] = ()


class Emulator:
    """QEMU running one firmware; use as a context manager, which always ends it.

    ``address`` is what pyserial opens. QEMU waits with the first instruction until a session is
    connected. Raises ToolError where QEMU cannot be started, with QEMU's own message.
    """

    def __init__(self, machine: Machine, elf: Path, plugin: Sequence[str] = ()) -> None:
        self._machine = machine
        self._elf = elf
        self._plugin = tuple(plugin)
        self._process: subprocess.Popen[bytes] | None = None
        self._messages: IO[bytes] | None = None
        self.address = ""

    def __enter__(self) -> Emulator:
        self._messages = tempfile.TemporaryFile()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End QEMU, by force where it does not end by itself."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._messages is not None:
            self._messages.close()
            self._messages = None

    def explain(self, error: MeasurementError) -> MeasurementError:
        """The same error with what QEMU said, where it said something or ended by itself."""
        said = self._said()
        status = None if self._process is None else self._process.poll()
        if status is None and not said:
            return error
        state = "still runs" if status is None else f"ended with status {status}"
        return MeasurementError(
            f"{error}; the emulator {state}: {said or 'no message'}", error.hint
        )

    def _start(self) -> None:
        for _ in range(_PORT_TRIES):
            port = _free_port()
            self._process = self._launch(port)
            if self._wait_until_listening(port):
                self.address = f"socket://127.0.0.1:{port}"
                return
            said = self._said()
            self._process.wait()
            self._process = None
            if "Address already in use" not in said:
                raise ToolError(
                    f"{self._machine.program} -machine {self._machine.machine} did not start: "
                    f"{said or 'no message'}",
                    "check 'sqtvm doctor', and that the firmware was built for the emulator",
                )
        raise ToolError(
            f"{self._machine.program} found its port taken {_PORT_TRIES} times", "try again"
        )

    def _launch(self, port: int) -> subprocess.Popen[bytes]:
        machine = self._machine
        command = [
            *_ended_with_this_process(machine.program),
            machine.program,
            *("-machine", machine.machine),
            *(("-cpu", machine.cpu) if machine.cpu else ()),
            *machine.options,
            *("-nographic", "-monitor", "none"),
            *("-serial", f"tcp:127.0.0.1:{port},server=on,wait=on,nodelay=on"),
            *self._plugin,
            *("-kernel", str(self._elf)),
        ]
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=self._messages,
                stderr=self._messages,
            )
        except OSError as error:
            raise ToolError(
                f"the emulator {machine.program} cannot be started: {error}",
                "install it: apt-get install qemu-system-arm",
            ) from error

    def _wait_until_listening(self, port: int) -> bool:
        """False when QEMU ended. Does not connect: QEMU serves the first connection only."""
        assert self._process is not None
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            if self._process.poll() is not None:
                return False
            if b"waiting for connection" in self._read_messages():
                return True
            time.sleep(0.01)
        raise ToolError(
            f"{self._machine.program} did not open its serial port in {_START_SECONDS:g} s",
            "check the load of this machine, then try again",
        )

    def _read_messages(self) -> bytes:
        if self._messages is None:
            return b""
        # Without moving the file's position, which QEMU shares and writes at.
        return os.pread(self._messages.fileno(), _MESSAGE_BYTES, 0)

    def _said(self) -> str:
        lines = self._read_messages().decode("utf-8", "replace").splitlines()
        return "; ".join(
            line.strip() for line in lines if line.strip() and "waiting for connection" not in line
        )


def _ended_with_this_process(program: str) -> list[str]:
    """What goes before a command so that the kernel ends it when we are killed.

    Nothing where there is no setpriv (util-linux), which would hide that ``program`` is missing.
    """
    if shutil.which("setpriv") and shutil.which(program):
        return ["setpriv", "--pdeathsig", "KILL"]
    return []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
