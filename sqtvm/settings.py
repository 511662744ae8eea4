"""What a deployment is asked for: ``sqtvm.toml`` and flags, merged, checked and frozen."""

from __future__ import annotations

import math
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sqtvm.allocate.budget import Budget
from sqtvm.errors import MeasurementError, SqtvmError, ToolError
from sqtvm.input_file import read_small
from sqtvm.measure.jobs import LOCAL, parse_executor
from sqtvm.measure.meter import parse_meter
from sqtvm.measure.target import parse_target

SETTINGS_FILE = "sqtvm.toml"
DEFAULT_OUT = Path("sqtvm-out")

_SIZE = re.compile(r"(?P<number>\d+(?:[_ ]\d+)*(?:\.\d+)?)\s*(?P<unit>[kKmM]?)(?:i?[bB])?")
_UNITS = {"": 1, "k": 1024, "m": 1024 * 1024}


class SettingsError(SqtvmError):
    """A setting is missing or wrong; the message names where it stands and its key."""


def parse_size(text: str) -> int:
    """Bytes of ``65536``, ``64k``, ``64KiB`` or ``1.5M``; the units are powers of 1024.

    Raises ValueError with what is wrong for anything else.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size; write it like 65536, 64k or 1.5MiB")
    number = float(re.sub(r"[_ ]", "", match["number"]))
    size = number * _UNITS[match["unit"].lower()]
    if size != math.floor(size):
        raise ValueError(f"{text!r} is not a whole number of bytes")
    if size == 0:
        raise ValueError("a size must be above 0")
    return int(size)


def parse_measure(text: str) -> str:
    """``text`` if it names a place to measure; raises ValueError otherwise."""
    try:
        parse_target(text)
    except MeasurementError as error:
        raise ValueError(f"{error}; {error.hint}") from error
    return text


def parse_meter_option(text: str) -> str:
    """``text`` if it names a meter; raises ValueError otherwise."""
    try:
        parse_meter(text)
    except MeasurementError as error:
        raise ValueError(f"{error}; {error.hint}") from error
    return text


def parse_executor_option(text: str) -> str:
    """``text`` if it names an executor; raises ValueError otherwise."""
    try:
        parse_executor(text)
    except ToolError as error:
        raise ValueError(f"{error}; {error.hint}") from error
    return text


def _size(value: object) -> object:
    return parse_size(value) if isinstance(value, str) else value


def _measure(value: object) -> object:
    return parse_measure(value) if isinstance(value, str) else value


def _executor(value: object) -> object:
    return parse_executor_option(value) if isinstance(value, str) else value


def _meter(value: object) -> object:
    return parse_meter_option(value) if isinstance(value, str) else value


Size: TypeAlias = Annotated[int, BeforeValidator(_size), Field(gt=0)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class BudgetTable(_Table):
    """``[budget]``: limits that must all hold; what is left out is no limit."""

    ms: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    flash: Size | None = None
    ram: Size | None = None
    mj: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    bops: Annotated[int, Field(ge=1)] | None = None
    max_drop: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None


class SettingsTable(_Table):
    """Everything that ``sqtvm.toml`` may hold; what is left out is None."""

    model: str | None = None
    data: str | None = None
    calibration: str | None = None
    training: str | None = None
    loss: str | None = None
    board: str | None = None
    out: str | None = None
    measure: Annotated[str, BeforeValidator(_measure)] | None = None
    meter: Annotated[str, BeforeValidator(_meter)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    method: str | None = None
    fine_tune: bool | None = None
    verify_samples: Annotated[int, Field(ge=1)] | None = None
    candidates: Annotated[int, Field(ge=0)] | None = None
    executor: Annotated[str, BeforeValidator(_executor)] | None = None
    budget: BudgetTable = BudgetTable()


@dataclass(frozen=True)
class DeploySettings:
    """One deployment, resolved: every file written as it was given, relative to the folder sqtvm
    runs in.

    model: ``package.module:factory``, a ``.pt2`` or an ``.onnx`` file; data, calibration,
    training: ``package.module:factory`` or an ``.npz`` with ``x`` and ``y``; board: a name or the
    path of a ``.toml``; measure: as ``parse_target`` reads it; fine_tune: None
    fine-tunes where bits were taken away and more than a point of accuracy went with them;
    verify_samples: how
    many inputs the firmware's outputs are compared on, bit for bit; candidates: how many more
    allocations are measured for the Pareto front; executor: ``local``, ``local:N`` or
    ``dask://HOST:PORT``, which builds and runs them; in_memory: model or data are objects of a
    program that are only named here; loss: what fine-tuning lowers beside the distance from the
    float network, as ``package.module:function`` of logits and labels, None for cross-entropy.
    """

    model: str
    data: str
    board: str
    budget: Budget = field(default_factory=Budget)
    calibration: str | None = None
    training: str | None = None
    out: Path = DEFAULT_OUT
    measure: str = "emulator"
    meter: str | None = None
    seed: int = 0
    method: str = "measured"
    fine_tune: bool | None = None
    verify_samples: int = 100
    candidates: int = 0
    executor: str = LOCAL
    in_memory: bool = False
    loss: str | None = None


def read_settings_file(path: Path) -> Mapping[str, Any]:
    """The checked content of a ``sqtvm.toml``: only the keys that stand in it.

    Raises SettingsError naming the file, the key and what is wrong with it.
    """
    try:
        content = tomllib.loads(read_small(path).decode())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not UTF-8 text", "write it anew: sqtvm init") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"{path}: is not TOML: {error}", 'text stands in quotes, as in board = "stm32f746"'
        ) from error
    return checked(content, str(path))


def checked(content: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """``content`` validated and converted; where: what an error names as its place."""
    try:
        table = SettingsTable.model_validate(dict(content))
    except ValidationError as error:
        raise SettingsError(*_explain(error, where)) from error
    return table.model_dump(exclude_none=True, exclude_unset=True)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> Mapping[str, Any]:
    """``base`` with everything from ``over`` that is not None; ``budget`` is merged key by key."""
    merged = dict(base)
    for key, value in over.items():
        if key == "budget":
            merged[key] = merge(merged.get(key, {}), value)
        elif value is not None:
            merged[key] = value
    return merged


def resolve(
    values: Mapping[str, Any], required: tuple[Literal["model", "data", "board"], ...]
) -> DeploySettings:
    """The settings from merged and checked values; what is missing and not required is "".

    Raises SettingsError naming the first required setting that is missing.
    """
    flags = {"model": "MODEL", "data": "--data", "board": "--board"}
    for key in required:
        if not values.get(key):
            raise SettingsError(
                f"no {key} is given",
                f'give {flags[key]}, or write {key} = "..." in {SETTINGS_FILE} (sqtvm init)',
            )
    budget = values.get("budget", {})
    plain = {key: value for key, value in values.items() if key not in ("budget", "out")}
    return DeploySettings(
        **{"model": "", "data": "", "board": "", **plain},
        budget=Budget(
            ms=budget.get("ms"),
            flash_bytes=budget.get("flash"),
            ram_bytes=budget.get("ram"),
            max_drop=budget.get("max_drop"),
            energy_mj=budget.get("mj"),
            bops=budget.get("bops"),
        ),
        out=Path(values.get("out", DEFAULT_OUT)),
    )


def command_line(settings: DeploySettings) -> str:
    """What repeats the deployment from the same folder: a command, or the call of a program."""
    if settings.in_memory:
        return _call(settings)
    budget = settings.budget
    options: dict[str, object] = {
        "--data": settings.data,
        "--calibration": settings.calibration,
        "--training": settings.training,
        "--loss": settings.loss,
        "--board": settings.board,
        "--budget-ms": None if budget.ms is None else f"{budget.ms:g}",
        "--budget-flash": budget.flash_bytes,
        "--budget-ram": budget.ram_bytes,
        "--budget-mj": None if budget.energy_mj is None else f"{budget.energy_mj:g}",
        "--budget-bops": budget.bops,
        "--max-drop": None if budget.max_drop is None else f"{budget.max_drop:g}",
        "--measure": settings.measure,
        "--meter": settings.meter,
        "--method": settings.method,
        "--seed": settings.seed,
        "--verify-samples": settings.verify_samples,
        "--candidates": settings.candidates or None,
        "--executor": None if settings.executor == LOCAL else settings.executor,
        "--out": settings.out,
    }
    given = [part for key, value in options.items() if value is not None for part in (key, value)]
    tuning = {None: (), True: ("--fine-tune",), False: ("--no-fine-tune",)}[settings.fine_tune]
    return shlex.join(str(part) for part in ("sqtvm", "deploy", settings.model, *given, *tuning))


def _call(settings: DeploySettings) -> str:
    """The call of ``sqtvm.deploy``, with what differs from its defaults."""
    names = ("calibration", "training", "loss")
    parts = [settings.model, settings.data, f"board={settings.board!r}"]
    parts += [f"{name}={value}" for name in names if (value := getattr(settings, name))]
    apart = {"model", "data", "board", "budget", "in_memory", *names}
    for key in fields(settings):
        value = getattr(settings, key.name)
        if key.name not in apart and value != key.default:
            parts.append(f"{key.name}={(str(value) if isinstance(value, Path) else value)!r}")
    limits = [
        f"{key.name}={value}"
        for key in fields(settings.budget)
        if (value := getattr(settings.budget, key.name)) is not None
    ]
    if limits:
        parts.insert(3, f"budget=sqtvm.Budget({', '.join(limits)})")
    return f"sqtvm.deploy({', '.join(parts)})"


def _explain(error: ValidationError, where: str) -> tuple[str, str]:
    """One line and a hint for the first thing that is wrong."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        table = BudgetTable if key.startswith("budget.") else SettingsTable
        known = ", ".join(table.model_fields)
        return f"{where}: there is no setting {key!r}", f"known settings: {known}"
    message = first["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    return f"{where}: {key}: {message}", ""
