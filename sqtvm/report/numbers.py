"""How numbers are written for people."""

from __future__ import annotations


def size(count: float) -> str:
    """Bytes as ``812 B``, ``37.6 KiB`` or ``1.20 MiB``."""
    if count < 1024:
        return f"{count:.0f} B"
    if count < 1024 * 1024:
        return f"{count / 1024:.1f} KiB"
    return f"{count / 1024 / 1024:.2f} MiB"


def milliseconds(ms: float) -> str:
    """``0.412 ms``, ``4.12 ms``, ``41.2 ms`` or ``412 ms``: three digits that mean something."""
    digits = 3 if ms < 1 else 2 if ms < 10 else 1 if ms < 100 else 0
    return f"{ms:,.{digits}f} ms"


def millijoules(mj: float) -> str:
    """Three digits that mean something: ``0.412 mJ``, ``41.2 mJ``."""
    return f"{mj:.3g} mJ"


def percent(fraction: float) -> str:
    return f"{fraction * 100:.2f} %"


def share(fraction: float) -> str:
    """``84 %``, or ``0.2 %`` where whole ones would say nothing."""
    percent_ = 100 * fraction
    return f"{percent_:.1f} %" if 0 < percent_ < 1 or 99 < percent_ < 100 else f"{percent_:.0f} %"


def points(difference: float) -> str:
    """A signed difference of accuracies in points, 0.00 without a sign."""
    return f"{difference:+.2f}" if round(difference, 2) else "0.00"


def count(number: float) -> str:
    """``812``, ``77.4 k`` or ``9.61 M``."""
    if number < 1000:
        return f"{number:.0f}"
    if number < 1_000_000:
        return f"{number / 1000:.1f} k"
    return f"{number / 1_000_000:.2f} M"


def thousandths(number: float) -> str:
    """A small figure times a thousand: ``1.95``; 0.00 without a sign."""
    text = f"{1000 * number:.2f}"
    return text if float(text) else text.removeprefix("-")


def small(number: float) -> str:
    """Three digits of a sigma or a divergence: ``0.380``."""
    return f"{number:#.3g}".rstrip(".")
