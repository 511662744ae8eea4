"""``report.html``: one file that needs nothing else, not even a network."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sqtvm.report import numbers, places_view, scatter, view
from sqtvm.report.schema import Report
from sqtvm.report.verdicts import accuracy_drop


def render_html(report: Report) -> str:
    """The page as text; every name that comes from the user is escaped."""
    environment = _environment()
    style, _, _ = environment.loader.get_source(environment, "style.css")  # type: ignore[union-attr]
    return environment.get_template("report.html.j2").render(
        report=report,
        board=view.board_name(report),
        style=Markup(style),
        summary=summary(report),
        headline=view.headline(report),
        tiles=view.tiles(report),
        layers=view.layer_rows(report),
        shares=view.bit_shares(report),
        accuracy=view.accuracy_rows(report),
        memory=view.memory_bars(report),
        sources=view.SOURCES,
        regions=places_view.regions(report),
        plan=places_view.plan(report),
        places={
            "width": places_view.WIDTH,
            "height": places_view.HEIGHT,
            "left": places_view.LEFT,
            "right": places_view.RIGHT,
        },
        plot=scatter.size_plot(report),
        front=scatter.front_plots(report),
        chart={
            "width": scatter.WIDTH,
            "height": scatter.HEIGHT,
            "left": scatter.LEFT,
            "right": scatter.RIGHT,
            "top": scatter.TOP,
            "bottom": scatter.BOTTOM,
        },
    )


def summary(report: Report) -> str:
    """What was chosen and what it gives, in two or three sentences."""
    totals = report.totals
    full = totals.uniform_weight_bytes["8"]
    text = f"The weights take {numbers.size(totals.weight_bytes)}"
    if full == totals.weight_bytes:
        text += ", all at 8 bits"
    elif full:
        text += (
            f", {100 * totals.weight_bytes / full:.0f} % of their size at 8 bits "
            f"({view.average_bits(report):.1f} bits on average)"
        )
    text += f". One inference takes {numbers.milliseconds(totals.ms)} ({totals.ms_source})."
    lost = accuracy_drop(report.accuracy)
    if report.accuracy.allocated is not None and lost is not None:
        compared = (
            f"{abs(lost):.2f} points {'below' if lost > 0 else 'above'} the float model"
            if round(lost, 2)
            else "the same as the float model"
        )
        text += f" Accuracy is {numbers.percent(report.accuracy.allocated)}, {compared}."
    return text


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("sqtvm.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        share=numbers.share,
        size=numbers.size,
        milliseconds=numbers.milliseconds,
        percent=numbers.percent,
        small=numbers.small,
        thousandths=numbers.thousandths,
    )
    return environment
