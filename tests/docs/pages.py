"""All pages that users read, as Markdown: the README, docs/ with what is made for the site, and
the READMEs of the examples."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import reference_hook

ROOT = Path(__file__).parents[2]


@cache
def pages() -> Mapping[str, str]:
    """By path in the checkout, the README first."""
    files = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    files += sorted((ROOT / "examples").glob("*/README.md"))
    written = {path.relative_to(ROOT).as_posix(): path.read_text() for path in files}
    made = {f"docs/{name}": text for name, text in reference_hook.pages().items()}
    # Put together from the examples' READMEs, which stand for themselves.
    del made["docs/examples.md"]
    return written | made
