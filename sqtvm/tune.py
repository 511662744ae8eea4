"""The weights that go with the chosen bits: trained, rounded adaptively, or as they were."""

from __future__ import annotations

from dataclasses import dataclass

from sqtvm.allocate.evaluate import Evaluator
from sqtvm.errors import SqtvmError
from sqtvm.frontend.graph import Graph
from sqtvm.progress import Progress
from sqtvm.quantize.finetune import FineTuneProgress, FineTuneSettings, fine_tune
from sqtvm.quantize.reconstruct import ReconstructSettings, reconstruct
from sqtvm.realise import Workshop
from sqtvm.rounds import Round
from sqtvm.settings import DeploySettings

# Points of accuracy that may go before fine-tuning starts by itself, without --max-drop.
_BEARABLE_DROP = 1.0
# Points below which adaptive rounding has nothing to win back.
_NEGLIGIBLE_DROP = 0.3
_FINE_TUNE_STEPS = 400
_CHECKPOINT = "fine-tuning.pt"


@dataclass(frozen=True, eq=False)
class Tuned:
    """graph: to quantize; fine_tuned, adaptive_rounding: what was done to its weights."""

    graph: Graph
    fine_tuned: bool = False
    adaptive_rounding: bool = False


def tune(workshop: Workshop, settings: DeploySettings, best: Round, evaluator: Evaluator) -> Tuned:
    """The weights to quantize at the chosen bits.

    They are trained where that was asked for, or where bits cost more accuracy than they should
    and there is something to train with; a killed training is gone on with by the next one of
    the same settings. Otherwise, where accuracy was lost, they are rounded adaptively on the
    calibration samples, and that is kept if the outputs come closer to the float network's.
    """
    model = workshop.model
    drop = 100 * (evaluator.float_accuracy - best.allocation.accuracy)
    bearable = _BEARABLE_DROP if settings.budget.max_drop is None else settings.budget.max_drop
    wanted = drop > bearable if settings.fine_tune is None else settings.fine_tune
    if wanted and model.training is not None:
        return Tuned(_fine_tuned(workshop, settings, best), fine_tuned=True)
    if settings.fine_tune:
        raise SqtvmError(
            "fine-tuning needs training data", "give --training, or training in sqtvm.toml"
        )
    if drop > min(_NEGLIGIBLE_DROP, bearable):
        return _rounded(workshop, settings, best, evaluator)
    return Tuned(model.graph)


def _fine_tuned(workshop: Workshop, settings: DeploySettings, best: Round) -> Graph:
    model = workshop.model
    assert model.training is not None

    def tell(progress: FineTuneProgress) -> None:
        message = f"loss {progress.loss:.4f}"
        workshop.on_progress(Progress("fine-tune", message, progress.step, progress.steps))

    return fine_tune(
        model.graph,
        workshop.activations,
        best.allocation.weight_bits,
        model.training,
        FineTuneSettings(steps=_FINE_TUNE_STEPS, seed=settings.seed),
        tell,
        checkpoint_file=settings.out / _CHECKPOINT,
    )


def _rounded(
    workshop: Workshop, settings: DeploySettings, best: Round, evaluator: Evaluator
) -> Tuned:
    graph, bits = workshop.model.graph, best.allocation.weight_bits
    names = [node.name for node in graph.weighted]

    def tell(name: str) -> None:
        message = f"weights of {name}"
        workshop.on_progress(Progress("round", message, names.index(name), len(names)))

    rounded = reconstruct(
        graph,
        workshop.activations,
        bits,
        workshop.model.calibration.x,
        ReconstructSettings(seed=settings.seed),
        tell,
    )
    before, after = (evaluator.judge(workshop.quantize(g, bits)) for g in (graph, rounded))
    if after.divergence < before.divergence:
        return Tuned(rounded, adaptive_rounding=True)
    return Tuned(graph)
