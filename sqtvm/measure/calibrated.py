"""A cycle model fitted to one board, kept beside the board's file as ``NAME.cycles.toml``."""

from __future__ import annotations

import logging
import os
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from scipy.optimize import nnls

from sqtvm.errors import BoardError, MeasurementError
from sqtvm.firmware.boards import Board
from sqtvm.firmware.resources import boards_directory
from sqtvm.measure.cycles import CycleModel, Span, model_for

_LOG = logging.getLogger(__name__)
_LEAST_LAYERS = 3


@dataclass(frozen=True)
class Observation:
    """One layer: what the model says of its instructions and of its cache fills, unscaled, and
    what the board's own counter measured."""

    name: str
    issue_cycles: float
    fill_cycles: float
    measured_cycles: float


class Calibration(BaseModel):
    """What was fitted, on top of the core's own model.

    base, base_version: of that model; scale: of its instructions' cycles; fills: what the cost of
    filling a cache's line is multiplied by; layers: how many the fit rests on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str
    base_version: int
    board: str
    date: str
    layers: int
    scale: Span
    fills: float


def fit(board: Board, model: CycleModel, observed: Sequence[Observation]) -> Calibration:
    """Least squares of the relative error; the span is that of all layers around the fit.

    Raises MeasurementError where too few layers took any time.
    """
    used = [each for each in observed if each.measured_cycles > 0 and each.issue_cycles > 0]
    if len(used) < _LEAST_LAYERS:
        raise MeasurementError(
            f"{len(used)} layers were measured, a model cannot be fitted to fewer than "
            f"{_LEAST_LAYERS}",
            "check that the firmware records the cycles of layers (SQTVM_PROFILE)",
        )
    measured = np.array([each.measured_cycles for each in used])
    issue = np.array([each.issue_cycles for each in used])
    filling = np.array([each.fill_cycles for each in used])
    fills = 1.0
    if filling.any():
        (likely, fills), _ = nnls(
            np.stack([issue / measured, filling / measured], axis=1), np.ones(len(used))
        )
    else:
        likely = float(np.sum(issue / measured) / np.sum((issue / measured) ** 2))
    ratios = (measured - fills * filling) / issue
    span = Span(
        low=round(float(min(ratios.min(), likely)), 4),
        likely=round(float(likely), 4),
        high=round(float(max(ratios.max(), likely)), 4),
    )
    return Calibration(
        base=model.name,
        base_version=model.version,
        board=board.name,
        date=datetime.now(UTC).date().isoformat(),
        layers=len(used),
        scale=span,
        fills=round(float(fills), 4),
    )


def calibrated(model: CycleModel, calibration: Calibration) -> CycleModel:
    """``model`` as the calibration has it, with its own name, source and error."""
    memory = model.memory
    if memory is not None:
        memory = memory.model_copy(update={"factor": calibration.fills})
    scale = calibration.scale
    return model.model_copy(
        update={
            "name": f"{model.name}-on-{calibration.board}",
            "scale": scale,
            "memory": memory,
            "source": f"{model.source}; scaled to what {calibration.board} measured",
            "error": f"of {calibration.layers} layers on {calibration.board}, "
            f"{calibration.date}: {scale.low / scale.likely - 1:+.1%} to "
            f"{scale.high / scale.likely - 1:+.1%} around the fit",
            "check": f"sqtvm calibrate --board {calibration.board}, {calibration.date}",
        }
    )


def model_for_board(board: Board) -> CycleModel:
    """The board's own calibrated model where there is one, else its core's.

    A calibration of another version of the core's model is passed over. Raises BoardError for a
    file that is none, and where there is no model of the core.
    """
    model = model_for(board.core)
    path = calibration_path(board)
    if not path.is_file():
        return model
    calibration = read_calibration(path)
    if (calibration.base, calibration.base_version) != (model.name, model.version):
        _LOG.warning("%s is of another model than %s: calibrate again", path, model.title)
        return model
    return calibrated(model, calibration)


def calibration_path(board: Board) -> Path:
    """Beside the file that the board was read from."""
    folder = boards_directory() if board.file is None else board.file.parent
    return folder / f"{board.name}.cycles.toml"


def read_calibration(path: Path) -> Calibration:
    """BoardError naming the file and what is wrong with it."""
    try:
        return Calibration.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BoardError(f"{path}: cannot be read: {error}", "calibrate again") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BoardError(f"{path}: {key}: {first['msg']}", "calibrate again") from error


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Whole or not at all; BoardError where the folder cannot be written to."""
    span = calibration.scale
    text = f"""# Fitted by sqtvm calibrate to the board's own cycle counter.
base = "{calibration.base}"
base_version = {calibration.base_version}
board = "{calibration.board}"
date = "{calibration.date}"
layers = {calibration.layers}
fills = {calibration.fills}

[scale]
low = {span.low}
likely = {span.likely}
high = {span.high}
"""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise BoardError(
            f"{path} cannot be written: {error.strerror}",
            "copy the board file to a folder of your own and give its path",
        ) from error
