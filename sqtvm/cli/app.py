"""The command's entry point and its list of commands."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

import sqtvm
from sqtvm.cli import boards, store
from sqtvm.cli.allocate import allocate
from sqtvm.cli.analyze import analyze
from sqtvm.cli.build import build
from sqtvm.cli.calibrate import calibrate
from sqtvm.cli.compile import compile_
from sqtvm.cli.console import show_error, show_text
from sqtvm.cli.deploy import deploy
from sqtvm.cli.doctor import doctor
from sqtvm.cli.flash import flash
from sqtvm.cli.help_text import unwrapped
from sqtvm.cli.init import init
from sqtvm.cli.profile import profile
from sqtvm.cli.run import run
from sqtvm.cli.status import STATUS_HELP, ExitStatus

_HELP = """A PyTorch model in, microcontroller firmware that holds a latency, memory, energy and \
accuracy budget out. [bold]deploy[/] does it all; the other commands are its stages.

[bold]Examples[/]

\b
sqtvm init && $EDITOR sqtvm.toml && sqtvm deploy
sqtvm deploy net.onnx --data test.npz --board stm32f746 --budget-ms 50
sqtvm deploy --help
"""

app = typer.Typer(
    name="sqtvm",
    help=_HELP,
    epilog=STATUS_HELP,
    rich_markup_mode="rich",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        show_text(f"sqtvm {sqtvm.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", help="print the version", callback=_version, is_eager=True),
    ] = False,
) -> None:
    pass


_COMMANDS: dict[str, Callable[..., None]] = {
    "deploy": deploy,
    "init": init,
    "analyze": analyze,
    "allocate": allocate,
    "compile": compile_,
    "build": build,
    "flash": flash,
    "run": run,
    "profile": profile,
    "calibrate": calibrate,
    "doctor": doctor,
}
for name, command in _COMMANDS.items():
    app.command(name, help=unwrapped(command), epilog=STATUS_HELP)(command)
app.add_typer(boards.group, name="boards")
app.add_typer(store.group, name="store")


def main() -> None:
    """Run the command of ``sys.argv`` and exit with its status."""
    _mend_streams()
    try:
        app()
    except BrokenPipeError:
        # The reader of the output has left, as `sqtvm boards | head -1` does.
        _leave_without_flushing()
    except OSError as error:
        # Commands tell their own errors: what is left is that their output cannot be written.
        show_error(f"the output cannot be written: {(error.strerror or str(error)).lower()}")
        _leave_without_flushing()


def _mend_streams() -> None:
    """A closed stream swallows what is written to it; letters that it has no code for become
    question marks."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115, it stays open
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _leave_without_flushing() -> NoReturn:
    """Python would complain again when it writes the rest at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(ExitStatus.ERROR)
