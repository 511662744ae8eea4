"""The ``sqtvm`` command: reads what is asked for, calls the stages, shows what they found."""

from sqtvm.cli.app import main

__all__ = ["main"]
