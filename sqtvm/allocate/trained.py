"""SigmaQuant with training within its second phase: short cycles, each judged before it is kept.

docs/sigmaquant.md tells the algorithm step by step, and what of it is the paper's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqtvm.allocate import sigmaquant
from sqtvm.allocate.evaluate import Quality
from sqtvm.allocate.moves import MORE, Problem, Walk, exchanged
from sqtvm.allocate.sigmaquant import weight_divergence
from sqtvm.errors import SqtvmError
from sqtvm.frontend.graph import Conv2d, FloatArray, Graph, Linear
from sqtvm.progress import Progress
from sqtvm.quantize.finetune import FineTuneSettings, fine_tune

# Short: what a full training would reach is only guessed at, for all candidates alike.
CYCLE = FineTuneSettings(steps=30, batch_size=64)
CYCLES = 8


@dataclass(frozen=True, eq=False)
class _State:
    """Weights trained at certain bits, and how close their integer network comes."""

    graph: Graph
    quality: Quality


def search(problem: Problem) -> Walk:
    """The two phases by sigma and KL divergence; bits then change only where a short training
    with the change comes closer to the float network than the one before.

    The walk tells the quality of the trained network. Ends when the accuracy that the budget asks
    for is held, nothing is left to try, or after 8 cycles. Raises SqtvmError where there is nothing
    to train with.
    """
    if problem.evaluator.model.training is None:
        raise SqtvmError(
            "the method sigmaquant-qat trains while it searches",
            "give --training, or training in sqtvm.toml, or choose the method sigmaquant",
        )
    walk = sigmaquant.search(problem)
    if any(bits in MORE for bits in walk.bits.values()):
        _refine(walk)
    return walk


def _refine(walk: Walk) -> None:
    problem = walk.problem
    damage = weight_divergence(problem)
    state = _trained(problem, problem.evaluator.graph, walk.bits, 0)
    walk.trained = state.quality
    tried = {tuple(walk.bits.values())}
    cycles = 1
    improved = True
    while improved and not _accurate_enough(problem, state):
        improved = False
        raisable = [name for name, bits in walk.bits.items() if bits in MORE]
        # The layer whose weights rounding changes most comes first.
        raisable.sort(key=lambda name: damage(name, walk.bits[name], MORE[walk.bits[name]]))
        for raised in raisable:
            trial = exchanged(problem, walk.bits, raised, damage)
            if trial is None or tuple(trial.values()) in tried:
                continue
            if cycles == CYCLES:
                return
            tried.add(tuple(trial.values()))
            start = _restarted(problem.evaluator.graph, state.graph, walk.bits, trial)
            after = _trained(problem, start, trial, cycles)
            cycles += 1
            reasons = dict.fromkeys(problem.names, f"makes room for {raised}, cycle {cycles}")
            reasons[raised] = f"most KL of the weights, cycle {cycles}"
            if after.quality.divergence < state.quality.divergence:
                walk.move(trial, reasons, after.quality)
                state, improved = after, True
                walk.trained = after.quality
                break
            walk.reject(trial, reasons, after.quality)


def _trained(problem: Problem, start: Graph, bits: Mapping[str, int], cycles: int) -> _State:
    """One cycle on; cycles: that were before, so that each has other batches."""
    evaluator = problem.evaluator
    training = evaluator.model.training
    assert training is not None
    problem.on_progress(Progress("allocate", "training cycles", cycles, CYCLES))
    graph = fine_tune(
        start,
        evaluator.activations,
        bits,
        training,
        replace(CYCLE, seed=problem.seed + cycles),
        loss=problem.loss,
        teacher=evaluator.graph,
    )
    return _State(graph, evaluator.judge_weights(graph, bits))


def _accurate_enough(problem: Problem, state: _State) -> bool:
    if problem.budget.max_drop is None:
        return False
    drop = 100 * (problem.evaluator.float_accuracy - state.quality.accuracy)
    return drop <= problem.budget.max_drop


def _restarted(
    float_graph: Graph, trained: Graph, before: Mapping[str, int], after: Mapping[str, int]
) -> Graph:
    """The trained weights, but the float ones where bits change: trained weights lie on the grid
    of their bits, which has no more to give at others."""
    parameters: dict[str, tuple[FloatArray, FloatArray]] = {}
    for node in float_graph.weighted:
        if before[node.name] != after[node.name]:
            assert isinstance(node.op, Conv2d | Linear)
            parameters[node.name] = (node.op.weight, node.op.bias)
    return trained.with_parameters(parameters)
