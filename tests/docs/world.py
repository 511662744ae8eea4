"""Where the documentation's commands run: a folder with a small network, its data, settings and
firmware, and stand-ins for what is not there, first on PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from sqtvm.measure.store import CostStore
from tests.docs.pages import ROOT
from tests.docs.stand_in import PROGRAMS
from tests.docs.virtual_board import VirtualBoard
from tests.measure.test_store import row as cost_row

# Run as they are; all else needs a stand-in.
REAL = ("cd", "cp", "mkdir", "echo", "cmake", "$EDITOR")
SECONDS = 600
_START_SECONDS = 400
_NETWORK = """
from collections import OrderedDict
import torch
from torch import nn

def lenet():
    torch.manual_seed(0)
    stack = nn.Sequential(OrderedDict(conv2=nn.Conv2d(4, 4, 3, stride=2, padding=1)))
    layers = OrderedDict(
        conv1=nn.Conv2d(3, 4, 3, stride=4, padding=1), relu1=nn.ReLU(),
        stack3=stack, relu2=nn.ReLU(), conv3=nn.Conv2d(4, 4, 1), relu3=nn.ReLU(),
        flatten=nn.Flatten(), linear=nn.Linear(64, 3),
    )
    return nn.Sequential(layers)
"""
_DATA = """
import numpy as np
import torch
from torch.utils.data import TensorDataset

def _read(name):
    file = np.load(name)
    return TensorDataset(torch.from_numpy(file["x"]), torch.from_numpy(file["y"]))

def test():
    return _read("test.npz")

def train():
    return _read("train.npz")
"""
SETTINGS = """
model = "net.onnx"
data = "test.npz"
training = "train.npz"
board = "stm32f746"
verify_samples = 3
"""
_FARM = """
targets:
  f746:
    resources:
      NetworkSerialPort:
        host: 127.0.0.1
        port: {port}
        protocol: raw
    drivers:
      VirtualBoardDriver: {{}}
      SerialDriver: {{}}
"""


@dataclass(frozen=True)
class Outcome:
    """folder: the one in which the next command of the same shell would run."""

    status: int
    stdout: str
    stderr: str
    folder: Path


class World:
    """``folder`` is where commands run; it is the same path for all pages, since build folders
    hold paths, and is put back to its beginning by ``begin``."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.folder = place / "project"
        self._prepared = place / "prepared"
        self._board = VirtualBoard(place)
        self._programs = place / "programs"
        self._programs.mkdir()
        script = ROOT / "tests" / "docs" / "stand_in.py"
        for name in PROGRAMS:
            path = self._programs / name
            path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" {name} "$@"\n')
            path.chmod(0o755)
        self._log = (place / "server.log").open("w")
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.docs.command_server", str(place / "server")],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'scripts'}",
                # Networks this small are slower on more threads, which wait for one another.
                "OMP_NUM_THREADS": "1",
            },
            stdout=self._log,
            stderr=self._log,
        )
        try:
            self._prepare()
            self._wait_for_server()
            self._prepare_by_commands()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._server.terminate()
        self._server.wait()
        self._board.close()
        self._log.close()

    def begin(self) -> None:
        # It would poll its line for ever.
        self._board.power_off()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self._prepared, self.folder, symlinks=True)
        # Costs as a deployment for this board leaves them, under the kernels' names.
        costs = self._place / "cache" / "sqtvm" / "costs.sqlite"
        costs.unlink(missing_ok=True)
        CostStore(costs).put([cost_row("sqtvm_conv2d_1x3x32x32", "stm32f746", 8)])

    def run(self, text: str, folder: Path | None = None, only_check: bool = False) -> Outcome:
        """By bash, as it stands; only_check: deployments are read and checked, and nothing more."""
        then = self._place / "then"
        environment = {
            **os.environ,
            "PATH": f"{self._programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "SQTVM_DOCS_SERVER": str(self._place / "server"),
            "SQTVM_VIRTUAL_BOARD": self._board.address,
            "SQTVM_VIRTUAL_BOARD_NAME": str(self._board.name_path),
            "SQTVM_VIRTUAL_BOARD_SOCKET": str(self._board.socket_path),
            "SQTVM_ONLY_CHECK": "yes" if only_check else "",
            "XDG_CACHE_HOME": str(self._place / "cache"),
            # What a person fills in.
            "EDITOR": f"cp {self._prepared / 'sqtvm.toml'}",
            "COLUMNS": "100",
        }
        result = subprocess.run(
            ["bash", "-c", f'trap "pwd >{then}" EXIT\n{text}'],
            cwd=folder or self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        after = Path(then.read_text().strip())
        return Outcome(result.returncode, result.stdout, result.stderr, after)

    def _prepare(self) -> None:
        folder = self.folder
        folder.mkdir()
        (folder / "my_nets.py").write_text(_NETWORK)
        (folder / "my_data.py").write_text(_DATA)
        (folder / "sqtvm.toml").write_text(SETTINGS)
        (folder / "env.yaml").write_text(_FARM.format(port=self._board.address.rpartition(":")[2]))
        module: dict[str, object] = {}
        exec(_NETWORK, module)
        network: nn.Module = module["lenet"]()  # type: ignore[operator]
        network.eval()
        one = torch.zeros(1, 3, 32, 32)
        with warnings.catch_warnings():
            # The exporter of before: a tenth of the time.
            warnings.simplefilter("ignore")
            torch.onnx.export(network, (one,), folder / "net.onnx", dynamo=False)
        random = np.random.default_rng(0)
        for name, count in (("test", 6), ("some", 12), ("train", 60)):
            x = random.normal(size=(count, 3, 32, 32)).astype(np.float32)
            # What the network itself says, so that there is accuracy to lose.
            y = network(torch.from_numpy(x)).argmax(1).numpy()
            np.savez(folder / f"{name}.npz", x=x, y=y)
        rows = "".join(
            f"{n / 1000},{110 if 3 <= n % 10 < 7 else 20},{int(3 <= n % 10 < 7)}\n"
            for n in range(200)
        )
        (folder / "recording.csv").write_text(f"time_s,current_mA,trigger\n{rows}")
        leave = shutil.ignore_patterns("sqtvm-out", "__pycache__", "weights.pt")
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=leave)
        for name in (
            "templates",
            "boards",
            "scripts",
            "Dockerfile",
            "Makefile",
            "pyproject.toml",
            "constraints.txt",
        ):
            (folder / name).symlink_to(ROOT / name)
        (folder / "path" / "to").mkdir(parents=True)
        for board in ("mine.toml", "my-board.toml", "path/to/my-board.toml"):
            shutil.copy(ROOT / "boards" / "stm32f746.toml", folder / board)

    def _wait_for_server(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while not (self._place / "server").exists():
            if self._server.poll() is not None or time.monotonic() > end:
                raise RuntimeError((self._place / "server.log").read_text())
            time.sleep(0.05)

    def _prepare_by_commands(self) -> None:
        """What earlier commands have left, as the stages and a deployment do."""
        for command in (
            "sqtvm allocate --method uniform",
            "sqtvm compile --allocation allocation.json",
            "sqtvm build network.tar",
            "mkdir sqtvm-out && cp network.tar model.tar && mv network.tar sqtvm-out/model.tar",
            "sqtvm build sqtvm-out/model.tar --out sqtvm-out/firmware",
            "cp model.tar network.tar",
        ):
            result = self.run(command)
            assert result.status == 0, f"{command}: {result.stdout}{result.stderr}"
        self.folder.rename(self._prepared)
