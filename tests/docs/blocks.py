"""Fenced blocks of Markdown, and the shell commands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

SHELL = ("sh", "bash", "console", "shell")
_FENCE = re.compile(r"^(?P<indent>\s*)(?P<fence>`{3,}|~{3,})\s*(?P<language>[\w+-]*)(?P<rest>.*)$")
_TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True)
class Block:
    """line: of its text's first, in the page; title: a file's name, where the fence has one."""

    page: str
    line: int
    language: str
    title: str
    text: str


@dataclass(frozen=True)
class Command:
    page: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def blocks_of(page: str, markdown: str) -> Iterator[Block]:
    opened: re.Match[str] | None = None
    lines: list[str] = []
    for number, line in enumerate(markdown.splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is None:
            if fence is not None:
                opened, lines, first = fence, [], number + 1
        elif fence is not None and fence["fence"] == opened["fence"] and not fence["language"]:
            title = _TITLE.search(opened["rest"])
            text = "".join(f"{line.removeprefix(opened['indent'])}\n" for line in lines)
            yield Block(page, first, opened["language"], title[1] if title else "", text)
            opened = None
        else:
            lines.append(line)
    assert opened is None, f"{page}: a block is never closed"


def commands_of(block: Block) -> Iterator[Command]:
    """Lines of a shell block, with those that end with a backslash joined to the next."""
    text, first = "", block.line
    for number, line in enumerate(block.text.splitlines(), block.line):
        if not text:
            first = number
        text += line
        if text.endswith("\\"):
            text = text[:-1]
            continue
        if text.strip() and not text.lstrip().startswith("#"):
            yield Command(block.page, first, text.strip())
        text = ""
