"""``sqtvm doctor``: what is found, what is missing and how to install it."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.markup import escape
from rich.table import Table

from sqtvm.cli import options
from sqtvm.cli.console import session, show, show_json
from sqtvm.cli.status import ExitStatus


def doctor(
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Say which tools are found, which are missing and the command that installs them.

    Ends with status 1 where something is missing that sqtvm needs.

    [bold]Examples[/]

    \b
    sqtvm doctor
    sqtvm doctor --json
    """
    with session(quiet, verbose):
        from sqtvm.doctor import examine, install_commands

        findings = examine()
        commands = install_commands(findings)
    if as_json:
        found = [asdict(finding) for finding in findings]
        show_json({"complete": not commands, "findings": found, "install": commands})
    else:
        table = Table(box=None, pad_edge=False)
        for name in ("", "Tool", "What for", "Found"):
            table.add_column(name, overflow="fold")
        for finding in findings:
            mark = "[green]✓[/]" if finding.found else "[bold red]✗[/]" if finding.needed else "·"
            absent = "missing" if finding.needed else "not found (not needed without a board)"
            table.add_row(mark, finding.name, finding.purpose, escape(finding.found or absent))
        show(table, quiet)
        for command in commands:
            show(f"\nTo install what is missing:\n  {escape(command)}", quiet)
        if not commands:
            show("\nEverything that is needed is here.", quiet)
    if commands:
        raise typer.Exit(ExitStatus.ERROR)
