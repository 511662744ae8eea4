"""Puts together what the stages found into one Report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from pydantic import TypeAdapter

from sqtvm.allocate.allocation import Allocation
from sqtvm.compile.memory_plan import alive_bytes
from sqtvm.firmware.boards import Board
from sqtvm.front import FrontPoint
from sqtvm.frontend.graph import Graph, macs, parameter_count
from sqtvm.frontend.model import Model
from sqtvm.measure.measurement import LayerMeasurement, Measurement
from sqtvm.measure.verify import Verification
from sqtvm.quantize.network import (
    IntegerAdd,
    IntegerAvgPool2d,
    IntegerClamp,
    IntegerConcat,
    IntegerConv2d,
    IntegerFlatten,
    IntegerLayer,
    IntegerLinear,
    IntegerMaxPool2d,
    IntegerSoftmax,
)
from sqtvm.quantize.scheme import weight_bytes
from sqtvm.report import schema
from sqtvm.report.places import memory_map, workspace
from sqtvm.report.turns import SOURCE, front_part, iteration_part
from sqtvm.report.verdicts import verdicts
from sqtvm.report.versions import tool_versions
from sqtvm.rounds import Round
from sqtvm.settings import DeploySettings, command_line

_BY_BITS: TypeAdapter[dict[Literal["8", "4", "2"], float]] = TypeAdapter(
    dict[Literal["8", "4", "2"], float]
)
_OPERATORS = {
    IntegerLinear: "linear",
    IntegerAdd: "add",
    IntegerMaxPool2d: "max_pool2d",
    IntegerAvgPool2d: "avg_pool2d",
    IntegerFlatten: "flatten",
    IntegerConcat: "concat",
    IntegerSoftmax: "softmax",
    IntegerClamp: "clamp",
}


def build_report(
    *,
    settings: DeploySettings,
    board: Board,
    model: Model,
    rounds: Sequence[Round],
    kept: Round,
    accuracy: schema.AccuracyPart,
    verification: Verification | None,
    fine_tuned: bool,
    equalized: bool = False,
    adaptive_rounding: bool = False,
    front: Sequence[FrontPoint] = (),
    sensitivity: Mapping[str, Mapping[int, float]] | None = None,
) -> schema.Report:
    """The report of one deployment.

    rounds: every turn of the loop in order; kept: the one of them whose firmware was left;
    accuracy: on all of ``model.evaluation``; verification: None where nothing ran; front: every
    allocation that was measured; sensitivity: by layer and bits, in nats.
    """
    measurement = kept.realisation.measurement
    layer_names = [layer.name for layer in kept.realisation.network.layers]
    judged = verdicts(settings.budget, measurement, accuracy, kept.allocation.cost.bops)
    return schema.Report(
        created=datetime.now(UTC).replace(microsecond=0),
        board=_board(board),
        model=_model(settings, model),
        data=_data(settings, model),
        accuracy=accuracy,
        layers=_layers(model.graph, kept, board.clock_hz, sensitivity or {}),
        totals=_totals(model.graph, kept.allocation, measurement),
        budget=schema.BudgetPart(
            ms=settings.budget.ms,
            flash_bytes=settings.budget.flash_bytes,
            ram_bytes=settings.budget.ram_bytes,
            max_drop=settings.budget.max_drop,
            energy_mj=settings.budget.energy_mj,
            bops=settings.budget.bops,
        ),
        equalized=equalized,
        fine_tuned=fine_tuned,
        adaptive_rounding=adaptive_rounding,
        met=all(verdict.holds for verdict in judged),
        verdicts=judged,
        verification=None
        if verification is None
        else schema.VerificationPart(
            samples=verification.samples,
            equal_bytes=verification.equal,
            first_difference=verification.first,
        ),
        iterations=tuple(iteration_part(turn, turn is kept) for turn in rounds),
        front=tuple(front_part(point, f"round {kept.number}") for point in front),
        memory_map=memory_map(board, kept.realisation.image),
        workspace=workspace(kept.realisation.tensors, layer_names),
        settings=_settings(settings),
        tool_versions=tool_versions(),
        seed=settings.seed,
    )


def operator_name(layer: IntegerLayer) -> str:
    """What reports call the layer's operator, as in ``depthwise_conv2d``."""
    if isinstance(layer.op, IntegerConv2d):
        _, height, width, per_group = layer.op.weight.shape
        if layer.op.groups > 1:
            return "depthwise_conv2d" if per_group == 1 else "grouped_conv2d"
        return "pointwise_conv2d" if (height, width) == (1, 1) else "conv2d"
    return _OPERATORS[type(layer.op)]


