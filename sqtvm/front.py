"""The Pareto front of everything that was measured, and more candidates to measure for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sqtvm.allocate.budget import BITS
from sqtvm.allocate.evaluate import Evaluator
from sqtvm.compile.kernel_call import KernelStyle
from sqtvm.compile.network import compile_network
from sqtvm.errors import SqtvmError
from sqtvm.measure.calibrated import model_for_board
from sqtvm.measure.jobs import Executor, Job, run_jobs
from sqtvm.measure.measurement import Measurement
from sqtvm.pricing import known_measurement, remember
from sqtvm.progress import Progress
from sqtvm.quantize.accuracy import prepare_input
from sqtvm.quantize.network import IntegerNetwork
from sqtvm.realise import Workshop, first_samples
from sqtvm.rounds import Round


@dataclass(frozen=True, eq=False)
class FrontPoint:
    """One allocation that was measured.

    label: of a round or a candidate; accuracy: on the samples that guide the search, a fraction;
    on_front: none other is at least as good in accuracy, time, flash, RAM and energy and better
    in one.
    """

    label: str
    weight_bits: Mapping[str, int]
    style: KernelStyle
    accuracy: float
    measurement: Measurement
    on_front: bool = False


def candidates(rounds: Sequence[Round], best: Round, limit: int) -> tuple[Mapping[str, int], ...]:
    """Allocations worth measuring besides the rounds, at most ``limit``: every layer at the same
    bits, then the steps on the way to ``best``, evenly spaced."""
    names = list(best.allocation.weight_bits)
    uniform = [dict.fromkeys(names, bits) for bits in BITS]
    steps: list[Mapping[str, int]] = []
    bits = dict(best.allocation.weight_bits)
    for decision in reversed(best.allocation.decisions):
        if decision.kept and bits.get(decision.layer) == decision.bits_after:
            bits = {**bits, decision.layer: decision.bits_before}
            steps.append(bits)
    tried = {_key(turn.allocation.weight_bits) for turn in rounds}
    fresh: dict[str, Mapping[str, int]] = {}
    for choice in (*uniform, *_spread(steps, limit)):
        if _key(choice) not in tried:
            fresh.setdefault(_key(choice), choice)
    return tuple(fresh.values())[:limit]


def measure_candidates(
    workshop: Workshop,
    evaluator: Evaluator,
    style: KernelStyle,
    choices: Sequence[Mapping[str, int]],
    executor: Executor,
    folder: Path,
) -> tuple[FrontPoint, ...]:
    """Each of ``choices`` in the emulator, several at once; what the store knows is not run.

    Raises SqtvmError where the target is not the emulator: a board runs one image at a time.
    """
    if workshop.target.kind != "emulator":
        raise SqtvmError(
            "many candidates can be measured in the emulator only",
            "leave --candidates out, or give --measure emulator",
        )
    networks = [workshop.quantize(workshop.model.graph, bits) for bits in choices]
    found = [known_measurement(workshop, network, style) for network in networks]
    missing = [place for place, known in enumerate(found) if known is None]
    jobs = [
        _job(workshop, networks[place], style, f"candidate {place + 1}", folder)
        for place in missing
    ]

    def tell(done: int, total: int) -> None:
        workshop.on_progress(Progress("candidates", "built and measured", done, total))

    for place, measurement in zip(missing, run_jobs(jobs, executor, tell), strict=True):
        remember(workshop, networks[place], style, measurement)
        found[place] = measurement
    points = []
    for number, (bits, measured) in enumerate(zip(choices, found, strict=True), 1):
        assert measured is not None
        accuracy = evaluator.quality(bits).accuracy
        points.append(FrontPoint(f"candidate {number}", bits, style, accuracy, measured))
    return tuple(points)


def with_front(points: Sequence[FrontPoint]) -> tuple[FrontPoint, ...]:
    """The same points, each told whether it is on the front; unknown accuracies count as equal."""
    figures = [_figures(point) for point in points]
    return tuple(
        FrontPoint(
            point.label,
            point.weight_bits,
            point.style,
            point.accuracy,
            point.measurement,
            not any(_dominates(other, own) for other in figures),
        )
        for point, own in zip(points, figures, strict=True)
    )


def round_points(rounds: Sequence[Round]) -> tuple[FrontPoint, ...]:
    return tuple(
        FrontPoint(
            f"round {turn.number}",
            turn.allocation.weight_bits,
            turn.kernel_style,
            turn.allocation.accuracy,
            turn.realisation.measurement,
        )
        for turn in rounds
    )


def _job(
    workshop: Workshop, network: IntegerNetwork, style: KernelStyle, name: str, folder: Path
) -> Job:
    workshop.on_progress(Progress("compile", f"Relay to C, {name}"))
    model = workshop.model
    target = workshop.board.tvm_target
    path = folder / f"{name.replace(' ', '-')}.tar"
    archive = compile_network(model.name, model.graph, network, target, path, style)
    return Job(
        name,
        archive.path.read_bytes(),
        workshop.board.model_dump_json(),
        model_for_board(workshop.board).model_dump_json(),
        prepare_input(network, first_samples(model.evaluation, 1)),
        tuple(layer.name for layer in network.layers),
    )


def _spread(steps: Sequence[Mapping[str, int]], count: int) -> list[Mapping[str, int]]:
    if len(steps) <= count:
        return list(steps)
    places = np.linspace(0, len(steps) - 1, max(count, 1)).round().astype(int)
    return [steps[place] for place in dict.fromkeys(places.tolist())]


def _key(weight_bits: Mapping[str, int]) -> str:
    return json.dumps(sorted(weight_bits.items()))


def _figures(point: FrontPoint) -> tuple[float, ...]:
    """Less is better in each."""
    measured = point.measurement
    memory = measured.memory
    accuracy = 0.0 if np.isnan(point.accuracy) else -point.accuracy
    energy = 0.0 if measured.energy is None else measured.energy.mj
    return (accuracy, measured.ms, memory.flash_bytes, memory.ram_bytes, energy)


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
