#!/usr/bin/env python3
"""microTVM Project API server of this template, or of a project made from it.

TVM starts it with its own Python. Where sqtvm is not installed there (its TVM is another one), it
goes on with the Python of SQTVM_PYTHON, or with that of the command ``sqtvm`` on PATH.
"""

import os
import pathlib
import shutil
import sys

FOLDER = pathlib.Path(__file__).resolve().parent


def python_of_sqtvm():
    """The path of an interpreter that has sqtvm; None where there is none."""
    if "SQTVM_PYTHON" in os.environ:
        return os.environ["SQTVM_PYTHON"]
    command = shutil.which("sqtvm")
    if command is None:
        return None
    with open(command, "rb") as file:
        first = file.readline()
    return first[2:].strip().decode() if first.startswith(b"#!") else None


def main():
    """Runs until TVM closes its end."""
    try:
        # An older Python than sqtvm's fails here as well.
        from sqtvm.project_api import server
    except (ImportError, SyntaxError):
        hand_over()
    else:
        sys.exit(server.main(FOLDER))


def hand_over():
    """Goes on in a Python that has sqtvm, with the same arguments and open files."""
    python = python_of_sqtvm()
    if python is None or os.environ.get("SQTVM_SERVER_STARTED"):
        sys.exit("sqtvm is not found: install it, and set SQTVM_PYTHON to its Python")
    os.environ["SQTVM_SERVER_STARTED"] = "1"
    os.execv(python, [python, str(pathlib.Path(__file__).resolve()), *sys.argv[1:]])


if __name__ == "__main__":
    main()
