"""From an allocation to firmware that ran: quantize, compile, build, measure, in a row."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from sqtvm.compile.kernel_call import KernelStyle
from sqtvm.compile.network import compile_network
from sqtvm.errors import MeasurementError
from sqtvm.firmware.boards import Board
from sqtvm.firmware.build import Firmware, build
from sqtvm.firmware.build_steps import with_steps
from sqtvm.firmware.edits import kept_words
from sqtvm.firmware.flash import flash
from sqtvm.firmware.memory_use import image_sections, memory_use
from sqtvm.firmware.project import generate
from sqtvm.frontend.graph import Graph
from sqtvm.frontend.model import Model, Samples
from sqtvm.measure.energy import modelled_energy
from sqtvm.measure.measure import measure
from sqtvm.measure.measurement import Measurement
from sqtvm.measure.meter import MeterName
from sqtvm.measure.store import CostStore
from sqtvm.measure.target import Target
from sqtvm.progress import OnProgress, Progress, counted
from sqtvm.quantize.accuracy import prepare_input
from sqtvm.quantize.build import quantize
from sqtvm.quantize.network import Int8Array, IntegerNetwork, TensorQuantization
from sqtvm.rounds import Realisation

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Workshop:
    """What stays the same while allocations are tried; store: of what is known already;
    meter: of energy, which is modelled without one; ram_bytes: of every allocation, None where it
    is not known yet."""

    model: Model
    activations: Mapping[str, TensorQuantization]
    board: Board
    target: Target
    on_progress: OnProgress
    store: CostStore = field(default_factory=CostStore)
    meter: MeterName | None = None
    ram_bytes: int | None = None

    def quantize(self, graph: Graph, weight_bits: Mapping[str, int]) -> IntegerNetwork:
        """The integer network at these bits, biases corrected on the calibration samples."""
        return quantize(graph, self.activations, weight_bits, self.model.calibration.x)

    def realise(
        self,
        graph: Graph,
        network: IntegerNetwork,
        style: KernelStyle,
        samples: int,
        folder: Path,
        modelled_ms: float,
    ) -> Realisation:
        """Firmware of ``network`` in ``folder`` and what it measures.

        samples: how many of the evaluation's are run on the target; modelled_ms: the time to
        report where the target is ``none`` and nothing runs.
        """
        say = self.on_progress
        say(Progress("compile", f"Relay to C, {style} kernels"))
        archive = compile_network(
            self.model.name, graph, network, self.board.tvm_target, folder / "model.tar", style
        )
        message = f"project for {self.board.name}"
        say(Progress("build", message))
        project = generate(archive.path, self.board, folder / "firmware")
        if project.set_aside is not None:
            say(Progress("build", kept_words(project.set_aside), lasting=True))
        steps = with_steps(_LOG.debug, counted(say, "build", message))
        board_firmware = build(project, "board", steps)
        inputs = prepare_input(network, first_samples(self.model.evaluation, samples))
        measurement = self._measure(board_firmware, network, inputs, modelled_ms)
        # What must fit is the board's image: an emulator's has other drivers.
        memory = memory_use(board_firmware.elf, measurement.memory.ram_stack)
        measurement = replace(measurement, memory=memory)
        image = image_sections(board_firmware.elf)
        return Realisation(network, measurement, archive.tensors, image)

    def _measure(
        self,
        board_firmware: Firmware,
        network: IntegerNetwork,
        inputs: Int8Array,
        modelled_ms: float,
    ) -> Measurement:
        if self.target.kind == "none":
            return _not_measured(board_firmware, network, modelled_ms)
        firmware = board_firmware
        if self.target.kind == "emulator":
            tell_step = counted(self.on_progress, "build", "image for the emulator")
            project = board_firmware.project
            firmware = build(project, "emulator", with_steps(_LOG.debug, tell_step))
        elif self.target.kind == "serial":
            self.on_progress(Progress("flash", self.board.name))
            flash(firmware.elf, self.board)
        names = [layer.name for layer in network.layers]

        tell = counted(self.on_progress, "measure", f"inferences on {self.target}")
        return measure(firmware, self.board, self.target, inputs, names, tell, self.meter)


def first_samples(
    samples: Samples, count: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The first ``count`` of the samples' inputs; MeasurementError where there are none."""
    if len(samples) == 0:
        raise MeasurementError("there is no sample to measure with", "give data with samples")
    return samples.x[:count]


def _not_measured(firmware: Firmware, network: IntegerNetwork, modelled_ms: float) -> Measurement:
    outputs = np.zeros((0, int(np.prod(network.output.shape))), np.int8)
    return Measurement(
        target="none",
        layers=(),
        instructions=None,
        est_cycles=None,
        cycle_model=None,
        measured_cycles=None,
        ms=modelled_ms,
        ms_source="modelled",
        memory=memory_use(firmware.elf),
        outputs=outputs,
        energy=modelled_energy(firmware.project.board, modelled_ms),
    )
