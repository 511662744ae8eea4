"""``sqtvm store``: what was measured before and is not built again."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer
from rich.markup import escape
from rich.table import Table

from sqtvm.cli import options
from sqtvm.cli.console import session, show, show_json, show_text
from sqtvm.cli.help_text import unwrapped
from sqtvm.cli.status import STATUS_HELP
from sqtvm.measure.store import CostRow, CostStore
from sqtvm.report.files import write_whole
from sqtvm.settings import SettingsError

group = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

_Board: TypeAlias = Annotated[
    str | None, typer.Option("--board", metavar="NAME", help="of this board only")
]
_File: TypeAlias = Annotated[
    Path | None,
    typer.Option("--store", metavar="FILE", dir_okay=False, help="instead of the user's own"),
]


def store() -> None:
    """What was measured before and is not built again.

    Costs of layers and of whole firmware, from the emulator and from boards, in one file of the
    user's cache folder.

    [bold]Examples[/]

    \b
    sqtvm store list
    sqtvm store export costs.csv
    """


def list_costs(
    board: _Board = None,
    store: _File = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """List what is known: how many costs, by board, kind and how they are known.

    [bold]Examples[/]

    \b
    sqtvm store list
    sqtvm store list --board stm32f746 --json
    """
    with session(quiet, verbose):
        kept = CostStore(store)
        rows = kept.rows(board)
    groups = Counter((row.board, row.kind, row.source, row.timing) for row in rows)
    if as_json:
        keys = ("board", "kind", "source", "timing")
        values = [dict(zip(keys, key, strict=True)) | {"rows": n} for key, n in groups.items()]
        show_json(values)
        return
    table = Table(box=None, pad_edge=False)
    for name in ("Board", "Of a", "Source", "Cycles by", "Rows"):
        table.add_column(name, justify="right" if name == "Rows" else "left")
    for key, count in groups.items():
        table.add_row(*(escape(part) for part in key), f"{count:,}")
    show(table, quiet)
    show(f"\n{len(rows):,} costs in {kept.path}", quiet)


def show_costs(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="of a kernel or a model, or its beginning")
    ] = "",
    board: _Board = None,
    store: _File = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Show costs one by one, with what they hang on.

    [bold]Examples[/]

    \b
    sqtvm store show sqtvm_conv2d
    sqtvm store show --board stm32f746
    """
    with session(quiet, verbose):
        rows = [row for row in CostStore(store).rows(board) if row.name.startswith(name)]
        if not rows:
            raise SettingsError(f"nothing is known of {name or 'anything'!r}", "sqtvm store list")
    if as_json:
        show_json([asdict(row) for row in rows])
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("Board", "Name", "Shape", "Bits", "Instructions", "Cycles", "ms", "Source"):
        right = heading in ("Bits", "Instructions", "Cycles", "ms")
        table.add_column(heading, justify="right" if right else "left")
    for row in rows:
        instructions = "" if row.instructions is None else f"{row.instructions:,}"
        table.add_row(
            escape(row.board),
            escape(row.name),
            escape(row.shape),
            str(row.weight_bits or ""),
            instructions,
            f"{row.cycles:,.0f}",
            f"{row.ms:.4f}",
            f"{row.source}, {row.timing}",
        )
    show(table, quiet)


def prune_costs(
    board: _Board = None,
    days: Annotated[
        int | None,
        typer.Option("--older-than", min=0, max=36500, metavar="DAYS", help="only what is older"),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="forget all of it")] = False,
    store: _File = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Forget costs; they are measured again when they are needed.

    [bold]Examples[/]

    \b
    sqtvm store prune --older-than 30
    sqtvm store prune --board stm32f746
    sqtvm store prune --all
    """
    with session(quiet, verbose):
        if board is None and days is None and not everything:
            raise SettingsError(
                "nothing says what to forget", "give --board, --older-than or --all"
            )
        before = None if days is None else datetime.now(UTC) - timedelta(days=days)
        gone = CostStore(store).prune(board, before)
    show(f"{gone:,} costs forgotten", quiet)


def export_costs(
    out: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", dir_okay=False, help=".csv or .json; CSV to stdout if none"),
    ] = None,
    board: _Board = None,
    store: _File = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Write all costs for other programs, as CSV or JSON.

    [bold]Examples[/]

    \b
    sqtvm store export costs.csv
    sqtvm store export --board stm32f746 > costs.csv
    """
    with session(quiet, verbose):
        rows = CostStore(store).rows(board)
        text = _export(rows, _kind(out))
        if out is not None:
            write_whole(out, text.encode())
    if out is None:
        show_text(text.rstrip("\n"))
    else:
        show(f"{len(rows):,} costs in {out}", quiet)


def _kind(out: Path | None) -> Literal["csv", "json"]:
    suffix = ".csv" if out is None else out.suffix.lower()
    if suffix not in (".csv", ".json"):
        raise SettingsError(f"{out}: is neither .csv nor .json", "give a name that ends with one")
    return "csv" if suffix == ".csv" else "json"


def _export(rows: Sequence[CostRow], kind: Literal["csv", "json"]) -> str:
    if kind == "json":
        return json.dumps([asdict(row) for row in rows], indent=2) + "\n"
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(CostRow)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()


group.callback(help=unwrapped(store), epilog=STATUS_HELP)(store)
for name, command in (
    ("list", list_costs),
    ("show", show_costs),
    ("prune", prune_costs),
    ("export", export_costs),
):
    group.command(name, help=unwrapped(command), epilog=STATUS_HELP)(command)
