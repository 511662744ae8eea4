"""``sqtvm boards``: the boards that are known, and one of them in full."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from sqtvm.cli import options
from sqtvm.cli.console import session, show, show_json
from sqtvm.cli.help_text import unwrapped
from sqtvm.cli.status import STATUS_HELP
from sqtvm.firmware.boards import Board, board_file, board_names, load_board
from sqtvm.report.numbers import size

group = typer.Typer(invoke_without_command=True, rich_markup_mode="rich")


def boards(
    context: typer.Context,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """The boards that come with sqtvm; without a subcommand, their list.

    [bold]Examples[/]

    \b
    sqtvm boards
    sqtvm boards show stm32f746
    sqtvm boards show path/to/my-board.toml
    """
    if context.invoked_subcommand is None:
        list_boards(as_json, quiet, verbose)


def list_boards(
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """List the boards by name, with core, clock and memory.

    [bold]Examples[/]

    \b
    sqtvm boards list
    sqtvm boards list --json
    """
    with session(quiet, verbose):
        known = [load_board(name) for name in board_names()]
    if as_json:
        show_json([board.model_dump(mode="json") for board in known])
        return
    table = Table(box=None, pad_edge=False)
    for name in ("Name", "Core", "MHz", "Flash", "RAM", "Emulated as", "Board"):
        table.add_column(name, justify="right" if name in ("MHz", "Flash", "RAM") else "left")
    for board in known:
        table.add_row(
            board.name,
            board.core,
            f"{board.clock_hz / 1e6:g}",
            size(board.flash_bytes),
            size(board.ram_bytes),
            board.emulator.machine,
            escape(board.description),
        )
    show(table, quiet)


def show_board(
    name: Annotated[
        str, typer.Argument(help="a name of the list, or a board file", metavar="NAME")
    ],
    as_json: options.AsJson = False,
    as_file: Annotated[
        bool, typer.Option("--toml", help="its file as it is, to begin one of your own with")
    ] = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Show everything that is known of one board, and from where it is known.

    [bold]Examples[/]

    \b
    sqtvm boards show stm32f746
    sqtvm boards show ./my-board.toml --json
    sqtvm boards show stm32f446 --toml > my-board.toml
    """
    with session(quiet, verbose):
        board = load_board(name)
        content = board_file(name).read_text(encoding="utf-8")
    if as_file:
        typer.echo(content, nl=False)
    elif as_json:
        show_json(board.model_dump(mode="json"))
    else:
        show(_details(board), quiet)


def _details(board: Board) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in _rows(board.model_dump(mode="json", exclude_none=True), ""):
        table.add_row(key, escape(value))
    return table


def _rows(value: object, key: str) -> Iterator[tuple[str, str]]:
    """Every figure of nested tables with its dotted key, as the board's file has it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _rows(inner, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for number, inner in enumerate(value, 1):
            yield from _rows(inner, f"{key}.{number}")
    elif isinstance(value, list):
        yield key, ", ".join(str(inner) for inner in value)
    else:
        yield key, _figure(key.rpartition(".")[2], value)


def _figure(name: str, value: object) -> str:
    if isinstance(value, int) and name in ("origin", "base"):
        return f"{value:#010x}"
    if isinstance(value, int) and not isinstance(value, bool):
        if name.endswith("_hz"):
            return f"{value / 1e6:g} MHz"
        if name == "size" or name.endswith("_bytes"):
            return size(value)
    return str(value)


group.callback(help=unwrapped(boards), epilog=STATUS_HELP)(boards)
group.command("list", help=unwrapped(list_boards), epilog=STATUS_HELP)(list_boards)
group.command("show", help=unwrapped(show_board), epilog=STATUS_HELP)(show_board)
