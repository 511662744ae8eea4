"""The weights that go with the chosen bits: equalized, trained or rounded adaptively where that
brings the outputs closer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch.nn.functional as functional

from sqtvm.allocate.evaluate import Evaluator, Quality
from sqtvm.errors import SqtvmError
from sqtvm.frontend.graph import Graph
from sqtvm.progress import Progress, counted
from sqtvm.quantize.activation_bits import calibrate_at
from sqtvm.quantize.equalize import equalize
from sqtvm.quantize.finetune import FineTuneProgress, FineTuneSettings, fine_tune
from sqtvm.quantize.loss import Loss
from sqtvm.quantize.network import TensorQuantization
from sqtvm.quantize.reconstruct import ReconstructSettings, reconstruct
from sqtvm.realise import Workshop
from sqtvm.rounds import Round
from sqtvm.settings import DeploySettings

# Points of accuracy that may go before fine-tuning starts by itself, without --max-drop.
_BEARABLE_DROP = 1.0
# Points below which adaptive rounding has nothing to win back.
_NEGLIGIBLE_DROP = 0.3
_FINE_TUNE_STEPS = 400
# Checks, one every 50 steps, without a better loss on held-out samples before training ends.
_PATIENCE = 4
# Steps of about the same length: equalize and calibrate, judge one way, judge the other.
_EQUALIZING = 3
_CHECKPOINT = "fine-tuning.pt"


@dataclass(frozen=True, eq=False)
class Tuned:
    """graph, activations: to quantize; equalized, fine_tuned, adaptive_rounding: what was done to
    the weights."""

    graph: Graph
    activations: Mapping[str, TensorQuantization]
    equalized: bool = False
    fine_tuned: bool = False
    adaptive_rounding: bool = False


def tune(
    workshop: Workshop,
    settings: DeploySettings,
    best: Round,
    evaluator: Evaluator,
    loss: Loss = functional.cross_entropy,
) -> Tuned:
    """The weights to quantize at the chosen bits; loss: what training lowers.

    Channels are equalized first, where that brings the outputs at these bits closer to the float
    network's. Then weights are trained where that was asked for, or where bits cost more accuracy
    than they should and there is something to train with; a killed training is gone on with by
    the next one of the same settings. Otherwise, where accuracy was lost, they are rounded
    adaptively on the calibration samples, and that is kept if the outputs come closer.
    """
    start, quality = _equalized_if_closer(workshop, best, evaluator)
    drop = 100 * (evaluator.float_accuracy - quality.accuracy)
    bearable = _BEARABLE_DROP if settings.budget.max_drop is None else settings.budget.max_drop
    wanted = drop > bearable if settings.fine_tune is None else settings.fine_tune
    if wanted and workshop.model.training is not None:
        trained = _fine_tuned(workshop, settings, best, start, loss)
        return replace(start, graph=trained, fine_tuned=True)
    if settings.fine_tune:
        raise SqtvmError(
            "fine-tuning needs training data", "give --training, or training in sqtvm.toml"
        )
    if drop > min(_NEGLIGIBLE_DROP, bearable):
        rounded = _rounded(workshop, settings, best, start)
        after = _judge(workshop, best, rounded, evaluator)
        return rounded if after.divergence < quality.divergence else start
    return start


def _equalized_if_closer(
    workshop: Workshop, best: Round, evaluator: Evaluator
) -> tuple[Tuned, Quality]:
    """What to start from, and how good it is at the chosen bits."""
    model = workshop.model
    plain = Tuned(model.graph, workshop.activations)
    tell = counted(workshop.on_progress, "tune", "trying channels of equal ranges")
    tell(0, _EQUALIZING)
    graph = equalize(model.graph, model.calibration.x)
    bits = {name: tensor.bits for name, tensor in workshop.activations.items()}
    activations = calibrate_at(graph, model.calibration.x, bits)
    equalized = Tuned(graph, activations, equalized=True)
    tell(1, _EQUALIZING)
    before = _judge(workshop, best, plain, evaluator)
    tell(2, _EQUALIZING)
    after = _judge(workshop, best, equalized, evaluator)
    tell(3, _EQUALIZING)
    return (equalized, after) if after.divergence < before.divergence else (plain, before)


def _judge(workshop: Workshop, best: Round, tuned: Tuned, evaluator: Evaluator) -> Quality:
    at_hand = replace(workshop, activations=tuned.activations)
    return evaluator.judge(at_hand.quantize(tuned.graph, best.allocation.weight_bits))


def _fine_tuned(
    workshop: Workshop, settings: DeploySettings, best: Round, start: Tuned, loss: Loss
) -> Graph:
    training = workshop.model.training
    assert training is not None

    def tell(progress: FineTuneProgress) -> None:
        message = f"loss {progress.loss:.4f}"
        workshop.on_progress(Progress("fine-tune", message, progress.step, progress.steps))

    return fine_tune(
        start.graph,
        start.activations,
        best.allocation.weight_bits,
        training,
        FineTuneSettings(steps=_FINE_TUNE_STEPS, seed=settings.seed, patience=_PATIENCE),
        tell,
        loss=loss,
        checkpoint_file=settings.out / _CHECKPOINT,
    )


def _rounded(workshop: Workshop, settings: DeploySettings, best: Round, start: Tuned) -> Tuned:
    names = [node.name for node in start.graph.weighted]

    def tell(name: str) -> None:
        message = f"weights of {name}"
        workshop.on_progress(Progress("round", message, names.index(name), len(names)))

    graph = reconstruct(
        start.graph,
        start.activations,
        best.allocation.weight_bits,
        workshop.model.calibration.x,
        ReconstructSettings(seed=settings.seed),
        tell,
    )
    return replace(start, graph=graph, adaptive_rounding=True)
