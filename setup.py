"""Puts the data folders of the checkout's top level into the wheel, as ``sqtvm/_data``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
DATA_FOLDERS = ("boards", "templates")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


class BuildWithData(build_py):
    """The ordinary build, then the data folders; an editable install reads the checkout's own."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for name in DATA_FOLDERS:
            destination = Path(self.build_lib) / "sqtvm" / "_data" / name
            shutil.rmtree(destination, ignore_errors=True)
            shutil.copytree(ROOT / name, destination, ignore=LEFT_OUT)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        outputs: list[str] = super().get_outputs(include_bytecode)
        if self.editable_mode:
            return outputs
        for name in DATA_FOLDERS:
            for folder, _, files in os.walk(Path(self.build_lib) / "sqtvm" / "_data" / name):
                outputs.extend(os.path.join(folder, file) for file in files)
        return outputs


setup(cmdclass={"build_py": BuildWithData})
