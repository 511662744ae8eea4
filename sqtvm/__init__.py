"""sqtvm: a PyTorch model in, microcontroller firmware that meets a budget out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqtvm.allocate.budget import Budget as Budget
    from sqtvm.api import deploy as deploy
    from sqtvm.api import load as load

__version__ = "0.1.0"
__all__ = ["Budget", "__version__", "deploy", "load"]


def __getattr__(name: str) -> object:
    """``deploy``, ``load`` and ``Budget`` on first use: importing torch and TVM takes seconds."""
    if name in ("deploy", "load", "Budget"):
        from sqtvm import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
