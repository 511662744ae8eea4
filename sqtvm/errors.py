"""The one exception family that the command line turns into a clear line and an exit status."""

from __future__ import annotations


class SqtvmError(Exception):
    """Something the user can mend: what is wrong and where, and what to do about it.

    ``str(error)`` is one line without a trailing full stop; ``hint`` is what to do next.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


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
