from __future__ import annotations

import io

from rich.console import Console

from sqtvm.report.terminal import render_terminal
from tests.report.samples import report


def _text(**settings: object) -> str:
    console = Console(file=io.StringIO(), width=110, no_color=True)
    console.print(render_terminal(report(**settings)))  # type: ignore[arg-type]
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_layers_accuracy_and_verdict_are_shown() -> None:
    text = _text()
    for part in ("stack3.conv2", "91.21 %", "whole network", "The budget holds."):
        assert part in text


def test_what_fails_is_named_last() -> None:
    last = _text(limit_ms=30.0).strip().splitlines()[-1]
    assert last == "The budget cannot be held: time. The best found is left."


def test_without_labels_no_accuracy_is_claimed() -> None:
    assert "Accuracy" not in _text(labelled=False)
