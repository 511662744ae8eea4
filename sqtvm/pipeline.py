"""The whole line: load, calibrate, allocate and measure in rounds, verify, report."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from sqtvm.allocate.allocate import AllocateSettings, new_evaluator
from sqtvm.allocate.evaluate import Evaluator
from sqtvm.allocate.sensitivity import sensitivities
from sqtvm.errors import SqtvmError
from sqtvm.firmware.boards import Board, load_board
from sqtvm.firmware.project import refuse_foreign
from sqtvm.front import (
    FrontPoint,
    candidates,
    measure_candidates,
    round_points,
    with_front,
)
from sqtvm.frontend.load import load_model
from sqtvm.frontend.model import Model
from sqtvm.measure.energy import modelled_energy
from sqtvm.measure.jobs import parse_executor
from sqtvm.measure.meter import MeterName, parse_meter
from sqtvm.measure.target import Target, parse_target
from sqtvm.measure.target_open import require_port
from sqtvm.measure.verify import Verification, verify
from sqtvm.narrow import fit_workshop
from sqtvm.output_folder import ROUNDS_PREFIX, output_folder
from sqtvm.progress import OnProgress, Progress, counted, silent
from sqtvm.quantize.accuracy import accuracy, float_accuracy, prepare_input
from sqtvm.quantize.calibration import calibrate
from sqtvm.quantize.loss import Loss, found_loss
from sqtvm.quantize.network import IntegerNetwork
from sqtvm.quantize.reference import run_integer
from sqtvm.realise import Workshop, first_samples
from sqtvm.report.build import build_report
from sqtvm.report.schema import AccuracyPart, Report
from sqtvm.report.write import write_report
from sqtvm.rounds import Round, failing_budgets
from sqtvm.search_loop import best_round, run_rounds
from sqtvm.settings import DeploySettings
from sqtvm.tune import Tuned, tune


@dataclass(frozen=True, eq=False)
class DeployResult:
    """What a deployment found, and the folder that holds its report and firmware."""

    report: Report
    out: Path


def deploy(
    settings: DeploySettings,
    on_progress: OnProgress = silent,
    read: Callable[[], Model] | None = None,
    loss: Loss | None = None,
) -> DeployResult:
    """Make firmware that holds the budget, or the best that can be had, and report on it.

    read, loss: model with data, and the loss, where the settings only name them, as objects of a
    program.
    Leaves ``report.json``, ``report.html``, pictures, ``model.tar`` and ``firmware/`` in
    ``settings.out``, each whole. Raises SqtvmError and its kinds for what the user can mend.
    """
    board = load_board(settings.board)
    target = parse_target(settings.measure)
    meter = None if settings.meter is None else parse_meter(settings.meter)
    _require_known_energy(settings, board, meter)
    require_port(target, board)
    refuse_foreign(settings.out / "firmware")
    lowered = found_loss(loss or settings.loss)
    on_progress(Progress("load", settings.model))
    model = load(settings) if read is None else read()
    _require_training(settings, model)
    with output_folder(settings.out):
        report = _deploy(settings, board, target, meter, model, lowered, on_progress)
    return DeployResult(report, settings.out)


def _deploy(
    settings: DeploySettings,
    board: Board,
    target: Target,
    meter: MeterName | None,
    model: Model,
    loss: Loss,
    on_progress: OnProgress,
) -> Report:
    calibrating = counted(on_progress, "quantize", "calibrating activations")
    calibrating(0, 0)
    activations = calibrate(model.graph, model.calibration.x, on_step=calibrating)
    workshop = Workshop(model, activations, board, target, on_progress, meter=meter)
    allocation_settings = AllocateSettings(method=settings.method, seed=settings.seed, loss=loss)
    evaluator = new_evaluator(model, activations, allocation_settings)
    with tempfile.TemporaryDirectory(dir=settings.out, prefix=ROUNDS_PREFIX) as temporary:
        fitted = fit_workshop(
            workshop, settings.budget.ram_bytes, evaluator, Path(temporary) / "activations"
        )
        if fitted.activations is not activations:
            evaluator = new_evaluator(model, fitted.activations, allocation_settings)
        workshop = fitted
        rounds = run_rounds(
            workshop, settings.budget, evaluator, allocation_settings, Path(temporary)
        )
        best = best_round(settings.budget, rounds)
        front = _front(workshop, settings, evaluator, rounds, best, Path(temporary))
    tuned = tune(workshop, settings, best, evaluator, loss)
    kept = _finish(workshop, settings, best, tuned, evaluator)
    judged = _accuracy(workshop, kept.realisation.network)
    report = build_report(
        settings=settings,
        board=board,
        model=model,
        rounds=tuple(kept if turn is best else turn for turn in rounds),
        kept=kept,
        accuracy=judged,
        verification=_verify(workshop, kept),
        equalized=tuned.equalized,
        fine_tuned=tuned.fine_tuned,
        adaptive_rounding=tuned.adaptive_rounding,
        front=front,
        sensitivity=sensitivities(kept.allocation.weight_bits, evaluator),
    )
    write_report(report, settings.out)
    return report


def _require_known_energy(settings: DeploySettings, board: Board, meter: MeterName | None) -> None:
    known = meter is not None or modelled_energy(board, 1.0) is not None
    if settings.budget.energy_mj is not None and not known:
        raise SqtvmError(
            f"nothing tells the energy of an inference on {board.name}: its file has no [power]",
            "give --meter, or add the datasheet's figures to a board file of your own",
        )


def _require_training(settings: DeploySettings, model: Model) -> None:
    if settings.loss is not None and model.training is None:
        raise SqtvmError(
            f"the loss {settings.loss} is for training, and there is no training data",
            "give --training, or training in sqtvm.toml",
        )


def load(settings: DeploySettings) -> Model:
    """The model and its data as the settings name them."""
    return load_model(
        settings.model,
        settings.data,
        settings.calibration,
        settings.training,
        seed=settings.seed,
    )


def _front(
    workshop: Workshop,
    settings: DeploySettings,
    evaluator: Evaluator,
    rounds: tuple[Round, ...],
    best: Round,
    folder: Path,
) -> tuple[FrontPoint, ...]:
    """Everything that was measured, and the candidates that were asked for besides."""
    points = round_points(rounds)
    if settings.candidates:
        choices = candidates(rounds, best, settings.candidates)
        executor = parse_executor(settings.executor)
        style = best.kernel_style
        points += measure_candidates(workshop, evaluator, style, choices, executor, folder)
    return with_front(points)


def _finish(
    workshop: Workshop,
    settings: DeploySettings,
    best: Round,
    tuned: Tuned,
    evaluator: Evaluator,
) -> Round:
    """The chosen allocation once more, with the weights to keep and all verification samples."""
    graph = tuned.graph
    network = replace(workshop, activations=tuned.activations).quantize(
        graph, best.allocation.weight_bits
    )
    realisation = workshop.realise(
        graph,
        network,
        best.kernel_style,
        settings.verify_samples,
        settings.out,
        best.allocation.cost.ms,
    )
    kept = graph is workshop.model.graph
    # The allocation's own may be of weights that a search trained, which are not these.
    quality = evaluator.quality(best.allocation.weight_bits) if kept else evaluator.judge(network)
    allocation = replace(best.allocation, accuracy=quality.accuracy, divergence=quality.divergence)
    drop = 100 * (evaluator.float_accuracy - allocation.accuracy)
    failing = failing_budgets(settings.budget, realisation.measurement, drop, allocation.cost.bops)
    return replace(best, allocation=allocation, realisation=realisation, failing=failing)


def _accuracy(workshop: Workshop, allocated: IntegerNetwork) -> AccuracyPart:
    """On all evaluation samples: float, uniform bits and the allocation."""
    model = workshop.model
    samples = model.evaluation
    if samples.y is None:
        return AccuracyPart(
            float_=None,
            int8=None,
            allocated=None,
            uniform={"8": None, "4": None, "2": None},
            samples=len(samples),
        )
    names = [node.name for node in model.graph.weighted]
    uniform: dict[Literal["8", "4", "2"], float | None] = {}
    steps: Mapping[Literal["8", "4", "2"], int] = {"8": 8, "4": 4, "2": 2}
    for done, (text, bits) in enumerate(steps.items()):
        message = f"uniform {bits} bits on {len(samples):,} samples"
        workshop.on_progress(Progress("accuracy", message, done, len(steps) + 1))
        network = workshop.quantize(model.graph, dict.fromkeys(names, bits))
        uniform[text] = accuracy(network, samples)
    workshop.on_progress(Progress("accuracy", "the allocation", len(steps), len(steps) + 1))
    return AccuracyPart(
        float_=float_accuracy(model.graph, samples),
        int8=uniform["8"],
        allocated=accuracy(allocated, samples),
        uniform=uniform,
        samples=len(samples),
    )


def _verify(workshop: Workshop, kept: Round) -> Verification | None:
    """The target's outputs against the integer reference; None where nothing ran."""
    outputs = kept.realisation.measurement.outputs
    if len(outputs) == 0:
        return None
    network = kept.realisation.network
    inputs = prepare_input(network, first_samples(workshop.model.evaluation, len(outputs)))
    reference = run_integer(network, inputs)
    return verify(outputs, reference.reshape(len(reference), -1))
