"""What the pages name is there: commands, options, keys and files; and what is made of the code is
whole."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import reference_hook
from typer.main import get_command

from sqtvm.cli.app import app
from sqtvm.firmware.boards import Board
from sqtvm.report.schema import Report
from sqtvm.settings import BudgetTable, SettingsTable
from tests.docs.blocks import blocks_of
from tests.docs.pages import ROOT, pages

# Of other programs: cmake, pip, docker, st-flash, picotool, GCC and tvmc.
OTHERS = {
    *("--preset", "--build", "--no-deps", "--rm", "--reset", "--format", "--verify", "--execute"),
    *("--target", "--specs", "--project-option", "--template-dir", "--editable"),
}
_ADDED = re.compile(r'add_argument\("(--[a-z-]+)"')
OF_BENCHMARKS = {
    option
    for path in (ROOT / "benchmarks").glob("*/__main__.py")
    for option in _ADDED.findall(path.read_text())
}
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")


def _commands() -> Iterator[tuple[str, set[str]]]:
    """As ("boards show", its options)."""
    waiting = [("", get_command(app))]
    while waiting:
        name, command = waiting.pop()
        options = {"--help", "-h"}
        for parameter in command.params:
            options |= {*parameter.opts, *parameter.secondary_opts}
        yield name.strip(), {option for option in options if option.startswith("-")}
        waiting += [
            (f"{name} {key}", each) for key, each in getattr(command, "commands", {}).items()
        ]


COMMANDS = dict(_commands())


@pytest.mark.parametrize("page", pages())
def test_commands_and_options_that_are_named_exist(page: str) -> None:
    everywhere = set().union(*COMMANDS.values()) | OTHERS | OF_BENCHMARKS
    for code in _CODE.findall(_without_blocks(page)):
        words = code.split()
        if words[0] == "sqtvm" and len(words) > 1 and re.fullmatch(r"[a-z]+", words[1]):
            name = " ".join(words[1:3]) if " ".join(words[1:3]) in COMMANDS else words[1]
            assert name in COMMANDS, f"{page}: there is no command {code!r}"
            unknown = set(_OPTION.findall(code)) - COMMANDS[name]
        else:
            unknown = set(_OPTION.findall(code)) - everywhere
        assert not unknown, f"{page}: there is no option {', '.join(unknown)} ({code})"


@pytest.mark.parametrize("page", ["README.md", *(p for p in pages() if p.startswith("examples/"))])
def test_links_of_pages_outside_the_site_lead_somewhere(page: str) -> None:
    """Those inside it are checked when it is built."""
    for link in re.findall(r"\]\(([^)#:]+)\)", pages()[page]):
        assert ((ROOT / page).parent / link).exists(), f"{page}: {link}"


def test_no_page_is_left_out_of_the_navigation() -> None:
    """A page that no link of the navigation leads to is a warning, which --strict makes an error,
    only as long as the settings say so."""
    settings = (ROOT / "mkdocs.yml").read_text()
    assert "omitted_files: warn" in settings
    for page in pages():
        if page.startswith("docs/"):
            assert page.removeprefix("docs/") in settings


def test_the_command_line_page_has_every_command_and_option() -> None:
    page = reference_hook.pages()["reference/cli.md"]
    for name, options in COMMANDS.items():
        heading = f"`sqtvm {name}`\n" if name else "# The command"
        assert heading in page
        section = page.partition(heading)[2].split("\n## ")[0].split("\n### ")[0]
        for option in options - {"-h", "--show-completion", "--install-completion"}:
            assert option in section, f"sqtvm {name} {option}"
    assert "[bold]" not in page
    assert "<span" not in page
    assert "&" not in re.sub(r"`[^`]*`|&&|```.*?```", "", page, flags=re.DOTALL)


def test_the_settings_page_has_every_key() -> None:
    page = reference_hook.pages()["reference/settings.md"]
    for key in {*SettingsTable.model_fields, *BudgetTable.model_fields} - {"budget"}:
        (row,) = re.findall(rf"^\| `{key}` \|.*$", page, re.MULTILINE)
        assert all(cell.strip() for cell in row.split("|")[1:-1]), row


@pytest.mark.parametrize(
    ("page", "model"), [("reference/board-file.md", Board), ("reference/report.md", Report)]
)
def test_schema_pages_have_every_key_of_every_table(page: str, model: type[Board | Report]) -> None:
    text = reference_hook.pages()[page]
    schema = model.model_json_schema(mode="serialization")
    sections = text.split("\n## ")[1:]
    assert len(sections) == 1 + len(schema["$defs"])
    for table in (schema, *schema["$defs"].values()):
        rows = {f"| `{key}` |" for key in table["properties"]}
        assert any(all(row in section for row in rows) for section in sections), table["title"]
    for link in re.findall(r"\(#([\w-]+)\)", text):
        assert any(_anchor(section) == link for section in sections), link
    # Every row of a table has as many cells as its head.
    for section in sections:
        lines = [line for line in section.splitlines() if line.startswith("|")]
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
        assert len(counts) == 1, section


def test_meanings_come_from_docstrings() -> None:
    page = reference_hook.pages()["reference/report.md"]
    assert "| `macs` | integer, at least 0 | multiply-accumulates of one inference |" in page
    assert "null" in page
    assert "None" not in page


def test_the_readme_names_every_key_of_a_report_and_of_the_settings() -> None:
    readme = pages()["README.md"]
    report = readme.partition("## report.json")[2]
    for key in Report.model_fields:
        assert f"`{key}`" in report, key
    settings = readme.partition("### sqtvm.toml")[2].partition("### Budgets")[0]
    for key in BudgetTable.model_fields:
        assert f"{key} = " in settings, key


def test_titled_blocks_of_python_are_python() -> None:
    for page, text in pages().items():
        for block in blocks_of(page, text):
            if block.language == "python":
                compile(block.text, f"{page}:{block.line}", "exec")
            elif block.language == "json":
                json.loads(block.text)


def _without_blocks(page: str) -> str:
    text = pages()[page]
    for block in blocks_of(page, text):
        text = text.replace(block.text, "")
    return text


def _anchor(section: str) -> str:
    title = section.partition("\n")[0].strip()
    return re.sub(r"[^\w\s-]", "", title).strip().lower().replace(" ", "-")


def test_pictures_are_there() -> None:
    for page, text in pages().items():
        for picture in re.findall(r"!\[[^]]*\]\(([^)]+)\)", text):
            path = Path(ROOT / page).parent / picture
            adopted = any(
                page == f"docs/{target}" and ((ROOT / source).parent / picture).exists()
                for source, target in reference_hook.ADOPTED.items()
            )
            assert path.exists() or adopted, f"{page}: {picture}"
