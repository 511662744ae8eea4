"""How a long job tells where it is; the library never prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Progress:
    """stage: one word; message: what is being done; done and total: steps, total 0 if unknown;
    lasting: the message is a result that stays on the screen."""

    stage: str
    message: str
    done: int = 0
    total: int = 0
    lasting: bool = False


OnProgress: TypeAlias = Callable[[Progress], None]


def counted(on_progress: OnProgress, stage: str, message: str) -> Callable[[int, int], None]:
    """Tells of steps that are done, and of how many, in one stage."""

    def tell(done: int, total: int) -> None:
        on_progress(Progress(stage, message, done, total))

    return tell


def silent(_progress: Progress) -> None:
    """For callers who do not want to know."""
