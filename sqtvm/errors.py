"""The one exception family that the command line turns into a clear line and an exit status."""

from __future__ import annotations

import errno


class SqtvmError(Exception):
    """Something the user can mend: what is wrong and where, and what to do about it.

    ``str(error)`` is one line without a trailing full stop; ``hint`` is what to do next.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def from_os_error(error: OSError) -> SqtvmError:
    """A file that cannot be read or written, as something to mend."""
    place = f"{error.filename}: " if error.filename else ""
    hint = {
        errno.ENOSPC: "make room on the disk, then run again: nothing half-written is used",
        errno.EDQUOT: "make room in the quota, then run again: nothing half-written is used",
        errno.EFBIG: "raise the limit of a file's size, then run again",
        errno.EROFS: "give --out in a place that you may write to",
        errno.EACCES: "give a place that you may read and write",
        errno.EPERM: "give a place that you may read and write",
        errno.ENOENT: "check the path",
        errno.ENOTDIR: "check the path: a part of it is a file",
        errno.EEXIST: "check the path: a file stands where a folder must",
    }.get(error.errno or 0, "check the path and the disk")
    return SqtvmError(f"{place}{(error.strerror or str(error)).lower()}", hint)


class ModelError(SqtvmError):
    """The model cannot be loaded, or holds an operator that sqtvm does not know."""


class DataError(SqtvmError):
    """The data cannot be read or does not fit the model."""


class BoardError(SqtvmError):
    """The board is unknown or its description is wrong."""


class ToolError(SqtvmError):
    """A program that sqtvm calls is missing or failed."""


class MeasurementError(SqtvmError):
    """The target did not answer, or answered something other than was asked."""
