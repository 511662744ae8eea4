"""Files that users name: whole ones of a sensible size are read, everything else is refused."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

# Far above any settings, board, allocation or report.
_LARGEST_TEXT = 64 << 20


def require_regular(path: Path) -> int:
    """The file's size in bytes. Raises OSError where there is none, and for what is no regular
    file: a pipe or a device might never end."""
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return found.st_size


def read_small(path: Path) -> bytes:
    """The bytes of a file that people or sqtvm write. Raises OSError as ``require_regular``, and
    for one that is larger than any such can be."""
    size = require_regular(path)
    if size > _LARGEST_TEXT:
        raise OSError(errno.EFBIG, f"it has {size:,} bytes, far too many", str(path))
    return path.read_bytes()
