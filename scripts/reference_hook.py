"""Pages of the site that are made when it is built, so that they cannot be out of date: what the
command, the settings and the schemas say of themselves, and the READMEs of folders beside docs/."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from reference_cli import command_page, settings_page
from reference_schema import schema_page

ROOT = Path(__file__).resolve().parent.parent
# Where a file outside docs/ stands in the site, by its path in the checkout.
ADOPTED = {
    "benchmarks/README.md": "reference/benchmarks.md",
    "benchmarks/allocation/README.md": "reference/allocation.md",
}
_EXAMPLES = """# Examples

Each is a folder of the checkout with a network, data that a package of a registry brings, and an
`sqtvm.toml`. Trained weights come with the script that trained them, its seed and its accuracy.

"""
_BOARD = """# Board files

The keys of a board's TOML file. [Your own board](../boards.md) walks through one;
`sqtvm boards show stm32f746 --toml` prints one.

"""
_REPORT = """# report.json

What `sqtvm deploy` leaves beside `report.html`, and prints with `--json`; checked on writing and on
reading. For programs there is the same as a [JSON Schema](report.schema.json). Fractions are
between 0 and 1, times in milliseconds, sizes in bytes. `null` says that a figure was not had (no
board, no labels), never that it is zero.

"""


def pages() -> Mapping[str, str]:
    """The Markdown of each page that is made, by its place below docs/."""
    from sqtvm.firmware.boards import Board
    from sqtvm.report.schema import Report

    return {
        "reference/cli.md": command_page(),
        "reference/settings.md": settings_page(),
        "reference/board-file.md": _BOARD + schema_page(Board, "The file", "validation"),
        "reference/report.md": _REPORT + schema_page(Report, "The file", "serialization"),
        "examples.md": _EXAMPLES + "\n".join(_example(path) for path in _example_readmes()),
        **{target: (ROOT / source).read_text() for source, target in ADOPTED.items()},
    }


def on_files(files: Files, config: MkDocsConfig) -> Files:
    from sqtvm.report.schema import Report

    for name, content in pages().items():
        files.append(File.generated(config, name, content=content))
    schema = json.dumps(Report.model_json_schema(mode="serialization"), indent=2)
    files.append(File.generated(config, "reference/report.schema.json", content=schema))
    for source, target in ADOPTED.items():
        for picture in re.findall(r"!\[[^]]*\]\(([^):]+)\)", (ROOT / source).read_text()):
            place = (Path(target).parent / picture).as_posix()
            path = (ROOT / source).parent / picture
            files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Links to files beside docs/ become links to where the site has them."""
    up = "../" * page.file.src_uri.count("/")
    for source, target in ADOPTED.items():
        markdown = markdown.replace(f"]({up}../{source}", f"]({up}{target}")
    return markdown


def _example_readmes() -> list[Path]:
    return sorted((ROOT / "examples").glob("*/README.md"))


def _example(readme: Path) -> str:
    """Its headings one level further down."""
    text = re.sub(r"^#", "##", readme.read_text(), flags=re.MULTILINE)
    heading, _, rest = text.partition("\n")
    return f"{heading}\n\nIn `examples/{readme.parent.name}`.\n{rest}"
