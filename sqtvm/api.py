"""What the command does, as functions of Python: each stage alone, and the whole line.

Nothing here prints or exits. Errors are ``sqtvm.errors.SqtvmError`` and its kinds, with a ``hint``;
progress goes to a callback; what compilers say goes to the logger ``sqtvm.build``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from sqtvm import pipeline
from sqtvm.allocate import allocate as allocate_stage
from sqtvm.allocate.allocation import Allocation, LayerStatistics
from sqtvm.allocate.budget import Budget
from sqtvm.allocate.costs import STATIC_AND_STACK_BYTES, analytic_costs
from sqtvm.compile.archive import Archive
from sqtvm.compile.network import compile_network
from sqtvm.errors import SqtvmError
from sqtvm.firmware.archive import read_archive
from sqtvm.firmware.boards import Board, load_board
from sqtvm.firmware.build import Firmware, OnOutput, Variant
from sqtvm.firmware.build import build as build_image
from sqtvm.firmware.build_steps import with_steps
from sqtvm.firmware.edits import kept_words
from sqtvm.firmware.flash_project import flash_project
from sqtvm.firmware.harness import Harness, mlperf_tiny
from sqtvm.firmware.memory_use import MemoryUse, memory_use
from sqtvm.firmware.project import Project, generate, open_project
from sqtvm.frontend.data import DataSource, load_data
from sqtvm.frontend.load import ModelSource, load_model, source_name
from sqtvm.frontend.model import Model
from sqtvm.measure.energy import modelled_energy
from sqtvm.measure.measure import measure as measure_stage
from sqtvm.measure.measurement import Measurement
from sqtvm.measure.meter import parse_meter
from sqtvm.measure.target import parse_target
from sqtvm.measure.target_open import require_port
from sqtvm.narrow import fit_activations
from sqtvm.pipeline import DeployResult
from sqtvm.progress import OnProgress, Progress, counted, silent
from sqtvm.project_files import archive_of, board_of, inputs_of
from sqtvm.quantize.activation_bits import calibrate_at
from sqtvm.quantize.build import quantize
from sqtvm.quantize.calibration import calibrate
from sqtvm.quantize.loss import Loss, found_loss
from sqtvm.settings import DEFAULT_OUT, DeploySettings, SettingsError

__all__ = [
    "Allocation",
    "Budget",
    "BuiltImage",
    "DeployResult",
    "RunResult",
    "allocate",
    "analyze",
    "build",
    "compile_model",
    "deploy",
    "load",
    "run",
]

_LOG = logging.getLogger("sqtvm.build")


@dataclass(frozen=True)
class BuiltImage:
    """One linked image of a project, and what it takes of the memory."""

    firmware: Firmware
    memory: MemoryUse


@dataclass(frozen=True, eq=False)
class RunResult:
    """accuracy: of the firmware's own outputs, as a fraction; None without labels."""

    measurement: Measurement
    accuracy: float | None


def deploy(
    model: ModelSource,
    data: DataSource,
    *,
    board: str | Path,
    budget: Budget | None = None,
    calibration: DataSource | None = None,
    training: DataSource | None = None,
    out: str | Path = DEFAULT_OUT,
    measure: str = "emulator",
    meter: str | None = None,
    method: str = allocate_stage.DEFAULT_METHOD,
    fine_tune: bool | None = None,
    verify_samples: int = 100,
    candidates: int = 0,
    executor: str = "local",
    seed: int = 0,
    loss: Loss | str | None = None,
    on_progress: OnProgress = silent,
) -> DeployResult:
    """Make firmware that holds the budget, or the best that can be had, and report on it.

    model: a ``torch.nn.Module``, the path of a ``.pt2`` or ``.onnx``, or
    ``package.module:factory``; data: what accuracy is judged on: ``(x, y)`` or ``x`` alone as
    arrays (x: float or uint8 [count, *input shape], y: integer [count] class labels), a torch
    Dataset of such pairs, the path of an ``.npz`` with x and y, or ``package.module:factory``;
    calibration and training: like data, for the ranges of activations and to guide the choice of
    bits; loss: what training lowers, of logits [batch, classes] and labels, instead of the
    cross-entropy, or the ``package.module:function`` that does; the others: as the flags of
    ``sqtvm deploy``. Leaves report and firmware in ``out``. Raises SqtvmError and its kinds for
    what the caller can mend.

    ```python
    result = sqtvm.deploy(net, (x, y), board="stm32f746", budget=sqtvm.Budget(ms=50))
    print(result.report.met, result.report.totals.ms)
    ```
    """
    own_loss = loss if callable(loss) else None
    settings = DeploySettings(
        model=source_name(model),
        data=source_name(data),
        board=str(board),
        budget=budget or Budget(),
        calibration=None if calibration is None else source_name(calibration),
        training=None if training is None else source_name(training),
        out=Path(out),
        measure=measure,
        meter=meter,
        seed=seed,
        method=method,
        fine_tune=fine_tune,
        verify_samples=verify_samples,
        candidates=candidates,
        executor=executor,
        in_memory=not all(
            source is None or isinstance(source, str | Path)
            for source in (model, data, calibration, training)
        )
        or own_loss is not None,
        loss=loss
        if isinstance(loss, str | None)
        else getattr(loss, "__name__", type(loss).__name__),
    )

    def read() -> Model:
        return load(model, data, calibration=calibration, training=training, seed=seed)

    return pipeline.deploy(settings, on_progress, read, own_loss)


