"""Writes a report's files, each whole or not at all, and reads one back."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from sqtvm.errors import SqtvmError
from sqtvm.input_file import read_small
from sqtvm.report.files import write_whole
from sqtvm.report.front_picture import front_picture
from sqtvm.report.html import render_html
from sqtvm.report.picture import accuracy_picture, layers_picture, memory_picture
from sqtvm.report.schema import Report

_KINDS: tuple[Literal["png", "svg"], ...] = ("png", "svg")


def to_json(report: Report) -> str:
    """The text of ``report.json``."""
    return report.model_dump_json(by_alias=True, indent=2) + "\n"


def write_report(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write report.json, report.html and the pictures, each as PNG and SVG; gives their paths.

    Pictures: ``layers``, ``accuracy`` where there are labels, ``memory`` where something was
    linked, and ``front``.
    """
    files = {
        "report.json": to_json(report).encode(),
        "report.html": render_html(report).encode(),
    }
    for kind in _KINDS:
        pictures = {
            "layers": layers_picture(report, kind),
            "accuracy": accuracy_picture(report, kind),
            "memory": memory_picture(report, kind),
            "front": front_picture(report, kind) if report.front else None,
        }
        for name, content in pictures.items():
            if content is not None:
                files[f"{name}.{kind}"] = content
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_whole(folder / name, content)
    except OSError as error:
        raise SqtvmError(
            f"the report cannot be written to {folder}: {error.strerror}",
            "check that the folder can be written to and the disk has room",
        ) from error
    return tuple(folder / name for name in files)


def read_report(path: Path) -> Report:
    """The report in a ``report.json``; SqtvmError where it is none."""
    try:
        return Report.model_validate_json(read_small(path))
    except OSError as error:
        raise SqtvmError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SqtvmError(
            f"{path}: is no report of this version of sqtvm: {key}: {first['msg']}",
            "deploy again to write it anew",
        ) from error
