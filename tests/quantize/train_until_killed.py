"""Fine-tunes the small task with a checkpoint file: ``python -m ... FILE``, for a test to kill."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from sqtvm.frontend.graph import Graph
from sqtvm.quantize.calibration import calibrate
from sqtvm.quantize.finetune import FineTuneProgress, FineTuneSettings, fine_tune
from tests.quantize.graphs import bits_of
from tests.quantize.shapes_task import samples, trained, worn

SETTINGS = FineTuneSettings(steps=60, batch_size=32, check_period=10, patience=100)


def train(file: Path | None, kill_after: int | None = None) -> tuple[Graph, list[int]]:
    """The trained graph and the numbers of the steps that this process made."""
    made: list[int] = []

    def tell(progress: FineTuneProgress) -> None:
        made.append(progress.step)
        if progress.step == kill_after:
            print("here", flush=True)
            sys.stdin.read()

    training = samples(512, seed=2)
    activations = calibrate(trained(), training.x[:64])
    bits = bits_of(trained(), 2)
    graph = fine_tune(
        worn(), activations, bits, training, SETTINGS, tell, trained(), checkpoint_file=file
    )
    return graph, made


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(Path(sys.argv[1]), kill_after=37)
