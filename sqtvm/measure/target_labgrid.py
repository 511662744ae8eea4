"""Boards of a farm: labgrid's drivers for power, flash and serial of one place.

The environment file is labgrid's own. Its target may hold local resources, or a ``RemotePlace``
that a coordinator lends; the place has to be acquired, as for every labgrid client.
"""

from __future__ import annotations

import atexit
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqtvm.errors import MeasurementError, ToolError
from sqtvm.measure.target import Target

# An environment's driver that takes its image by name, as QEMUDriver's kernel, finds it here.
IMAGE_NAME = "sqtvm"
_READ_SECONDS = 0.03

_LOG = logging.getLogger(__name__)


@contextmanager
def acquired_line(target: Target, elf: Path) -> Iterator[ConsoleLine]:
    """The console of the place, with the firmware flashed and the board freshly started.

    Raises ToolError where labgrid is not installed, MeasurementError with labgrid's own message
    where a driver fails.
    """
    try:
        from labgrid.protocol import BootstrapProtocol, ConsoleProtocol, PowerProtocol
    except ImportError as error:
        raise ToolError("labgrid is not installed", "pip install 'sqtvm[farm]'") from error
    if not Path(target.port).is_file():
        raise MeasurementError(
            f"there is no labgrid environment {target.port}", "give labgrid:ENV.yaml#PLACE"
        )
    with _explained(target):
        environment = _environment(str(Path(target.port).resolve()))
        environment.config.data.setdefault("images", {})[IMAGE_NAME] = str(elf.resolve())
        known = environment.config.get_targets()
    if target.place not in known:
        raise MeasurementError(
            f"{target.port} has no target {target.place!r}", f"targets: {', '.join(known)}"
        )
    with _explained(target):
        place = environment.get_target(target.place)
    if place is None:
        raise MeasurementError(f"{target.port} says nothing of the target {target.place!r}")
    try:
        with _explained(target):
            power = _driver(place, PowerProtocol)
            loader = _driver(place, BootstrapProtocol)
            if power is not None:
                # Before anything is flashed: a board that is off has no probe to talk to.
                power.on()
            if loader is not None:
                loader.load(str(elf.resolve()))
                if power is not None:
                    power.cycle()
            line = ConsoleLine(place.get_driver(ConsoleProtocol), str(target))
        yield line
    finally:
        _release(place)


@cache
def _environment(file: str) -> Any:
    """Read once: what an environment imports registers its drivers for the whole process."""
    from labgrid import Environment

    return Environment(file)


class ConsoleLine:
    """A ``Line`` over a console driver of labgrid."""

    def __init__(self, console: Any, address: str) -> None:
        self.address = address
        self._console = console

    def read(self, count: int) -> bytes:
        from pexpect import TIMEOUT

        try:
            with _as_os_error():
                data = self._console.read(count, timeout=_READ_SECONDS, max_size=count)
        except TIMEOUT:
            return b""
        return bytes(data or b"")

    def write(self, data: bytes) -> None:
        written = 0
        while written < len(data):
            with _as_os_error():
                try:
                    written += self._console.write(data[written:])
                except BlockingIOError:
                    time.sleep(_READ_SECONDS)

    def come_back(self, end: float) -> bool:
        """False: labgrid's resources are bound once, so a place that is lost stays lost."""
        return False

    def close(self) -> None:
        """The console belongs to the place, which is released with all its drivers."""


def _driver(place: Any, protocol: type) -> Any:
    """The active driver of that protocol, None where the place has none."""
    from labgrid.exceptions import NoDriverFoundError

    try:
        return place.get_driver(protocol)
    except NoDriverFoundError:
        return None


def _release(place: Any) -> None:
    try:
        place.deactivate_all_drivers()
    # A driver whose other end is gone fails here too; what it said first is what counts.
    except Exception:
        _LOG.debug("releasing the place failed", exc_info=True)
        # At exit labgrid would try once more, and print this.
        atexit.unregister(place._atexit_cleanup)


@contextmanager
def _explained(target: Target) -> Iterator[None]:
    """labgrid's drivers raise whatever the library below them does."""
    try:
        yield
    except Exception as error:
        message = " ".join(str(getattr(error, "msg", "") or error).split()) or type(error).__name__
        raise MeasurementError(
            f"{target}: {message}",
            "check that the place is acquired (labgrid-client -p PLACE acquire) and its drivers",
        ) from error


@contextmanager
def _as_os_error() -> Iterator[None]:
    """What a console's driver raises where its line is gone has no type of its own."""
    from pexpect import TIMEOUT

    try:
        yield
    except (OSError, TIMEOUT):
        raise
    except Exception as error:
        raise OSError(str(getattr(error, "msg", "") or error)) from error
