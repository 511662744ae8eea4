from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from sqtvm.report.html import render_html, summary
from tests.report.samples import report

_VOID = {"meta", "link", "br", "hr", "img", "input"}


class _Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("limit_ms", [None, 30.0, 50.0])
def test_elements_are_closed(labelled: bool, limit_ms: float | None) -> None:
    balance = _Balance()
    balance.feed(render_html(report(labelled=labelled, limit_ms=limit_ms)))
    assert balance.wrong == []
    assert balance.open == []


def test_page_needs_no_network_and_no_script() -> None:
    page = render_html(report())
    assert re.findall(r'(?:href|src)="(?!data:)', page) == []
    assert "http:" not in page
    assert "https:" not in page
    assert "<script" not in page
    assert "@import" not in page


@pytest.mark.parametrize(
    ("limit_ms", "words"),
    [
        (50.0, "The budget holds"),
        (30.0, "Time does not hold"),
        (None, "No budget was asked for"),
    ],
)
def test_verdict_stands_on_top(limit_ms: float | None, words: str) -> None:
    page = render_html(report(limit_ms=limit_ms, limit_flash=None))
    assert words in page[: page.index('class="tiles"')]


def test_names_of_users_are_escaped() -> None:
    page = render_html(report(model="<img src=x onerror=alert(1)>"))
    assert "<img" not in page
    assert "&lt;img" in page


def test_every_layer_and_its_bits_are_shown() -> None:
    written = report()
    page = render_html(written)
    for layer in written.layers:
        assert layer.name in page
    weighted = sum(layer.weight_bits is not None for layer in written.layers)
    assert len(re.findall(r'aria-label="[248] bits"', page)) == weighted


def test_summary_says_size_time_and_accuracy() -> None:
    text = summary(report())
    assert "45.1 ms (emulated)" in text
    assert "91.21 %, 0.44 points below the float model" in text
    assert "Accuracy" not in summary(report(labelled=False))
