"""The folder that a deployment writes to: one at a time, and nothing left of a dead one."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqtvm.errors import SqtvmError, from_os_error
from sqtvm.report.files import PARTIAL_PREFIX

LOCK_FILE = ".sqtvm-lock"
ROUNDS_PREFIX = ".rounds-"
# What the stages name their temporary files and folders before they rename them.
_PREFIXES = (ROUNDS_PREFIX, PARTIAL_PREFIX, ".project-", ".model.tar")


@contextmanager
def output_folder(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for one deployment; makes it where it is missing.

    The kernel lets go of the lock when its holder dies, so a killed deployment stops nobody; what
    it left half-written is removed. Raises SqtvmError where another deployment holds the folder,
    and where a file of it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(handle, folder)
            for left in folder.iterdir():
                if left.name.startswith(_PREFIXES):
                    _remove(left)
            yield
        finally:
            os.close(handle)
    except OSError as error:
        raise from_os_error(error) from error


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SqtvmError(
            f"{folder}: another deployment is writing there",
            "wait until it is done, or give --out another folder",
        ) from None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
