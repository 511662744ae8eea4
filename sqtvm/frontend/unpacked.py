"""How much memory a .zip claims to need, asked before it is given any."""

from __future__ import annotations

import os
import zipfile


def require_memory(archive: zipfile.ZipFile) -> None:
    """Raises MemoryError, in one line, where its files unpacked are larger than the machine's
    memory: a few bytes of a .zip can stand for any number of zeros."""
    wanted = sum(entry.file_size for entry in archive.infolist())
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if wanted > there:
        gib = 1 << 30
        raise MemoryError(
            f"unpacked it takes {wanted / gib:,.1f} GiB, this machine has {there / gib:,.1f}"
        )
