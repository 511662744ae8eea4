"""What is done to the weights once their bits are chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as functional

from sqtvm.allocate.allocate import AllocateSettings, layer_statistics, new_evaluator
from sqtvm.allocate.allocation import Allocation
from sqtvm.allocate.budget import Budget, Cost
from sqtvm.firmware.boards import load_board
from sqtvm.firmware.memory_use import MemoryUse
from sqtvm.frontend.graph import Graph
from sqtvm.frontend.model import Model, Samples
from sqtvm.measure.measurement import Measurement
from sqtvm.measure.target import parse_target
from sqtvm.progress import silent
from sqtvm.quantize.calibration import calibrate
from sqtvm.quantize.finetune import Loss
from sqtvm.realise import Workshop
from sqtvm.rounds import Realisation, Round
from sqtvm.settings import DeploySettings
from sqtvm.tune import Tuned, tune
from tests.quantize.graphs import bits_of
from tests.quantize.shapes_task import samples, trained
from tests.quantize.test_equalize import X, lopsided


def _tuned(
    graph: Graph,
    x: np.ndarray,
    bits: int,
    out: Path,
    training: Samples | None = None,
    loss: Loss | None = None,
) -> tuple[Tuned, float, float]:
    """What came of it, and the divergence without and with it."""
    model = Model("net", graph, Samples(x, None, "x"), Samples(x, None, "x"), training)
    activations = calibrate(graph, x)
    workshop = Workshop(model, activations, load_board("stm32f746"), parse_target("none"), silent)
    evaluator = new_evaluator(model, activations, AllocateSettings())
    weight_bits = bits_of(graph, bits)
    network = workshop.quantize(graph, weight_bits)
    before = evaluator.judge(network)
    cost = Cost(1.0, 1, 1, 1, 1)
    allocation = Allocation(
        weight_bits,
        "uniform",
        before.accuracy,
        cost,
        True,
        (),
        layer_statistics(graph),
        (),
        1,
        before.divergence,
    )
    memory = MemoryUse(1, 1, 1, 1, 1, 1)
    measured = Measurement(
        "none", (), None, None, None, None, 1.0, "modelled", memory, np.zeros((0, 3), np.int8)
    )
    best = Round(1, allocation, cost, "modelled", Realisation(network, measured), ())
    settings = DeploySettings(
        "net.pt",
        "x.npz",
        "stm32f746",
        Budget(max_drop=100),
        out=out,
        fine_tune=None if loss is None else True,
    )
    found = tune(workshop, settings, best, evaluator, loss or functional.cross_entropy)
    after = Workshop(model, found.activations, workshop.board, workshop.target, silent)
    return (
        found,
        before.divergence,
        evaluator.judge(after.quantize(found.graph, weight_bits)).divergence,
    )


def test_channels_are_equalized_where_outputs_come_closer(tmp_path: Path) -> None:
    found, before, after = _tuned(lopsided(), X, 4, tmp_path)
    assert found.equalized
    assert after < before


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_what_is_done_never_takes_outputs_further_away(bits: int, tmp_path: Path) -> None:
    for graph, x in ((lopsided(), X), (trained(), samples(200, seed=4).x)):
        _, before, after = _tuned(graph, x, bits, tmp_path)
        assert after <= before


def test_training_lowers_the_callers_loss_and_stops_early(tmp_path: Path) -> None:
    seen: list[int] = []

    def margin(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        seen.append(len(labels))
        return functional.multi_margin_loss(logits, labels)

    data = samples(300, seed=4)
    found, before, after = _tuned(trained(), data.x, 2, tmp_path, data, margin)
    assert found.fine_tuned
    assert after < before
    held_out = 30
    assert seen.count(held_out) >= 1, "checked on what no batch has"
    assert len(seen) - seen.count(held_out) <= 400
    assert not (tmp_path / "fine-tuning.pt").exists()
