"""The trained float networks, and their training within a time limit.

``python -m benchmarks.allocation.training NAME ...`` trains anew those whose file of weights is
not there; results of other weights are then not in force any more.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from benchmarks.allocation.networks import TASKS, Task
from benchmarks.allocation.samples import Split
from sqtvm.frontend.graph import Graph
from sqtvm.frontend.torch_export import import_torch

_SEED = 0
_BATCH = 128
_PEAK_LEARNING_RATE = 0.2
_MINUTES = 5.0


def trained_graph(task: Task, split: Split) -> Graph:
    """The trained network with its batch norms folded."""
    module = task.make()
    module.load_state_dict(torch.load(task.weights, map_location="cpu", weights_only=True))
    return import_torch(module.eval(), torch.zeros(1, *split.train.x.shape[1:]))


@cache
def weights_digest(task: Task) -> str:
    """Tells one training of the network from another."""
    return hashlib.sha256(task.weights.read_bytes()).hexdigest()[:12]


def train(task: Task, split: Split, minutes: float) -> None:
    """Stochastic gradient descent whose step shrinks with epochs or with time, whichever is
    further on, so that a slow machine ends with a trained network too."""
    torch.manual_seed(_SEED)
    random = np.random.default_rng(_SEED)
    module = task.make().train()
    optimizer = torch.optim.SGD(
        module.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True
    )
    x, y = torch.from_numpy(split.train.x), torch.from_numpy(split.train.y)
    started, done = time.monotonic(), 0.0
    batches = len(x) // _BATCH
    for epoch in range(task.epochs):
        order = torch.from_numpy(random.permutation(len(x)))
        for number in range(batches):
            by_time = (time.monotonic() - started) / (60 * minutes)
            done = max((epoch + number / batches) / task.epochs, by_time)
            if done >= 1:
                break
            # A tenth of the way up, the rest down to nothing.
            rate = min(done / 0.1, (1 - done) / 0.9) * _PEAK_LEARNING_RATE
            optimizer.param_groups[0]["lr"] = rate
            chosen = order[number * _BATCH : (number + 1) * _BATCH]
            loss = functional.cross_entropy(
                module(_varied(x[chosen], random, task.mirrored)), y[chosen]
            )
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(module.parameters(), 5.0)
            optimizer.step()
    _keep(module, task.weights)


def _varied(x: Tensor, random: np.random.Generator, mirrored: bool) -> Tensor:
    """A batch with half of it mirrored, where that keeps the meaning, and shifted a little."""
    if not mirrored:
        return x
    flip = torch.from_numpy(random.random(len(x)) < 0.5).view(-1, 1, 1, 1)
    top, left = random.integers(0, 5, 2)
    size = x.shape[-1]
    padded = functional.pad(torch.where(flip, x.flip(3), x), [2] * 4)
    return padded[:, :, top : top + size, left : left + size]


def _keep(module: nn.Module, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    torch.save(module.state_dict(), temporary)
    temporary.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(TASKS))
    parser.add_argument("--minutes", type=float, default=_MINUTES, help="at most, a network")
    arguments = parser.parse_args()
    for name in arguments.names:
        task = TASKS[name]
        if not task.weights.exists():
            train(task, task.load(), arguments.minutes)
        print(f"{name}: {task.weights}", flush=True)


if __name__ == "__main__":
    main()
