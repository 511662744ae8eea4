"""Fits a core's cycle model to a board that is connected, with a benchmark of many layers."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sqtvm.compile.kernel_call import KernelStyle
from sqtvm.cost_tables import benchmark_project, layer_cases
from sqtvm.errors import MeasurementError
from sqtvm.firmware.boards import Board
from sqtvm.firmware.build import Firmware, build
from sqtvm.firmware.flash import flash
from sqtvm.frontend.graph import (
    Add,
    AvgPool2d,
    Conv2d,
    Flatten,
    Graph,
    Input,
    Linear,
    MaxPool2d,
    Node,
)
from sqtvm.measure.calibrated import Calibration, Observation, calibration_path, fit
from sqtvm.measure.calibrated import write_calibration as write
from sqtvm.measure.counted import count
from sqtvm.measure.counting import NO_FILLS
from sqtvm.measure.cycles import CycleModel, Span, estimate, model_for
from sqtvm.measure.measure import measure
from sqtvm.measure.target import Target
from sqtvm.progress import OnProgress, Progress, silent
from sqtvm.quantize.calibration import calibrate as calibrate_activations
from sqtvm.quantize.network import Int8Array

_LOG = logging.getLogger(__name__)
_UNSCALED = Span(low=1, likely=1, high=1)
_NOTHING: Int8Array = np.zeros((1, 4), np.int8)

# Writes an image to the board; the image, the board.
Flash = Callable[[Path, Board], object]


def calibrate(
    board: Board,
    target: Target,
    on_progress: OnProgress = silent,
    write_image: Flash = flash,
) -> tuple[Calibration, Path]:
    """Fit the model of the board's core to its own cycle counter and save it beside its file.

    write_image: how the benchmark comes to the board. Gives what was fitted and where it is kept.
    Raises MeasurementError for a target that is no board, and what building and measuring raise.
    """
    if target.kind in ("emulator", "none"):
        raise MeasurementError(
            "a model is calibrated on a board, not in the emulator",
            "connect the board and give --measure serial:PORT",
        )
    core = model_for(board.core)
    with tempfile.TemporaryDirectory(prefix="sqtvm-calibrate-") as temporary:
        observed = _observe(core, board, target, Path(temporary), on_progress, write_image)
    found = fit(board, core, observed)
    path = calibration_path(board)
    write(path, found)
    return found, path


def _observe(
    core: CycleModel,
    board: Board,
    target: Target,
    folder: Path,
    on_progress: OnProgress,
    write_image: Flash,
) -> list[Observation]:
    graph = _graph()
    random = np.random.default_rng(0)
    sample = random.normal(size=(4, *graph.input.shape)).astype(np.float32)
    activations = calibrate_activations(graph, sample)
    style = KernelStyle.FAST
    cases = [
        case.benchmark for case in layer_cases(graph, activations, sample, board, target, style)
    ]
    names = [case.name for case in cases]
    on_progress(Progress("build", f"{len(cases)} layers and bits for {board.name}"))
    project = benchmark_project(cases, board, style, folder)
    emulated = build(project, "emulator", _LOG.debug)
    on_progress(Progress("measure", "in the emulator"))
    counted = count(emulated, board, core, _NOTHING, names)
    flashed = build(project, "board", _LOG.debug)
    if target.kind == "serial":
        on_progress(Progress("flash", board.name))
        write_image(flashed.elf, board)
    on_progress(Progress("measure", f"on {target}"))
    measured = _on_board(flashed, board, target, names)
    plain = core.model_copy(update={"scale": _UNSCALED})
    wait_states = board.clock.wait_states
    observations = []
    for layer in counted.layers:
        issue = estimate(plain, layer.counts, counted.instructions, NO_FILLS).likely
        whole = estimate(plain, layer.counts, counted.instructions, layer.fills, wait_states).likely
        observations.append(Observation(layer.name, issue, whole - issue, measured[layer.name]))
    return observations


def _on_board(
    firmware: Firmware, board: Board, target: Target, names: list[str]
) -> dict[str, float]:
    found = measure(firmware, board, target, _NOTHING, names)
    return {layer.name: float(layer.measured_cycles or 0) for layer in found.layers}


def _graph() -> Graph:
    """Layers of every kind; the last convolution's weights are larger than a small data cache."""
    random = np.random.default_rng(0)

    def convolution(
        outputs: int, inputs: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> Conv2d:
        weight = random.normal(size=(outputs, inputs // groups, kernel, kernel), scale=0.1)
        bias = np.zeros(outputs, np.float32)
        pad = (kernel // 2,) * 4
        return Conv2d(weight.astype(np.float32), bias, (stride, stride), pad, groups)

    def linear(outputs: int, inputs: int) -> Linear:
        weight = random.normal(size=(outputs, inputs), scale=0.1).astype(np.float32)
        return Linear(weight, np.zeros(outputs, np.float32))

    nodes = (
        Node("x", Input(), (), (3, 16, 16)),
        Node("first", convolution(16, 3, 3), ("x",), (16, 16, 16)),
        Node("square", convolution(16, 16, 3), ("first",), (16, 16, 16)),
        Node("add", Add(), ("first", "square"), (16, 16, 16)),
        Node("pool", MaxPool2d((2, 2), (2, 2), (0, 0, 0, 0)), ("add",), (16, 8, 8)),
        Node("depthwise", convolution(16, 16, 3, groups=16), ("pool",), (16, 8, 8)),
        Node("pointwise", convolution(64, 16, 1), ("depthwise",), (64, 8, 8)),
        Node("strided", convolution(64, 64, 3, stride=2, groups=64), ("pointwise",), (64, 4, 4)),
        Node("wide", convolution(64, 64, 3), ("strided",), (64, 4, 4)),
        Node("average", AvgPool2d((2, 2), (2, 2), (0, 0, 0, 0)), ("wide",), (64, 2, 2)),
        Node("flat", Flatten(), ("average",), (256,)),
        Node("dense", linear(64, 256), ("flat",), (64,)),
        Node("last", linear(10, 64), ("dense",), (10,)),
    )
    return Graph(nodes)