def _board(board: Board) -> schema.BoardPart:
    return schema.BoardPart(
        name=board.name,
        title=board.description,
        core=board.core,
        clock_hz=board.clock_hz,
        flash_bytes=board.flash_bytes,
        ram_bytes=board.ram_bytes,
    )


def _model(settings: DeploySettings, model: Model) -> schema.ModelPart:
    graph = model.graph
    return schema.ModelPart(
        name=model.name,
        source=settings.model,
        input_shape=graph.input.shape,
        output_shape=graph.output.shape,
        params=sum(parameter_count(node) for node in graph.nodes),
        macs=sum(macs(graph, node) for node in graph.nodes),
    )


def _data(settings: DeploySettings, model: Model) -> schema.DataPart:
    return schema.DataPart(
        source=model.evaluation.source,
        evaluation_samples=len(model.evaluation),
        calibration_source=model.calibration.source,
        calibration_samples=len(model.calibration),
        training_source=None if model.training is None else model.training.source,
        training_samples=0 if model.training is None else len(model.training),
    )


def _layers(
    graph: Graph, kept: Round, clock_hz: int, sensitivity: Mapping[str, Mapping[int, float]]
) -> tuple[schema.LayerPart, ...]:
    statistics = {layer.name: layer for layer in kept.allocation.layers}
    measured = {layer.name: layer for layer in kept.realisation.measurement.layers}
    parts = []
    for number, layer in enumerate(kept.realisation.network.layers):
        node = graph[layer.name]
        bits = kept.allocation.weight_bits.get(layer.name)
        found = statistics.get(layer.name)
        took = measured.get(layer.name)
        parts.append(
            schema.LayerPart(
                name=layer.name,
                op=operator_name(layer),
                output_shape=node.shape,
                weight_bits=bits,
                act_bits=layer.output.bits,
                params=parameter_count(node),
                macs=macs(graph, node),
                weight_bytes=0 if bits is None else weight_bytes(node, bits),
                sigma=None if found is None else found.sigma,
                kl=None if found is None or bits is None else found.kl.get(bits),
                sensitivity=_BY_BITS.validate_python(
                    {str(step): nats for step, nats in sensitivity.get(layer.name, {}).items()}
                ),
                ram_bytes=alive_bytes(kept.realisation.tensors, number),
                instructions=None if took is None else took.instructions,
                est_cycles=None if took is None else took.est_cycles,
                measured_cycles=None if took is None else took.measured_cycles,
                ms=None if took is None else _layer_ms(took, clock_hz),
            )
        )
    return tuple(parts)


def _layer_ms(layer: LayerMeasurement, clock_hz: int) -> float | None:
    cycles = layer.est_cycles if layer.measured_cycles is None else layer.measured_cycles
    return None if cycles is None else cycles / clock_hz * 1e3


def _totals(graph: Graph, allocation: Allocation, measurement: Measurement) -> schema.TotalsPart:
    memory, energy = measurement.memory, measurement.energy
    return schema.TotalsPart(
        ms=measurement.ms,
        ms_source=SOURCE.validate_python(measurement.ms_source),
        instructions=measurement.instructions,
        est_cycles=measurement.est_cycles,
        cycle_model=measurement.cycle_model,
        measured_cycles=measurement.measured_cycles,
        flash_bytes=memory.flash_bytes,
        weight_bytes=sum(
            weight_bytes(graph[name], bits) for name, bits in allocation.weight_bits.items()
        ),
        uniform_weight_bytes={
            "8": _uniform_weight_bytes(graph, 8),
            "4": _uniform_weight_bytes(graph, 4),
            "2": _uniform_weight_bytes(graph, 2),
        },
        ram_bytes=memory.ram_bytes,
        memory=schema.MemoryPart(
            flash_weights=memory.flash_weights,
            flash_code=memory.flash_code,
            flash_other=memory.flash_other,
            ram_workspace=memory.ram_workspace,
            ram_static=memory.ram_static,
            ram_stack=memory.ram_stack,
        ),
        energy_mj=None if energy is None else energy.mj,
        energy_source=None if energy is None else SOURCE.validate_python(energy.source),
        energy_detail="" if energy is None else energy.detail,
    )


def _uniform_weight_bytes(graph: Graph, bits: int) -> int:
    return sum(weight_bytes(node, bits) for node in graph.weighted)


def _settings(settings: DeploySettings) -> schema.SettingsPart:
    return schema.SettingsPart(
        command=command_line(settings),
        model=settings.model,
        data=settings.data,
        calibration=settings.calibration,
        training=settings.training,
        board=settings.board,
        measure=settings.measure,
        meter=settings.meter,
        method=settings.method,
        fine_tune=settings.fine_tune,
        verify_samples=settings.verify_samples,
        candidates=settings.candidates,
        executor=settings.executor,
        out=str(settings.out),
    )
