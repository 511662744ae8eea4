"""The whole stage on real firmware: a network with every operator, built for two cores."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sqtvm.compile.network import compile_network
from sqtvm.errors import MeasurementError
from sqtvm.firmware.boards import Board, load_board
from sqtvm.firmware.build import Firmware, build
from sqtvm.firmware.project import generate
from sqtvm.frontend.graph import Conv2d, Linear
from sqtvm.measure import counting
from sqtvm.measure.counted import emulated_machine
from sqtvm.measure.counting import NoPluginError
from sqtvm.measure.emulator import Emulator, Machine
from sqtvm.measure.measure import measure
from sqtvm.measure.profile import profile
from sqtvm.measure.session import Session
from sqtvm.measure.target import Target
from sqtvm.measure.verify import verify
from sqtvm.quantize.build import quantize
from sqtvm.quantize.calibration import calibrate
from sqtvm.quantize.network import Int8Array, IntegerNetwork
from sqtvm.quantize.reference import run_integer
from tests.compile.graphs import every_operator

SAMPLES = 100


@dataclass(frozen=True, eq=False)
class Built:
    network: IntegerNetwork
    board: Board
    firmware: Firmware
    inputs: Int8Array

    @property
    def layer_names(self) -> list[str]:
        return [layer.name for layer in self.network.layers]


@pytest.fixture(scope="module", params=["stm32f746", "stm32f446"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp(request.param)
    board = load_board(request.param)
    graph = every_operator()
    random = np.random.default_rng(0)
    x = random.normal(size=(16, 3, 12, 10)).astype(np.float32)
    weighted = [node.name for node in graph.nodes if isinstance(node.op, Conv2d | Linear)]
    bits = {name: (8, 4, 2)[number % 3] for number, name in enumerate(weighted)}
    network = quantize(graph, calibrate(graph, x), bits)
    archive = compile_network("every-operator", graph, network, board.tvm_target, folder / "a.tar")
    firmware = build(generate(archive.path, board, folder / "project"), "emulator")
    shape = (SAMPLES, *network.input_shape)
    inputs = random.integers(-128, 128, shape).astype(np.int8)
    return Built(network, board, firmware, inputs)


def test_a_hundred_samples_give_the_references_bytes(built: Built) -> None:
    found = measure(
        built.firmware, built.board, Target("emulator"), built.inputs, built.layer_names
    )
    reference = run_integer(built.network, built.inputs)
    checked = verify(found.outputs, reference)
    assert checked.equal, checked.first
    assert checked.samples == SAMPLES
    # Not one answer for every sample.
    assert len(np.unique(reference, axis=0)) > SAMPLES // 2

    assert [layer.name for layer in found.layers] == built.layer_names
    in_layers = sum(layer.instructions or 0 for layer in found.layers)
    assert found.instructions is not None
    assert 0 < found.instructions - in_layers < 0.25 * found.instructions
    assert found.est_cycles is not None
    assert found.est_cycles > sum(layer.est_cycles or 0 for layer in found.layers)
    assert found.ms == pytest.approx(1000 * found.est_cycles / built.board.clock_hz)
    assert (found.ms_source, found.measured_cycles) == ("emulated", None)
    assert found.est_cycles_range is not None
    assert found.est_cycles_range[0] < found.est_cycles < found.est_cycles_range[1]
    assert all(layer.ms is not None for layer in found.layers)
    assert found.cycle_model is not None
    assert found.cycle_model.startswith(built.board.core)
    if built.board.power is None:
        assert found.energy is None
        assert all(layer.mj is None for layer in found.layers)
    else:
        # What runs between the layers has its share too.
        assert found.energy is not None
        layers_mj = sum(layer.mj or 0 for layer in found.layers)
        assert 0.9 * found.energy.mj < layers_mj < found.energy.mj
    assert 0 < found.memory.ram_stack <= built.board.stack_bytes
    assert found.memory.flash_bytes <= built.board.flash_bytes


def test_without_a_compiler_the_emulators_timer_counts(
    built: Built, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    firmware = built.firmware
    arguments = (built.board, Target("emulator"), built.inputs[:2], built.layer_names)
    exact = measure(firmware, *arguments)

    def refuse(_: str) -> Path:
        raise NoPluginError("there is no C compiler", "install one")

    monkeypatch.setattr(counting, "library", refuse)
    timed = measure(firmware, *arguments)
    assert "no C compiler" in caplog.text
    assert (timed.outputs == exact.outputs).all()
    assert timed.instructions == pytest.approx(exact.instructions, abs=100)
    for layer, other in zip(timed.layers, exact.layers, strict=True):
        # The timer is read in hooks of some dozen instructions.
        assert layer.instructions == pytest.approx(other.instructions, abs=60)
        assert not layer.by_class
    assert timed.ms_source == "emulated"
    assert timed.cycle_model is not None
    assert "no counting plugin" in timed.cycle_model
    assert timed.ms == pytest.approx(exact.ms, rel=0.6)
    shown = profile(firmware, built.board, built.inputs, built.layer_names)
    # The timer tells them to within one or two.
    assert shown.instructions == pytest.approx(timed.instructions, abs=4)
    assert "no C compiler" in shown.note


def test_a_profile_adds_up_to_the_measurement(built: Built) -> None:
    found = profile(built.firmware, built.board, built.inputs, built.layer_names)
    whole = measure(
        built.firmware, built.board, Target("emulator"), built.inputs[:1], built.layer_names
    )
    assert found.instructions == whole.instructions == sum(found.by_class.values())
    assert [layer.name for layer in found.layers[:-1]] == built.layer_names
    for layer, measured in zip(found.layers, whole.layers, strict=False):
        assert layer.instructions == measured.instructions
        assert layer.by_class == measured.by_class
        assert layer.instructions == sum(line.instructions for line in layer.lines)
    convolution = found.layer("stem.conv")
    assert convolution.by_class["mac"] > 0
    # Most of a kernel's instructions are known by their source.
    known = sum(line.instructions for line in convolution.lines if line.source is not None)
    assert known > 0.9 * convolution.instructions
    cached = built.board.caches.data_bytes > 0
    assert (sum(sum(layer.fills) for layer in found.layers) > 0) is cached


def test_the_same_firmware_takes_the_same_instructions_again(built: Built) -> None:
    first, second = (
        measure(
            built.firmware, built.board, Target("emulator"), built.inputs[:1], built.layer_names
        )
        for _ in range(2)
    )
    assert first.layers == second.layers
    assert first.instructions == second.instructions


def test_other_firmware_than_was_built_is_an_error(built: Built) -> None:
    project = dataclasses.replace(built.firmware.project, archive_sha256="0" * 64)
    firmware = dataclasses.replace(built.firmware, project=project)
    with pytest.raises(MeasurementError, match="is of another model: every-operator"):
        measure(firmware, built.board, Target("emulator"), built.inputs, built.layer_names)


@pytest.mark.parametrize(
    ("counter", "message"),
    [("dwt", r"cycle counter .* stands still"), ("cmsdk-timer", r"25 MHz.* no such board")],
)
def test_the_emulators_cycle_counter_is_no_measurement(
    built: Built, tmp_path: Path, counter: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    emulator = built.board.emulator.model_copy(update={"cycle_counter": counter})
    board = built.board.model_copy(update={"emulator": emulator})
    archive = tmp_path / "a.tar"
    compile_network("every", every_operator(), built.network, board.tvm_target, archive)
    firmware = build(generate(archive, board, tmp_path / "project"), "emulator")
    claimed = dataclasses.replace(firmware, variant="board")
    with Emulator(emulated_machine(board), firmware.elf) as running:
        target = Target("serial", running.address)
        with pytest.raises(MeasurementError, match=message):
            measure(claimed, board, target, built.inputs[:1], built.layer_names)
        if counter == "cmsdk-timer":
            # Zephyr's clock may be another, so there the firmware's word is taken.
            project = dataclasses.replace(claimed.project, platform="zephyr")
            theirs = dataclasses.replace(claimed, project=project)
            found = measure(theirs, board, target, built.inputs[:1], built.layer_names)
            assert found.measured_cycles is not None
            assert found.ms == pytest.approx(found.measured_cycles / 25_000)
            assert "of Zephyr's clock" in caplog.text


def test_the_variant_has_to_fit_the_target(built: Built) -> None:
    with pytest.raises(MeasurementError, match="built for the emulator cannot be measured"):
        measure(built.firmware, built.board, Target("serial", "x"), built.inputs, [])


def test_no_target_is_an_error(built: Built) -> None:
    with pytest.raises(MeasurementError, match="no target"):
        measure(built.firmware, built.board, Target("none"), built.inputs, [])


def test_a_reset_between_inferences_is_survived(built: Built) -> None:
    emulator = built.board.emulator
    machine = Machine(emulator.program, emulator.machine, emulator.cpu)
    expected = run_integer(built.network, built.inputs[:2]).reshape(2, -1)
    with (
        Emulator(machine, built.firmware.elf) as running,
        Session(running.address) as session,
    ):
        identity = session.identify(built.firmware.project.archive_sha256)
        assert identity.input_scale == pytest.approx(built.network.input.scale)
        assert identity.input_zero_point == built.network.input.zero_point
        assert identity.output_scale == pytest.approx(built.network.output.output.scale)
        assert identity.output_zero_point == built.network.output.output.zero_point
        assert identity.board == built.board.name
        for x, y in zip(built.inputs[:2], expected, strict=True):
            np.testing.assert_array_equal(session.infer(x)[0], y)
            session.reset()