def load(
    model: ModelSource,
    data: DataSource,
    *,
    calibration: DataSource | None = None,
    training: DataSource | None = None,
    seed: int = 0,
) -> Model:
    """The model as a graph of named layers with its samples; arguments as for ``deploy``.

    Raises ModelError and DataError.
    """
    return load_model(model, data, calibration, training, seed=seed)


def analyze(model: Model, seed: int = 0) -> tuple[LayerStatistics, ...]:
    """Sigma, cluster and divergences (nats, by bits) of each weighted layer, as they run."""
    return allocate_stage.layer_statistics(model.graph, seed)


def allocate(
    model: Model,
    *,
    board: str | Path,
    budget: Budget,
    method: str = allocate_stage.DEFAULT_METHOD,
    seed: int = 0,
    loss: Loss | str | None = None,
    on_progress: OnProgress = silent,
) -> Allocation:
    """Bits of every weighted layer, by the analytic cost model; nothing is built or measured.

    loss: what a method that trains lowers, as for ``deploy``. Activations get 4 bits where RAM asks
    for it. Where nothing holds the budget, the nearest allocation, with ``feasible`` False and what
    binds in words. Raises BoardError, and SqtvmError for an unknown method or unknown energy.
    """
    described = load_board(str(board))
    power = modelled_energy(described, 1.0)
    if budget.energy_mj is not None and power is None:
        raise SqtvmError(
            f"nothing tells the energy of an inference on {described.name}",
            "add the datasheet's figures to a board file of your own, as [power]",
        )
    tell = counted(on_progress, "quantize", "calibrating activations")
    activations = calibrate(model.graph, model.calibration.x, on_step=tell)
    settings = allocate_stage.AllocateSettings(method=method, seed=seed, loss=found_loss(loss))
    evaluator = allocate_stage.new_evaluator(model, activations, settings)
    costs = analytic_costs(model.graph, described.clock_hz)
    narrow: Mapping[str, int] = {}
    if budget.ram_bytes is not None:
        found = fit_activations(
            model, activations, evaluator, budget.ram_bytes, STATIC_AND_STACK_BYTES, on_progress
        )
        narrow = {name: one.bits for name, one in found.quantizations.items() if one.bits < 8}
        evaluator = allocate_stage.new_evaluator(model, found.quantizations, settings)
        costs = replace(
            analytic_costs(model.graph, described.clock_hz, narrow),
            ram_bytes=found.workspace_bytes + STATIC_AND_STACK_BYTES,
        )
    allocation = allocate_stage.allocate(
        model,
        budget.with_energy_as_time(None if power is None else power.mj),
        costs,
        evaluator,
        settings,
        on_progress,
    )
    return replace(allocation, activation_bits=narrow)


