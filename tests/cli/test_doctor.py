from __future__ import annotations

import json
from pathlib import Path

import pytest

from sqtvm.doctor import Finding, examine, install_commands
from tests.cli.conftest import Run


def _finding(found: str, needed: bool = True, pip: bool = False) -> Finding:
    return Finding("thing", "does things", found, needed, "thing-package", pip)


def test_commands_install_only_what_is_missing_and_needed() -> None:
    assert install_commands([_finding("1.0"), _finding("", needed=False)]) == ()
    assert install_commands([_finding("")]) == ("apt-get install -y thing-package",)
    (command,) = install_commands([_finding("", pip=True)])
    assert command.endswith("-m pip install thing-package")


def test_tools_are_looked_for_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cmake = tmp_path / "cmake"
    cmake.write_text("#!/bin/sh\necho cmake version 9.9\n")
    cmake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/nowhere")
    findings = {finding.name: finding for finding in examine()}
    assert findings["qemu-system-arm"].missing
    assert findings["newlib"].missing
    assert findings["host C compiler"].missing
    assert findings["torch"].found
    assert findings["cmake"].missing or findings["cmake"].found == "cmake version 9.9"


def test_missing_tools_end_with_status_1_and_the_command(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    result = run("doctor")
    assert result.exit_code == 1
    assert "missing" in result.stdout
    assert "apt-get install -y gcc-arm-none-eabi" in result.stdout
    content = json.loads(run("doctor", "--json").stdout)
    assert content["complete"] is False
    assert len(content["install"]) == 1
