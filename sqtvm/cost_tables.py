"""What every layer costs at every bit width: measured once in one firmware, then known."""

from __future__ import annotations

import logging
import math
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from sqtvm import kernels as kernel_package
from sqtvm.allocate.budget import BITS
from sqtvm.allocate.costs import LayerCosts
from sqtvm.compile.benchmark import BenchmarkCase, compile_benchmark
from sqtvm.compile.kernel_call import KernelCall, KernelStyle
from sqtvm.compile.layouts import kernel_call
from sqtvm.errors import ToolError
from sqtvm.firmware.boards import Board
from sqtvm.firmware.build import build
from sqtvm.firmware.flash import flash
from sqtvm.firmware.project import Project, generate
from sqtvm.firmware.resources import templates_directory
from sqtvm.frontend.graph import Graph
from sqtvm.measure.calibrated import model_for_board
from sqtvm.measure.measure import measure
from sqtvm.measure.measurement import LayerMeasurement
from sqtvm.measure.store import CostKey, CostRow, CostStore, digest
from sqtvm.measure.target import Target
from sqtvm.progress import OnProgress, Progress
from sqtvm.quantize.build import quantize
from sqtvm.quantize.network import Int8Array, IntegerLayer, IntegerNetwork, TensorQuantization
from sqtvm.realise import Workshop

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class CostTable:
    """ms: by layer and bits, 0 bits for a layer without weights; source: "emulated" or
    "measured"; new: how many of them had to be measured now."""

    ms: Mapping[tuple[str, int], float]
    source: str
    new: int

    def applied_to(self, costs: LayerCosts) -> LayerCosts:
        """The model that knows every layer's time beforehand."""
        times = {key: ms for key, ms in self.ms.items() if key[1] > 0}
        rest = sum(ms for (_, bits), ms in self.ms.items() if bits == 0)
        return replace(costs, source=self.source, layer_times=times, rest_ms=rest)


@dataclass(frozen=True, eq=False)
class LayerCase:
    """One layer at one bit width, 0 without weights, and what it hangs on."""

    name: str
    bits: int
    key: CostKey
    benchmark: BenchmarkCase


def cost_table(
    graph: Graph,
    activations: Mapping[str, TensorQuantization],
    sample: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    board: Board,
    target: Target,
    style: KernelStyle,
    folder: Path,
    on_progress: OnProgress,
    store: CostStore,
) -> CostTable:
    """Costs of all layers of ``graph`` at all bits; what the store knows is not built again.

    sample: one input or more, float32 [samples, *input shape]; folder: for the benchmark's
    project. Raises ToolError and MeasurementError.
    """
    cases = layer_cases(graph, activations, sample, board, target, style)
    known = dict(store.get(case.key.digest for case in cases))
    # Layers of equal geometry share a key.
    missing = {case.key.digest: case for case in cases if case.key.digest not in known}
    if missing:
        message = f"{len(missing)} kernels of {len(cases)} layers and bits"
        on_progress(Progress("costs", message))
        rows = _measured(tuple(missing.values()), board, target, style, folder)
        store.put(rows)
        known.update({row.key: row for row in rows})
    ms = {(case.name, case.bits): known[case.key.digest].ms for case in cases}
    return CostTable(ms, source_of(target), len(missing))


def kernel_digest(call: KernelCall, style: KernelStyle) -> str:
    """Of the C that ``call`` compiles to, with every header of the kernels, and of the sizes of
    what it reads: compact kernels share their C between layers."""
    sizes = [constant.nbytes for constant in call.constants]
    text = f"{sizes} {call.scratch_bytes}"
    return digest(call.source, style.value, text, _headers_digest())


def compiler_version(board: Board) -> str:
    """The first line of the cross compiler's ``--version``; ToolError where there is none."""
    return _first_line(f"{board.compiler.prefix}gcc")


def build_flags(board: Board) -> str:
    """The core's flags, and a digest of the build file that adds the others."""
    compiler = board.compiler
    rules = (templates_directory() / "baremetal" / "CMakeLists.txt.j2").read_bytes()
    parts = (f"-mcpu={compiler.mcpu}", f"-mfloat-abi={compiler.float_abi}", compiler.fpu or "")
    return " ".join((*parts, digest(rules)[:12]))


def board_key(board: Board) -> str:
    return f"{board.name} {digest(board.model_dump_json())[:12]}"


def timing(board: Board, target: Target) -> str:
    """What made cycles of the code: a cycle model by name, version and digest, or the board."""
    if target.kind != "emulator":
        return "board"
    model = model_for_board(board)
    return f"{model.title} {digest(model.model_dump_json())[:8]}"


def workshop_table(workshop: Workshop, style: KernelStyle, folder: Path) -> CostTable | None:
    """Of the workshop's model on its target; None where nothing runs."""
    if workshop.target.kind == "none":
        return None
    model = workshop.model
    return cost_table(
        model.graph,
        workshop.activations,
        model.calibration.x,
        workshop.board,
        workshop.target,
        style,
        folder,
        workshop.on_progress,
        workshop.store,
    )


