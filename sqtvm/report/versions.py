"""The versions of everything that a result depends on."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata

from sqtvm import __version__

_PACKAGES = ("torch", "xtc-tvm-python-bindings", "numpy", "onnx", "scikit-learn")
_PROGRAMS = ("arm-none-eabi-gcc", "qemu-system-arm", "cmake", "ninja")
_SECONDS = 20


def program_version(program: str) -> str | None:
    """The first line that ``program --version`` prints; None where it cannot be run."""
    try:
        result = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = result.stdout.strip().splitlines()
    return lines[0].strip() if result.returncode == 0 and lines else None


def package_version(package: str) -> str | None:
    """The version of an installed Python package; None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def tool_versions() -> dict[str, str]:
    """sqtvm, Python, the packages and the programs that are there, by name."""
    found = {"sqtvm": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        if (version := package_version(package)) is not None:
            found[package] = version
    for program in _PROGRAMS:
        if (version := program_version(program)) is not None:
            found[program] = version
    return found
