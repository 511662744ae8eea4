"""Unpacks archives. Python's tarfile has its filters against hostile ones only since 3.11.4."""

from __future__ import annotations

import tarfile
from pathlib import Path


def unpack(archive: Path, folder: Path) -> None:
    """Write the files of ``archive`` below ``folder``.

    Raises tarfile.ExtractError for an entry that is no regular file or folder, or that would lie
    outside of ``folder``.
    """
    root = folder.resolve()
    with tarfile.open(archive) as tar:
        for member in tar:
            path = (root / member.name).resolve()
            if member.isdir():
                continue
            content = tar.extractfile(member) if member.isreg() else None
            if content is None or not path.is_relative_to(root):
                raise tarfile.ExtractError(f"{archive}: will not unpack {member.name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.read())
