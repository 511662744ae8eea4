"""Pages on the command and on ``sqtvm.toml``, from what the command's help says."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from markdown.extensions.toc import slugify
from pydantic import BaseModel
from reference_schema import type_in_words
from typer import cli as typer_cli
from typer.main import get_command
from typer.testing import CliRunner

from sqtvm.cli.app import app
from sqtvm.cli.status import STATUS_HELP
from sqtvm.settings import BudgetTable, SettingsTable

_COMMAND_HEAD = f"""# The command

Results go to stdout, progress and errors to stderr, without colours where these are no terminal.

{STATUS_HELP}

Completion of commands, options and their values: `sqtvm --install-completion` adds it to the shell
that it runs in (bash, zsh, fish or PowerShell); `sqtvm --show-completion` prints it instead.
"""
_SETTINGS_HEAD = """# sqtvm.toml

What `sqtvm deploy` and the stages read where they are given no MODEL; flags win over it.
`sqtvm init` writes one with comments. A key that is unknown or a value that is wrong is an error
that names the file and the key. Paths are relative to the folder in which sqtvm runs; sizes are
bytes, or text with `k` or `M` for powers of 1024, as `"64k"` or `"48KiB"`.
"""


def command_page() -> str:
    """Typer's own description of the command, with its examples as shell blocks."""
    result = CliRunner().invoke(
        typer_cli.app, ["sqtvm.cli.app", "utils", "docs", "--name", "sqtvm"]
    )
    if result.exit_code != 0:
        raise RuntimeError(f"typer describes no command: {result.output}")
    text = html.unescape(result.output.partition("\n")[2]).replace(STATUS_HELP, "")
    text = re.sub(r'<span style="font-weight: bold">(.*?)</span>', r"**\1**", text)
    text = re.sub(r"^\*\*Examples\*\*\n+((?:\S.*\n)+)", _examples, text, flags=re.MULTILINE)
    text = "\n".join(_with_summaries(text))
    # What is called with which arguments is no command to run.
    text = re.sub(r"```console\n\$ (.*)\n```", r"```text\n\1\n```", text)
    return _COMMAND_HEAD + re.sub(r"\n{3,}", "\n\n", text)


def _with_summaries(text: str) -> Iterator[str]:
    """The lines of a page, where each list of commands has their whole summaries, and links."""
    summaries = dict(re.findall(r"^##+ `(sqtvm .*)`\n\n(.*)", text, re.MULTILINE))
    command, in_list = "sqtvm", False
    for line in text.splitlines():
        if heading := re.match(r"##+ `(.*)`", line):
            command = heading[1]
        in_list = line == "**Commands**:" or (in_list and not line.startswith("#"))
        item = re.match(r"\* `(\w+)`:", line) if in_list else None
        if item is None:
            yield line
        else:
            name = f"{command} {item[1]}"
            yield f"* [`{name}`](#{slugify(name, '-')}): {summaries[name]}"


def _examples(found: re.Match[str]) -> str:
    return f"**Examples**:\n\n```sh\n{found[1]}```\n"


def settings_page() -> str:
    """Each key with the help of the flag of ``sqtvm deploy`` that says the same."""
    flags = {
        parameter.name: (_flag(parameter), getattr(parameter, "help", None) or "")
        for parameter in get_command(app).commands["deploy"].params  # type: ignore[attr-defined]
    }
    top = _settings_table(SettingsTable, flags, "")
    budget = _settings_table(BudgetTable, flags, "budget_")
    limits = "All must hold; what is left out is no limit."
    return f"{_SETTINGS_HEAD}\n{top}\n## [budget]\n\n{limits}\n\n{budget}"


def _flag(parameter: object) -> str:
    if getattr(parameter, "param_type_name", "") == "argument":
        return str(getattr(parameter, "metavar", ""))
    options = [*parameter.opts, *parameter.secondary_opts]  # type: ignore[attr-defined]
    return ", ".join(f"`{option}`" for option in options if option.startswith("--"))


def _settings_table(model: type[BaseModel], flags: dict[str, tuple[str, str]], prefix: str) -> str:
    properties = model.model_json_schema()["properties"]
    lines = ["| key | value | as a flag | meaning |", "|---|---|---|---|"]
    for key, schema in properties.items():
        if "$ref" in schema:
            continue
        flag, meaning = flags.get(prefix + key) or flags[key]
        lines.append(f"| `{key}` | {type_in_words(schema)} | {flag} | {meaning} |")
    return "\n".join(lines) + "\n"
