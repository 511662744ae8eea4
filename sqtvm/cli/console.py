"""What goes to the terminal: results to stdout, progress and errors to stderr."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console, RenderableType

from sqtvm.cli.progress_display import progress_display
from sqtvm.cli.status import ExitStatus
from sqtvm.errors import SqtvmError, from_os_error
from sqtvm.progress import OnProgress, Progress

# Importing them takes seconds, and a command that says nothing looks stuck.
STARTING = Progress("start", "loading torch and TVM")

_PIPE_WIDTH = 120


def _console(error: bool) -> Console:
    stream = sys.stderr if error else sys.stdout
    if stream.isatty():
        return Console(file=stream, highlight=False)
    return Console(file=stream, highlight=False, width=_PIPE_WIDTH, no_color=True)


def show(result: RenderableType, quiet: bool = False) -> None:
    """Print a result; nothing when quiet."""
    if not quiet:
        _console(error=False).print(result)


def show_json(value: object) -> None:
    """Print a value as JSON; to ask for JSON is to want it, so quiet does not stop it."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def show_text(text: str) -> None:
    """Print text as it is, unwrapped and unstyled."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def show_error(message: str, hint: str = "") -> None:
    """One line to stderr, and one more with what to do."""
    console = _console(error=True)
    console.print(f"[bold red]error:[/] {_escaped(message)}", soft_wrap=True)
    if hint:
        console.print(f"[bold]hint:[/]  {_escaped(hint)}", soft_wrap=True)


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("[", r"\[")


@contextmanager
def session(quiet: bool, verbose: bool) -> Iterator[OnProgress]:
    """Run a command's work: shows its progress, and its errors as lines, never as a traceback.

    verbose: also what the stages and the tools they call have to say, and tracebacks.
    """
    if verbose:
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(name)s: %(message)s")
        for noisy in ("matplotlib", "torch", "asyncio", "te_compiler", "autotvm"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
    else:
        warnings.simplefilter("ignore")
    # Otherwise joblib looks for physical cores, and where /sys is hidden says at length that
    # it found none.
    os.environ.setdefault("LOKY_MAX_CPU_COUNT", str(os.cpu_count() or 1))
    try:
        with progress_display(_console(error=True), quiet) as on_progress:
            yield on_progress
    except SqtvmError as error:
        if verbose:
            traceback.print_exc()
        show_error(str(error), error.hint)
        raise typer.Exit(ExitStatus.ERROR) from error
    except (typer.Exit, typer.Abort, BrokenPipeError):
        raise
    except OSError as error:
        if verbose:
            traceback.print_exc()
        mendable = from_os_error(error)
        show_error(str(mendable), mendable.hint)
        raise typer.Exit(ExitStatus.ERROR) from error
    except MemoryError as error:
        if verbose:
            traceback.print_exc()
        show_error(
            f"the memory does not suffice: {error}".rstrip(": "),
            "give fewer or smaller samples, or close other programs",
        )
        raise typer.Exit(ExitStatus.ERROR) from error
    except Exception as error:
        if verbose:
            traceback.print_exc()
        show_error(
            f"{type(error).__name__}: {error}",
            "this is a fault in sqtvm; run again with -v and report what it shows",
        )
        raise typer.Exit(ExitStatus.ERROR) from error
