"""Every command in the documentation runs: as it stands, in a folder as the pages assume it.

Hardware, registries and minutes of work have stand-ins (``stand_in.py``, ``command_server.py``),
and a command that is neither real nor has one fails. Deployments, and what fits a model to a board,
are read and checked; the slow test makes them. Commands of one block run in one shell's
folder, those of one page in one folder, in their order.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import chain

import pytest

from tests.docs.blocks import SHELL, Block, Command, blocks_of, commands_of
from tests.docs.pages import pages
from tests.docs.stand_in import PROGRAMS
from tests.docs.world import REAL, World

# Several pages have the same one, and it leaves nothing that is not there from the beginning.
_ONCE = re.compile(
    r"sqtvm (((run|profile|doctor|boards|analyze|store list)\b[^>|]*)"
    r"|(build network\.tar --board stm32f746))"
)
# The examples of a command's help know nothing of those of another's.
_HELP = "docs/reference/cli.md"
# What a command of a help's examples takes for granted, beside what World prepares.
_BEFORE = {
    "sqtvm flash --image board-mlperf-tiny-performance": (
        "sqtvm build network.tar --image board --harness mlperf-tiny"
    )
}
# After these, a command begins.
_SEPARATORS = {"&&", "||", ";", "|", "&", "(", ")"}
_ASSIGNMENT = re.compile(r"\w+=")


def all_blocks() -> Iterator[Block]:
    return chain.from_iterable(blocks_of(page, text) for page, text in pages().items())


BLOCKS = [block for block in all_blocks() if block.language in SHELL]
COMMANDS = [command for block in BLOCKS for command in commands_of(block)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("docs"))
    try:
        yield made
    finally:
        made.close()


# Over all pages of a process.
_DONE: set[str] = set()


def read(page: str, world: World, only_check: bool) -> None:
    """As somebody does who types one page's commands, from the first to the last."""
    world.begin()
    for block in blocks_of(page, pages()[page]):
        if block.title:
            (world.folder / block.title).write_text(block.text)
    for block in BLOCKS:
        if block.page == page:
            if page == _HELP:
                world.begin()
            _type(block, world, only_check)


def _type(block: Block, world: World, only_check: bool) -> None:
    folder = world.folder
    for command in commands_of(block):
        text = command.text.partition(" #")[0].strip()
        if only_check and text in _DONE:
            continue
        if _ONCE.fullmatch(text):
            _DONE.add(text)
        if text in _BEFORE:
            assert world.run(_BEFORE[text], folder).status == 0
        settings = world.folder / "sqtvm.toml"
        prepared = settings.read_text()
        if "sqtvm init" in command.text:
            settings.unlink()
        outcome = world.run(command.text, folder, only_check)
        folder = outcome.folder
        assert outcome.status == 0, f"{command}\n{outcome.stdout}\n{outcome.stderr}"
        if "sqtvm init" in command.text:
            assert "$EDITOR" in text or "[budget]" in settings.read_text()
            settings.write_text(prepared)


PAGES = tuple(dict.fromkeys(block.page for block in BLOCKS))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PAGES)
def test_commands_run(page: str, world: World) -> None:
    read(page, world, only_check=True)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith("examples/")])
def test_deployments_run_to_their_end(page: str, world: World) -> None:
    """The examples' own lines are run by tests/examples."""
    read(page, world, only_check=False)


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_something_tells_how_to_run_each_program(command: Command) -> None:
    programs = programs_of(command.text)
    assert programs
    for program in programs:
        assert program in REAL or program in PROGRAMS, (
            f"{command}: nothing tells how {program} runs"
        )


def programs_of(text: str) -> list[str]:
    """The first word of every command of a line."""
    reader = shlex.shlex(text, posix=True, punctuation_chars=True)
    reader.whitespace_split = True
    found = []
    begins = True
    for word in reader:
        if word in _SEPARATORS:
            begins = True
        elif begins and not _ASSIGNMENT.match(word):
            found.append(word)
            begins = False
    return found


@pytest.mark.parametrize(
    ("text", "programs"),
    [
        ("sqtvm boards # all of them", ["sqtvm"]),
        ("cd a && A=b sqtvm deploy --out 'x && y' > z || echo 1", ["cd", "sqtvm", "echo"]),
        ("rm -rf x; sqtvm run | head", ["rm", "sqtvm", "head"]),
    ],
)
def test_programs_are_found(text: str, programs: list[str]) -> None:
    assert programs_of(text) == programs


def test_commands_stand_in_shell_blocks() -> None:
    """Else none of the tests above would see them."""
    begins = re.compile(rf"\s*(?:\$ )?(?:{'|'.join(map(re.escape, PROGRAMS))}) [\w./-]")
    for block in all_blocks():
        if block.language not in SHELL and block.language not in ("yaml", "python", "text"):
            for number, line in enumerate(block.text.splitlines(), block.line):
                assert not begins.match(line), f"{block.page}:{number}: not in a block marked sh"
