"""Activations of 4 bits where RAM is the budget that binds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sqtvm.allocate.activations import narrow
from sqtvm.allocate.costs import analytic_costs
from sqtvm.allocate.evaluate import Evaluator
from sqtvm.compile.kernel_call import KernelStyle
from sqtvm.compile.prediction import WorkspacePrediction
from sqtvm.frontend.model import Model
from sqtvm.pricing import price
from sqtvm.progress import OnProgress, Progress
from sqtvm.quantize.activation_bits import narrowable, narrowed
from sqtvm.quantize.build import correction, quantize
from sqtvm.quantize.calibration import calibrate
from sqtvm.quantize.network import IntegerNetwork, TensorQuantization
from sqtvm.realise import Workshop

_WEIGHT_BITS = 8
# The stack of bands, and what linking may add.
_MARGIN_BYTES = 256
# Predictions of the workspace that turned out too small.
_ATTEMPTS = 3


@dataclass(frozen=True, eq=False)
class Activations:
    """quantizations: of every tensor; workspace_bytes: predicted with them."""

    quantizations: Mapping[str, TensorQuantization]
    workspace_bytes: int


def fit_activations(
    model: Model,
    activations: Mapping[str, TensorQuantization],
    evaluator: Evaluator,
    ram_bytes: int,
    beside_bytes: int,
    on_progress: OnProgress,
) -> Activations:
    """``activations``, as many of them at 4 bits as ``ram_bytes`` asks for.

    activations: all at 8 bits; beside_bytes: of RAM beside the workspace. Where no choice fits,
    those that come nearest.
    """
    graph = model.graph
    bits = {node.name: _WEIGHT_BITS for node in graph.weighted}
    network = quantize(graph, activations, bits)
    prediction = WorkspacePrediction()
    candidates = narrowable(graph)
    four_bits = calibrate(graph, model.calibration.x, activation_bits=4)
    # The input keeps its 8 bits, so this holds for every choice.
    correct_by = correction(graph, activations, model.calibration.x)
    asked: list[str] = []

    def with_chosen(chosen: frozenset[str]) -> Mapping[str, TensorQuantization]:
        return narrowed(graph, activations, four_bits, chosen)

    def workspace(chosen: frozenset[str]) -> int:
        return prediction.workspace_bytes(_stored_as(network, with_chosen(chosen)))

    def damage(name: str) -> float:
        asked.append(name)
        message = f"4 bits for the output of {name}"
        on_progress(Progress("activations", message, len(asked), len(candidates)))
        at_four = quantize(graph, with_chosen(frozenset({name})), bits, correct_by)
        return evaluator.judge(at_four).divergence

    found = narrow(candidates, ram_bytes - beside_bytes, workspace, damage)
    if not found.chosen:
        return Activations(activations, found.workspace_bytes)
    on_progress(
        Progress(
            "activations",
            f"4 bits for the outputs of {', '.join(found.chosen)}: a workspace of "
            f"{found.workspace_bytes:,} B rather than {workspace(frozenset()):,} B",
            lasting=True,
        )
    )
    return Activations(with_chosen(frozenset(found.chosen)), found.workspace_bytes)


def fit_workshop(
    workshop: Workshop, ram_bytes: int | None, evaluator: Evaluator, folder: Path
) -> Workshop:
    """The workshop with activations that hold ``ram_bytes``, where there is such a limit.

    Firmware with 8 bits everywhere tells what RAM is needed beside the workspace, and firmware
    with the chosen bits whether they hold; folder: for both.
    """
    if ram_bytes is None:
        return workshop
    model = workshop.model
    bits = {node.name: _WEIGHT_BITS for node in model.graph.weighted}
    modelled_ms = analytic_costs(model.graph, workshop.board.clock_hz).cost(bits).ms
    network = workshop.quantize(model.graph, bits)
    full = price(workshop, network, KernelStyle.FAST, folder / "full", modelled_ms)
    memory = full.measurement.memory
    if memory.ram_bytes <= ram_bytes:
        return replace(workshop, ram_bytes=memory.ram_bytes)
    beside = memory.ram_bytes - memory.ram_workspace + _MARGIN_BYTES
    limit = ram_bytes
    for attempt in range(_ATTEMPTS):
        found = fit_activations(
            model, workshop.activations, evaluator, limit, beside, workshop.on_progress
        )
        if found.quantizations is workshop.activations:
            break
        fitted = replace(workshop, activations=found.quantizations)
        network = fitted.quantize(model.graph, bits)
        trial = price(fitted, network, KernelStyle.FAST, folder / f"narrow-{attempt}", modelled_ms)
        reached = trial.measurement.memory.ram_bytes
        fitted = replace(fitted, ram_bytes=reached)
        predicted_to_hold = found.workspace_bytes + beside <= limit
        if reached <= ram_bytes or not predicted_to_hold:
            return fitted
        limit -= reached - ram_bytes
    return replace(workshop, ram_bytes=memory.ram_bytes)


def _stored_as(
    network: IntegerNetwork, activations: Mapping[str, TensorQuantization]
) -> IntegerNetwork:
    """The same layers with their outputs' bits as in ``activations``: sizes follow from these."""
    layers = (
        replace(layer, output=replace(layer.output, bits=activations[layer.name].bits))
        for layer in network.layers
    )
    return replace(network, layers=tuple(layers))
