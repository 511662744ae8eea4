"""Reading Model Library Format archives, good ones and others."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from sqtvm.errors import SqtvmError
from sqtvm.firmware.archive import read_archive
from tests.firmware import fake_archive


def test_what_is_in_an_archive(archive: Path) -> None:
    network = read_archive(archive)
    assert network.sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert (network.model, network.layers) == ("fake", ("multiply", "add"))
    assert (network.input.bytes, network.output.bytes) == (6, 3)
    assert (network.input.scale, network.output.zero_point) == (0.1, -7)
    assert (network.workspace_bytes, network.constants_bytes) == (64, 6)
    assert set(network.files) == {
        PurePosixPath("src/default_lib0.c"),
        PurePosixPath("src/default_lib1.c"),
        PurePosixPath("include/tvmgen_default.h"),
        PurePosixPath("include/sqtvm/profile.h"),
    }


def test_a_missing_file_and_a_file_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(SqtvmError, match="cannot be read: No such file"):
        read_archive(tmp_path / "none.tar")
    (tmp_path / "text.tar").write_text("no archive")
    with pytest.raises(SqtvmError, match=r"is not a whole \.tar archive"):
        read_archive(tmp_path / "text.tar")


def test_an_archive_that_sqtvm_did_not_make(tmp_path: Path) -> None:
    described = fake_archive.metadata()
    del described["sqtvm"]
    files = {**fake_archive.contents(), "./metadata.json": json.dumps(described).encode()}
    path = fake_archive.write(tmp_path / "other.tar", files)
    with pytest.raises(SqtvmError, match="not a Model Library Format archive that sqtvm made"):
        read_archive(path)


WRONG: tuple[tuple[str, str, Any, str], ...] = (
    ("input", "scale", 0, "sqtvm.input.scale"),
    ("input", "name", "a b", "sqtvm.input.name"),
    ("output", "zero_point", 200, "sqtvm.output.zero_point"),
    ("output", "shape", [1, 0], "sqtvm.output.shape.1"),
)


@pytest.mark.parametrize(("tensor", "key", "value", "named"), WRONG)
def test_wrong_metadata_is_named(
    tensor: str, key: str, value: Any, named: str, tmp_path: Path
) -> None:
    described = fake_archive.metadata()
    described["sqtvm"][tensor][key] = value
    files = {**fake_archive.contents(), "./metadata.json": json.dumps(described).encode()}
    with pytest.raises(SqtvmError) as caught:
        read_archive(fake_archive.write(tmp_path / "wrong.tar", files))
    assert f"metadata.json: {named}: " in str(caught.value)


def test_a_name_that_leads_out_of_the_archive_is_refused(tmp_path: Path) -> None:
    files = {**fake_archive.contents(), "./codegen/host/src/../../../x.c": b""}
    with pytest.raises(SqtvmError):
        read_archive(fake_archive.write(tmp_path / "bad.tar", files))