def compile_model(
    model: Model,
    weight_bits: Mapping[str, int],
    *,
    board: str | Path,
    activation_bits: Mapping[str, int] | None = None,
    out: str | Path = "network.tar",
    on_progress: OnProgress = silent,
) -> Archive:
    """Quantize at the given bits (8, 4 or 2 by layer name) and compile to C.

    activation_bits: 4 for every tensor that is to have 4 instead of 8, as ``allocate`` gives them.

    Writes ``out``, an archive in TVM's Model Library Format, whole or not at all. Raises
    BoardError, and SqtvmError where TVM refuses the network.
    """
    target = load_board(str(board)).tvm_target
    on_progress(Progress("quantize", "calibrating activations"))
    samples = model.calibration.x
    activations = calibrate_at(model.graph, samples, activation_bits or {})
    network = quantize(model.graph, activations, weight_bits, samples)
    on_progress(Progress("compile", "from Relay to C"))
    return compile_network(model.name, model.graph, network, target, Path(out))


def build(
    archive: str | Path,
    *,
    board: str | Path,
    out: str | Path = "firmware",
    platform: str = "baremetal",
    variants: tuple[Variant, ...] = ("board", "emulator"),
    mlperf: tuple[str | None, Literal["performance", "energy"]] | None = None,
    on_progress: OnProgress = silent,
) -> tuple[Project, tuple[BuiltImage, ...]]:
    """A firmware project from a compiled network, and its images.

    mlperf: firmware for MLPerf Tiny's runners, as (benchmark or None to go by the input's shape,
    "performance" or "energy"). Raises ToolError where a program is missing or the image does not
    fit, BoardError, and SqtvmError for a file that is no archive.
    """
    described = load_board(str(board))
    on_progress(Progress("build", f"project for {described.name}"))
    path = Path(archive)
    harness = Harness()
    if mlperf is not None:
        benchmark, mode = mlperf
        harness = mlperf_tiny(benchmark, mode, read_archive(path).input.shape)
        harness.require_pin(described)
    project = generate(path, described, Path(out), platform)
    if project.set_aside is not None:
        on_progress(Progress("build", kept_words(project.set_aside), lasting=True))
    built = []
    for variant in variants:
        firmware = build_image(project, variant, _steps(on_progress, variant), harness)
        built.append(BuiltImage(firmware, memory_use(firmware.elf)))
    return project, tuple(built)


def run(
    project: str | Path,
    data: DataSource,
    *,
    board: str | Path | None = None,
    archive: str | Path | None = None,
    measure: str = "emulator",
    meter: str | None = None,
    samples: int | None = None,
    on_progress: OnProgress = silent,
) -> RunResult:
    """Run a firmware project on samples and measure it.

    board: only where the project's is a file of your own; archive: what the project was made
    from, else looked for beside it; samples: how many to run at most. A board at a serial port is
    flashed first. Raises MeasurementError, ToolError, DataError and SqtvmError.
    """
    target = parse_target(measure)
    if target.kind == "none":
        raise SettingsError("nothing runs with measure none", "give --measure emulator")
    folder = Path(project)
    described: Board = load_board(str(board or board_of(folder)))
    opened = open_project(folder, described)
    network = archive_of(opened, None if archive is None else Path(archive))
    require_port(target, described)
    on_progress(Progress("load", f"reading {source_name(data)}"))
    chosen = load_data(data, samples)
    inputs = inputs_of(network, chosen)
    variant: Variant = "emulator" if target.kind == "emulator" else "board"
    firmware = build_image(opened, variant, _steps(on_progress, variant))
    if target.kind == "serial":
        on_progress(Progress("flash", described.name))
        flash_project(opened)
    measurement = measure_stage(
        firmware,
        described,
        target,
        inputs,
        network.layers,
        counted(on_progress, "measure", f"on {target}"),
        None if meter is None else parse_meter(meter),
    )
    if chosen.y is None:
        return RunResult(measurement, None)
    classes = measurement.outputs.reshape(len(measurement.outputs), -1).argmax(axis=1)
    return RunResult(measurement, float((classes == chosen.y).mean()))


def _steps(on_progress: OnProgress, variant: Variant) -> OnOutput:
    """Where a build's lines go: to the log, and as steps to ``on_progress``."""
    tell = counted(on_progress, "build", f"image for the {variant}")
    tell(0, 0)
    return with_steps(_LOG.debug, tell)
