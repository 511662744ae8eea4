from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import sqtvm
from sqtvm.cli.app import app
from sqtvm.cli.init import TEMPLATE
from sqtvm.settings import read_settings_file, resolve
from tests.cli.conftest import FakePipeline, Run

_README = Path(__file__).parents[2] / "README.md"


def _commands() -> dict[str, set[str]]:
    """The flags of every command, by name; subcommands as ``boards show``."""
    found: dict[str, set[str]] = {}

    def walk(command: object, name: str) -> None:
        flags: set[str] = set()
        for parameter in command.params:  # type: ignore[attr-defined]
            flags |= set(parameter.opts) | set(parameter.secondary_opts)
        found[name] = flags
        for sub, inner in getattr(command, "commands", {}).items():
            walk(inner, f"{name} {sub}".strip())

    walk(typer.main.get_command(app), "")
    return found


@pytest.mark.parametrize("name", sorted(name for name in _commands() if name))
def test_every_command_has_help_with_examples_and_statuses(run: Run, name: str) -> None:
    result = run(*name.split(), "--help")
    assert result.exit_code == 0
    assert "Examples" in result.stdout
    assert f"sqtvm {name}" in result.stdout
    assert "3 the budgets cannot hold" in " ".join(result.stdout.split())


def test_flags_in_examples_and_readme_exist(run: Run) -> None:
    commands = _commands()
    helps = [run(*name.split(), "--help").stdout for name in commands if name]
    lines = "\n".join([*helps, _README.read_text()])
    used = [line.split() for line in re.findall(r"^\s*sqtvm ([a-z].*)$", lines, re.MULTILINE)]
    assert len(used) > 10
    for words in used:
        name = " ".join(words[:2]) if " ".join(words[:2]) in commands else words[0]
        assert name in commands, f"sqtvm {name} is no command"
        for word in itertools.takewhile(lambda word: word not in ("#", "&&"), words):
            flag = word.startswith("-")
            assert not flag or word in commands[name], f"sqtvm {name} has no {word}"


def test_version(run: Run) -> None:
    assert run("--version").stdout == f"sqtvm {sqtvm.__version__}\n"


def test_unknown_command_is_wrong_usage(run: Run) -> None:
    assert run("fly").exit_code == 2


def test_init_writes_a_file_that_deploy_reads(run: Run, pipeline: FakePipeline) -> None:
    assert run("init").exit_code == 0
    assert run("deploy", "--quiet").exit_code == 0
    assert pipeline.asked[0].budget.ms == 50


def test_commented_settings_are_right_too(tmp_path: Path) -> None:
    path = tmp_path / "sqtvm.toml"
    path.write_text(re.sub(r"^# (\w+ = )", r"\1", TEMPLATE, flags=re.MULTILINE))
    settings = resolve(read_settings_file(path), ("model", "data", "board"))
    assert settings.budget.flash_bytes == 65_536
    assert settings.calibration == "calibration.npz"


def test_init_does_not_overwrite(run: Run) -> None:
    Path("sqtvm.toml").write_text("mine")
    result = run("init")
    assert result.exit_code == 1
    assert "--force" in result.stderr
    assert Path("sqtvm.toml").read_text() == "mine"
    assert run("init", "--force").exit_code == 0
    assert Path("sqtvm.toml").read_text() == TEMPLATE


def test_boards_are_listed_and_shown(run: Run) -> None:
    listed = run("boards")
    assert listed.exit_code == 0
    assert "stm32f746" in listed.stdout
    assert "stm32f746" in {board["name"] for board in json.loads(run("boards", "--json").stdout)}
    assert "216 MHz" in run("boards", "show", "stm32f746").stdout
    assert (
        json.loads(run("boards", "show", "stm32f746", "--json").stdout)["clock_hz"] == 216_000_000
    )


def test_unknown_board_is_named_with_the_known_ones(run: Run) -> None:
    result = run("boards", "show", "stm33")
    assert result.exit_code == 1
    assert "stm33" in result.stderr
    assert "stm32f746" in result.stderr


def test_help_comes_without_loading_torch() -> None:
    code = (
        "import sys\nfrom sqtvm.cli.app import app\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'tvm', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_reader_that_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m sqtvm boards list --json | head -c 1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert result.stdout == "["
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("shell", "status", "said"),
    [
        ("boards > /dev/full", 1, "error: the output cannot be written: no space left on device"),
        ("boards >&-", 0, ""),
        ("boards show stm33 2>&-", 1, ""),
        ("boards | cat", 0, ""),
    ],
)
def test_output_that_cannot_be_written(shell: str, status: int, said: str) -> None:
    command = f"set -o pipefail; {sys.executable} -m sqtvm {shell}"
    # A terminal without letters beyond ASCII.
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    result = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, env=environment
    )
    assert result.stderr.strip() == said
    assert result.returncode == status