def layer_cases(
    graph: Graph,
    activations: Mapping[str, TensorQuantization],
    sample: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    board: Board,
    target: Target,
    style: KernelStyle,
) -> tuple[LayerCase, ...]:
    """Every layer of ``graph`` at every bit width, what has no weights once."""
    common = (compiler_version(board), build_flags(board), board_key(board))
    found = []
    # By layer and kernel: small layers have the same C at all bits, and are measured once.
    same: dict[tuple[str, str], LayerCase] = {}
    for bits in BITS:
        weighted = {node.name: bits for node in graph.weighted}
        network = quantize(graph, activations, weighted, sample[:1])
        for layer in network.layers:
            # What has no weights is the same at all bits.
            if layer.name not in weighted and bits != BITS[0]:
                continue
            own = weighted.get(layer.name, 0)
            call = kernel_call(layer, network, style.on(board.tvm_target))
            shape = _shape(layer, network)
            code = kernel_digest(call, style)
            if (layer.name, code) in same:
                found.append(replace(same[layer.name, code], bits=own))
                continue
            key = CostKey(code, *common, shape, own, timing(board, target))
            sizes = tuple(math.prod(network.shape_of(name)) for name in layer.inputs)
            benchmark = BenchmarkCase(f"{layer.name}@{own}", call, sizes, math.prod(layer.shape))
            same[layer.name, code] = LayerCase(layer.name, own, key, benchmark)
            found.append(same[layer.name, code])
    return tuple(found)


def _shape(layer: IntegerLayer, network: IntegerNetwork) -> str:
    inputs = " + ".join("x".join(map(str, network.shape_of(name))) for name in layer.inputs)
    return f"{inputs} to {'x'.join(map(str, layer.shape))}"


def _measured(
    cases: Sequence[LayerCase], board: Board, target: Target, style: KernelStyle, folder: Path
) -> list[CostRow]:
    """In one firmware; where that does not fit the board, in two halves."""
    try:
        layers = _run([case.benchmark for case in cases], board, target, style, folder)
    except ToolError as error:
        if "does not fit" not in str(error) or len(cases) == 1:
            raise
        half = len(cases) // 2
        return [
            *_measured(cases[:half], board, target, style, folder / "a"),
            *_measured(cases[half:], board, target, style, folder / "b"),
        ]
    return [_row(case, layer, board, target) for case, layer in zip(cases, layers, strict=True)]


def benchmark_project(
    cases: Sequence[BenchmarkCase], board: Board, style: KernelStyle, folder: Path
) -> Project:
    """One firmware project in ``folder`` that runs all ``cases``, in order."""
    archive = compile_benchmark("layers", cases, style, folder / "benchmark.tar")
    return generate(archive, board, folder / "firmware")


def _run(
    cases: Sequence[BenchmarkCase], board: Board, target: Target, style: KernelStyle, folder: Path
) -> tuple[LayerMeasurement, ...]:
    project = benchmark_project(cases, board, style, folder)
    firmware = build(project, "emulator" if target.kind == "emulator" else "board", _LOG.debug)
    if target.kind == "serial":
        flash(firmware.elf, board)
    inputs: Int8Array = np.zeros((1, 4), np.int8)
    names = [case.name for case in cases]
    return measure(firmware, board, target, inputs, names).layers


def _row(case: LayerCase, layer: LayerMeasurement, board: Board, target: Target) -> CostRow:
    cycles = layer.est_cycles if layer.measured_cycles is None else float(layer.measured_cycles)
    assert cycles is not None
    key, spread = case.key, layer.repeatability
    return CostRow(
        key=key.digest,
        kind="layer",
        name=case.benchmark.call.function,
        board=board.name,
        shape=key.shape,
        weight_bits=key.weight_bits,
        compiler=key.compiler,
        flags=key.flags,
        timing=key.timing,
        source=source_of(target),
        instructions=layer.instructions,
        cycles=cycles,
        ms=1000 * cycles / board.clock_hz,
        cycles_low=cycles if spread is None else spread.minimum,
        cycles_high=cycles if spread is None else spread.maximum,
        runs=0 if spread is None else spread.runs,
    )


def source_of(target: Target) -> str:
    """How what is had from the target is known: "emulated" or "measured"."""
    return "emulated" if target.kind == "emulator" else "measured"


@cache
def _headers_digest() -> str:
    root = kernel_package.include_directory()
    return digest(*(path.read_bytes() for path in sorted(root.rglob("*.h"))))


@cache
def _first_line(program: str) -> str:
    try:
        result = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(
            f"the compiler {program} cannot be run: {error}",
            "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi",
        ) from error
    return result.stdout.partition("\n")[0].strip()
