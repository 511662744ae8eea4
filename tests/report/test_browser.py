"""``report.html`` in a real browser: nothing overflows or complains, at any size and colour."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from sqtvm.report.html import render_html
from sqtvm.report.schema import Report
from tests.report.samples import report

_OVERFLOWING = """
const width = document.documentElement.clientWidth;
const inScroll = (e) => e.closest('.scroll') && !e.classList.contains('scroll');
return [...document.querySelectorAll('body *')]
  .filter((e) => e.getBoundingClientRect().right > width + 0.5 && !inScroll(e))
  .map((e) => e.tagName + '.' + e.className + ': ' + e.textContent.slice(0, 40));
"""
# Texts of a picture that lie over each other, by more than what surrounds their letters.
_HIDDEN = """
const boxes = (picture) => [...picture.querySelectorAll('text')].map((e) => [
  e.textContent, e.getBoundingClientRect()]);
const over = ([, a], [, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
  Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 0.3 * a.height;
return [...document.querySelectorAll('svg')].flatMap((picture) =>
  boxes(picture).flatMap((one, i, all) => all.slice(i + 1).filter((other) => over(one, other))
    .map((other) => one[0] + ' | ' + other[0])));
"""
# Letters of this size are still read on a phone.
_SMALLEST_TEXT = """
return Math.min(...[...document.querySelectorAll('.chart text')].map(
  (e) => e.getBoundingClientRect().height));
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert program, "apt-get install chromium"
    assert driver, "apt-get install chromium-driver"
    options = Options()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options, Service(driver)) as running:
        yield running


def _odd() -> Report:
    """Nothing asked for, nothing known of accuracy, many layers of long names."""
    plain = report(limit_ms=None, limit_flash=None, labelled=False, model="a_long_module.of:" * 4)
    layers = tuple(
        layer.model_copy(update={"name": f"backbone.blocks[{i}].{layer.name}.inner_convolution"})
        for i, layer in enumerate(3 * plain.layers)
    )
    return plain.model_copy(update={"layers": layers})


@pytest.fixture(scope="module", params=["holds", "fails", "odd"])
def found(request: pytest.FixtureRequest) -> tuple[str, Report]:
    made = {"holds": report, "fails": lambda: report(limit_ms=30), "odd": _odd}
    return request.param, made[request.param]()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_page(
    browser: webdriver.Chrome, found: tuple[str, Report], width: int, scheme: str, tmp_path: Path
) -> None:
    name, shown = found
    page = tmp_path / "report.html"
    page.write_text(render_html(shown))
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(page.as_uri())
    for closed in (True, False):
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        assert browser.execute_script(_OVERFLOWING) == []
        assert browser.execute_script(_HIDDEN) == []
        if closed:
            browser.execute_script(
                "document.querySelectorAll('details').forEach((e) => { e.open = true; })"
            )
    if name != "odd":
        assert browser.execute_script(_SMALLEST_TEXT) >= 10
    assert browser.get_log("browser") == []
    loaded = browser.execute_script("return performance.getEntriesByType('resource').length")
    assert loaded == 0, "the page needs nothing else"
    dark = browser.execute_script(
        "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every(v => v < 80)"
    )
    assert dark == (scheme == "dark")
    browser.execute_script(
        "document.querySelectorAll('details').forEach((e) => { e.open = false; })"
    )
    folder = Path(os.environ.get("SQTVM_SCREENSHOTS", tmp_path))
    height = browser.execute_script("return document.documentElement.scrollHeight")
    metrics["height"] = height
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    picture = folder / f"report-{name}-{width}-{scheme}.png"
    assert browser.save_screenshot(str(picture))
    assert picture.stat().st_size > 10_000
