from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor
from torch.utils.data import Dataset

from sqtvm.errors import DataError
from sqtvm.frontend.graph import Conv2d, Graph, Linear
from sqtvm.frontend.model import Samples
from sqtvm.quantize import checkpoint
from sqtvm.quantize.calibration import calibrate
from sqtvm.quantize.finetune import FineTuneProgress, FineTuneSettings, fine_tune
from sqtvm.quantize.training_batches import Batches
from tests.quantize import train_until_killed
from tests.quantize.graphs import bits_of
from tests.quantize.shapes_task import samples, trained, worn

TRAINING = samples(300, seed=2)
ACTIVATIONS = calibrate(trained(), TRAINING.x[:64])
BITS = bits_of(trained(), 2)


def weights(graph: Graph) -> list[np.ndarray]:
    return [node.op.weight for node in graph.weighted if isinstance(node.op, Conv2d | Linear)]


def test_training_killed_without_warning_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    command = [sys.executable, "-m", "tests.quantize.train_until_killed", str(file)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.kill()
    assert process.returncode == -9
    assert file.exists()

    resumed, made = train_until_killed.train(file)
    assert made == list(range(31, 61)), "goes on behind the checkpoint of step 30"
    whole, _ = train_until_killed.train(None)
    for one, other in zip(weights(resumed), weights(whole), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not file.exists(), "what is finished needs no checkpoint"


def test_a_checkpoint_of_other_training_or_half_a_one_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    checkpoint.write(file, "mine", {"done": 3})
    assert checkpoint.read(file, "mine") == {"done": 3}
    assert checkpoint.read(file, "another's") is None
    file.write_bytes(file.read_bytes()[:100])
    assert checkpoint.read(file, "mine") is None
    assert checkpoint.read(tmp_path / "none", "mine") is None


def test_fingerprints_tell_settings_and_weights_apart() -> None:
    one = checkpoint.fingerprint(trained(), FineTuneSettings())
    assert one == checkpoint.fingerprint(trained(), FineTuneSettings())
    assert one != checkpoint.fingerprint(trained(), FineTuneSettings(seed=1))
    assert one != checkpoint.fingerprint(worn(), FineTuneSettings())


def test_training_stops_where_held_out_samples_gain_no_more() -> None:
    seen: list[FineTuneProgress] = []
    settings = FineTuneSettings(
        steps=400, batch_size=32, learning_rate=0.0, patience=2, check_period=5
    )
    fine_tune(trained(), ACTIVATIONS, BITS, TRAINING, settings, seen.append)
    assert len(seen) == 15, "one check to set the mark, two that do not better it"


def test_with_a_patience_the_best_weights_come_back() -> None:
    """A rate far too large: training ends worse than at its first check."""
    wild = FineTuneSettings(steps=60, batch_size=32, learning_rate=0.5, check_period=2)
    losses = []
    for settings in (wild, replace(wild, patience=100)):
        graph = fine_tune(trained(), ACTIVATIONS, BITS, TRAINING, settings)
        losses.append(float(np.mean([np.square(w).mean() for w in weights(graph)])))
    assert losses[1] < losses[0], "the early weights have moved less"


def test_a_dataset_is_read_anew_for_every_batch_and_the_loss_is_the_users() -> None:
    reads: list[int] = []
    calls: list[tuple[int, ...]] = []

    class Varied(Dataset[tuple[Tensor, Tensor]]):
        def __len__(self) -> int:
            return len(TRAINING)

        def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
            reads.append(index)
            assert TRAINING.y is not None
            return torch.from_numpy(TRAINING.x[index]), torch.tensor(TRAINING.y[index])

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        calls.append(tuple(logits.shape))
        return functional.multi_margin_loss(logits, labels)

    settings = FineTuneSettings(epochs=2, batch_size=100, correction_samples=0)
    fine_tune(worn(), ACTIVATIONS, BITS, Varied(), settings, loss=loss)
    assert calls == [(100, 3)] * 6
    assert sorted(reads) == sorted([*range(300), *range(300)])


@pytest.mark.parametrize("held_out", [0, 30])
def test_every_pass_has_every_sample_once_and_nothing_held_out(held_out: int) -> None:
    x = np.arange(100, dtype=np.float32)[:, None]
    batches = Batches(Samples(x, None, "numbers"), 32, seed=1, held_out=held_out)
    kept = set(batches.held_out()[0].flatten().tolist()) if held_out else set()
    a_pass = -(-(100 - held_out) // 32)
    for start in (0, a_pass):
        seen = [v for i in range(a_pass) for v in batches[start + i][0].flatten().tolist()]
        assert sorted(seen) == sorted(set(range(100)) - kept)
    assert not torch.equal(batches[0][0], batches[a_pass][0])


def test_nothing_left_to_train_on_is_refused() -> None:
    with pytest.raises(DataError, match="no samples"):
        Batches(Samples(np.zeros((0, 1), np.float32), None, "empty"), 4, 0)
