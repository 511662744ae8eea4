"""Help from docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Callable

_VERBATIM = "\b"


def unwrapped(command: Callable[..., None]) -> str:
    """The docstring with each paragraph as one line, so that it wraps where the terminal ends.

    Paragraphs that begin with the backspace character stay as they are, as for typer.
    """
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    return "\n\n".join(
        paragraph if paragraph.startswith(_VERBATIM) else " ".join(paragraph.split())
        for paragraph in paragraphs
    )
