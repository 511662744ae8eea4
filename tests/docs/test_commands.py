"""Every command in the documentation runs: as it stands, in a folder as the pages assume it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import SHELL, Block, Command, blocks_of, commands_of
from tests.docs.pages import pages
from tests.docs.stand_in import PROGRAMS
from tests.docs.world import REAL, World

# Deployments on these pages are made; on the others they are read and checked only.
DEPLOYED = ("README.md", "docs/tutorial.md")
_SEPARATORS = ("&&", "||", ";", "|", "&")


def blocks() -> Iterator[Block]:
    for page, text in pages().items():
        yield from blocks_of(page, text)


COMMANDS = [
    command for block in blocks() if block.language in SHELL for command in commands_of(block)
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("docs"))
    try:
        yield made
    finally:
        made.close()


class _Reader:
    """Has the page's state from one command to the next: its folder, and what was written."""

    page = ""
    folder: Path | None = None


_READER = _Reader()


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_command_runs(command: Command, world: World) -> None:
    if _READER.page != command.page:
        _READER.page = command.page
        world.begin()
        _write_titled_blocks(command.page, world.folder)
    if "sqtvm init" in command.text:
        settings = world.folder / "sqtvm.toml"
        before = settings.read_text()
        settings.unlink()
    outcome = world.run(command.text, only_check=command.page not in DEPLOYED)
    if "sqtvm init" in command.text:
        # The reader then fills it in.
        assert settings.read_text().startswith("# What `sqtvm deploy` makes")
        settings.write_text(before)
    assert outcome.status == 0, f"{command}\n{outcome.stdout}\n{outcome.stderr}"


def _write_titled_blocks(page: str, folder: Path) -> None:
    for block in blocks_of(page, pages()[page]):
        if block.title:
            (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.title).write_text(block.text)


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_command_has_a_rule(command: Command) -> None:
    for program in programs_of(command.text):
        assert program in REAL or program in PROGRAMS, f"{command}: nothing tells how to run it"


def programs_of(text: str) -> list[str]:
    words = list(shlex.shlex(text, posix=True, punctuation_chars=True))
    return words


def test_commands_stand_in_shell_blocks() -> None:
    for block in blocks():
        if block.language not in SHELL:
            for line in block.text.splitlines():
                assert not re.match(rf"({'|'.join(PROGRAMS)}|cd) ", line), f"{block.page}: {line}"
