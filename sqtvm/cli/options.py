"""Options that several commands share, and how they become settings."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer

from sqtvm.settings import (
    SETTINGS_FILE,
    DeploySettings,
    checked,
    merge,
    parse_executor_option,
    parse_measure,
    parse_meter_option,
    parse_size,
    read_settings_file,
    resolve,
)

_BUDGETS = "Budgets"
_INPUTS = "Inputs"
_SEARCH = "Search"
_MEASURING = "Measuring"
_OUTPUT = "Output"


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _measure(text: str) -> str:
    try:
        return parse_measure(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _executor(text: str) -> str:
    try:
        return parse_executor_option(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _meter(text: str) -> str:
    try:
        return parse_meter_option(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


ModelArgument: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="MODEL",
        help="package.module:factory (runs that code), a .pt2 of torch.export or an .onnx (whose "
        f"loading never runs code); without it, everything is read from {SETTINGS_FILE} in the "
        "current folder, and flags win",
        show_default=False,
    ),
]
Data: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="DATA",
        help="samples that accuracy is judged on: an .npz with x and y, or package.module:factory "
        "that gives a torch Dataset",
        rich_help_panel=_INPUTS,
    ),
]
Calibration: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="DATA",
        help="samples for the ranges of the activations; by default some of the data",
        rich_help_panel=_INPUTS,
    ),
]
Training: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="DATA",
        help="labelled samples that guide the choice of bits, and for --fine-tune",
        rich_help_panel=_INPUTS,
    ),
]
LossOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--loss",
        metavar="FUNCTION",
        help="package.module:function of logits and labels that training lowers, instead of the "
        "cross-entropy",
        rich_help_panel=_INPUTS,
    ),
]
Board: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="a board of 'sqtvm boards', or a .toml of your own",
        rich_help_panel=_INPUTS,
    ),
]
BudgetMs: TypeAlias = Annotated[
    float | None,
    typer.Option(min=1e-6, metavar="MS", help="time of one inference", rich_help_panel=_BUDGETS),
]
BudgetFlash: TypeAlias = Annotated[
    int | None,
    typer.Option(
        parser=_size,
        metavar="SIZE",
        help="the whole image: weights, code and constants (65536, 64k, 48KiB)",
        rich_help_panel=_BUDGETS,
    ),
]
BudgetRam: TypeAlias = Annotated[
    int | None,
    typer.Option(
        parser=_size,
        metavar="SIZE",
        help="workspace, static data and stack",
        rich_help_panel=_BUDGETS,
    ),
]
BudgetMj: TypeAlias = Annotated[
    float | None,
    typer.Option(
        min=0.000001,
        metavar="MILLIJOULES",
        help="energy of one inference",
        rich_help_panel=_BUDGETS,
    ),
]
BudgetBops: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="COUNT",
        help="bit operations of one inference: multiply-accumulates times bits of both factors",
        rich_help_panel=_BUDGETS,
    ),
]
MaxDrop: TypeAlias = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=100,
        metavar="POINTS",
        help="percentage points of accuracy that may be lost against the float model",
        rich_help_panel=_BUDGETS,
    ),
]
Measure: TypeAlias = Annotated[
    str | None,
    typer.Option(
        parser=_measure,
        metavar="WHERE",
        help="emulator (default), serial:auto, serial:PORT, labgrid:ENV.yaml#PLACE or none",
        rich_help_panel=_MEASURING,
    ),
]
Meter: TypeAlias = Annotated[
    str | None,
    typer.Option(
        parser=_meter,
        metavar="WHAT",
        help="measure energy: ppk2:PORT, joulescope, ina2xx or csv:FILE (default: modelled)",
        rich_help_panel=_MEASURING,
    ),
]
Candidates: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="N",
        help="so many more allocations are measured for the Pareto front (default 0)",
        rich_help_panel=_SEARCH,
    ),
]
ExecutorOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--executor",
        parser=_executor,
        metavar="WHERE",
        help="what builds and runs candidates: local (default, all cores), local:N or "
        "dask://HOST:PORT",
        rich_help_panel=_SEARCH,
    ),
]
Seed: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=0, metavar="N", help="of everything random (default 0)", rich_help_panel=_SEARCH
    ),
]
Method: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="how bits are chosen: measured (default), sigmaquant, sigmaquant-qat (trains in the "
        "search), greedy, integer-programming, hawq-v2, random or uniform",
        rich_help_panel=_SEARCH,
    ),
]
FineTune: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--fine-tune/--no-fine-tune",
        help="train the weights for the chosen bits (needs training data); by default where bits "
        "were taken away and more than a point of accuracy went with them",
        show_default=False,
        rich_help_panel=_SEARCH,
    ),
]
Out: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        file_okay=False,
        help="folder of what is made (default sqtvm-out)",
        rich_help_panel=_OUTPUT,
    ),
]
AsJson: TypeAlias = Annotated[
    bool,
    typer.Option("--json", help="print the result as JSON", rich_help_panel=_OUTPUT),
]
Quiet: TypeAlias = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="print errors only (and JSON)", rich_help_panel=_OUTPUT),
]
Verbose: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="also print what the compilers say, and tracebacks",
        rich_help_panel=_OUTPUT,
    ),
]
VerifySamples: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="inputs that run on the target, compared bit for bit (default 100)",
        rich_help_panel=_MEASURING,
    ),
]

Required: TypeAlias = tuple[Literal["model", "data", "board"], ...]


def settings_from(flags: Mapping[str, Any], required: Required) -> DeploySettings:
    """Settings of flags (None where not given) over ``sqtvm.toml``, which a MODEL leaves unread.

    Also lets ``module:factory`` name a module of the current folder.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    file = Path(SETTINGS_FILE)
    base = read_settings_file(file) if flags.get("model") is None and file.exists() else {}
    given = {key: str(value) if isinstance(value, Path) else value for key, value in flags.items()}
    merged = merge(base, given)
    return resolve(checked(merged, "the settings"), required)


def budget_flags(
    ms: float | None,
    flash: int | None,
    ram: int | None,
    max_drop: float | None,
    mj: float | None = None,
    bops: int | None = None,
) -> Mapping[str, float | int | None]:
    return {"ms": ms, "flash": flash, "ram": ram, "max_drop": max_drop, "mj": mj, "bops": bops}
