"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sqtvm.errors import SqtvmError

# Of the names of files that are not whole yet.
PARTIAL_PREFIX = ".partial-"


def write_whole(path: Path, content: bytes) -> None:
    """Write by way of a temporary file beside ``path``, so that no reader sees half of it.

    SqtvmError where the folder is missing or cannot be written to.
    """
    try:
        handle, temporary = tempfile.mkstemp(
            dir=path.parent, prefix=f"{PARTIAL_PREFIX}{path.name}-"
        )
    except OSError as error:
        raise SqtvmError(
            f"{path} cannot be written: {error.strerror}",
            "give a path in a folder that is there and that you may write to",
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
