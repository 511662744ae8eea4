"""The command's entry point and its list of commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

import sqtvm
from sqtvm.cli import boards, store
from sqtvm.cli.allocate import allocate
from sqtvm.cli.analyze import analyze
from sqtvm.cli.build import build
from sqtvm.cli.calibrate import calibrate
from sqtvm.cli.compile import compile_
from sqtvm.cli.console import show_text
from sqtvm.cli.deploy import deploy
from sqtvm.cli.doctor import doctor
from sqtvm.cli.flash import flash
from sqtvm.cli.help_text import unwrapped
from sqtvm.cli.init import init
from sqtvm.cli.profile import profile
from sqtvm.cli.run import run
from sqtvm.cli.status import STATUS_HELP

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
    try:
        app()
    except BrokenPipeError:
        # The reader of the output has left, as `sqtvm boards | head -1` does; Python would
        # complain again when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
