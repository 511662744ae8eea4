"""Only regular files below the folder come out of an archive."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from sqtvm.compile.unpack import unpack


def _archive(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return path


def _file(name: str, size: int = 3) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


def test_files_come_out(tmp_path: Path) -> None:
    folder = tarfile.TarInfo("a")
    folder.type = tarfile.DIRTYPE
    archive = _archive(tmp_path / "good.tar", folder, _file("a/b/c", 5), _file("./d"))
    (tmp_path / "there").mkdir()
    unpack(archive, tmp_path / "there")
    assert (tmp_path / "there/a/b/c").read_bytes() == bytes(5)
    assert (tmp_path / "there/d").read_bytes() == bytes(3)


def _link(target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo("link")
    member.type = tarfile.SYMTYPE
    member.linkname = target
    return member


@pytest.mark.parametrize(
    "member", [_file("../outside"), _file("/outside"), _link("/"), _link("a")], ids=lambda m: m.name
)
def test_what_lies_outside_does_not(member: tarfile.TarInfo, tmp_path: Path) -> None:
    archive = _archive(tmp_path / "bad.tar", member)
    (tmp_path / "there").mkdir()
    with pytest.raises(tarfile.ExtractError, match="will not unpack"):
        unpack(archive, tmp_path / "there")
    assert list((tmp_path / "there").iterdir()) == []
