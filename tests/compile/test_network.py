"""Compiled networks on the host against the integer reference, and what the archive holds."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from sqtvm.compile.archive import Archive
from sqtvm.compile.host import HostNetwork
from sqtvm.compile.kernel_call import KernelStyle
from sqtvm.compile.memory_plan import alive_bytes
from sqtvm.compile.network import compile_network
from sqtvm.compile.prediction import WorkspacePrediction
from sqtvm.compile.unpack import unpack
from sqtvm.errors import ToolError
from sqtvm.quantize.accuracy import prepare_input
from sqtvm.quantize.activation_bits import narrowable, narrowed
from sqtvm.quantize.build import quantize
from sqtvm.quantize.calibration import calibrate
from sqtvm.quantize.network import IntegerNetwork
from sqtvm.quantize.reference import run_integer
from tests.compile.graphs import every_operator

TARGET = "c -keys=arm_cpu,cpu -mcpu=cortex-m7"
GRAPH = every_operator()
X = np.random.default_rng(0).normal(size=(32, 3, 12, 10)).astype(np.float32)
ACTIVATIONS = calibrate(GRAPH, X)
NAMES = [node.name for node in GRAPH.weighted]
MIXED = {name: (8, 4, 2)[number % 3] for number, name in enumerate(NAMES)}


def network_at(bits: dict[str, int]) -> IntegerNetwork:
    return quantize(GRAPH, ACTIVATIONS, bits, X)


@pytest.mark.parametrize(
    ("bits", "style"),
    [
        (dict.fromkeys(NAMES, 8), KernelStyle.FAST),
        (dict.fromkeys(NAMES, 4), KernelStyle.FAST),
        (dict.fromkeys(NAMES, 2), KernelStyle.FAST),
        (MIXED, KernelStyle.FAST),
        (MIXED, KernelStyle.COMPACT),
    ],
    ids=["8", "4", "2", "mixed", "mixed-compact"],
)
def test_host_equals_the_reference(
    tmp_path: Path, bits: dict[str, int], style: KernelStyle
) -> None:
    network = network_at(bits)
    archive = compile_network("all", GRAPH, network, TARGET, tmp_path / "all.tar", style)
    inputs = prepare_input(network, X)
    with HostNetwork(archive.path) as host:
        outputs = host.run(inputs)
    np.testing.assert_array_equal(outputs, run_integer(network, inputs))


@pytest.mark.parametrize("style", list(KernelStyle))
def test_packed_activations_on_the_host(tmp_path: Path, style: KernelStyle) -> None:
    chosen = narrowable(GRAPH)
    assert chosen == ("stem.conv", "block.depthwise", "block.pointwise", "block.add")
    four_bits = calibrate(GRAPH, X, activation_bits=4)
    activations = narrowed(GRAPH, ACTIVATIONS, four_bits, chosen)
    assert activations["stem.pool"].bits == 4
    network = quantize(GRAPH, activations, MIXED, X)
    archive = compile_network("all", GRAPH, network, TARGET, tmp_path / "all.tar", style)
    assert archive.workspace_bytes == WorkspacePrediction(style).workspace_bytes(network)
    inputs = prepare_input(network, X)
    with HostNetwork(archive.path) as host:
        outputs = host.run(inputs)
    np.testing.assert_array_equal(outputs, run_integer(network, inputs))


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_the_workspace_is_predicted(tmp_path: Path, bits: int) -> None:
    network = network_at(dict.fromkeys(NAMES, bits))
    archive = compile_network("all", GRAPH, network, TARGET, tmp_path / "all.tar")
    assert WorkspacePrediction().workspace_bytes(network) == archive.workspace_bytes


def _assert_planned(archive: Archive, network: IntegerNetwork) -> None:
    """Every tensor's place and life: the largest moment is what the workspace was made for."""
    by_layer = [alive_bytes(archive.tensors, number) for number in range(len(network.layers))]
    ends = max(tensor.offset + tensor.size for tensor in archive.tensors)
    assert ends <= archive.workspace_bytes < ends + 16
    assert 0 < max(size or 0 for size in by_layer) <= archive.workspace_bytes
    assert sum(tensor.layer is None for tensor in archive.tensors) == 1
    for number, size in enumerate(by_layer):
        mine = [t for t in archive.tensors if t.layer == number and t.first <= number <= t.last]
        assert (size or 0) >= max((tensor.size for tensor in mine), default=0)
    for tensor in archive.tensors:
        assert not tensor.scratch or tensor.first == tensor.last == tensor.layer


def test_archive_is_laid_out_as_model_library_format(tmp_path: Path) -> None:
    network = network_at(MIXED)
    archive = compile_network("all", GRAPH, network, TARGET, tmp_path / "all.tar")
    with tarfile.open(archive.path) as tar:
        names = set(tar.getnames())
        metadata = json.load(tar.extractfile("./metadata.json"))  # type: ignore[arg-type]
        relay = tar.extractfile("./src/relay.txt").read().decode()  # type: ignore[union-attr]
    unpacked = tmp_path / "unpacked"
    unpack(archive.path, unpacked)
    expected = {
        "./codegen/host/src/default_lib0.c",
        "./codegen/host/src/default_lib1.c",
        "./codegen/host/include/tvmgen_default.h",
        "./codegen/host/include/tvm/runtime/c_runtime_api.h",
        "./parameters/default.params",
    }
    assert expected <= names
    assert list(metadata["modules"]) == ["default"]
    assert metadata["sqtvm"]["layers"] == [layer.name for layer in network.layers]
    assert metadata["sqtvm"]["weight_bits"] == MIXED
    assert metadata["sqtvm"]["input"]["shape"] == [1, 12, 10, 3]
    main = metadata["modules"]["default"]["memory"]["functions"]["main"][0]
    assert main["workspace_size_bytes"] == archive.workspace_bytes > 0
    _assert_planned(archive, network)
    for family in ("conv2d", "depthwise_conv2d", "linear", "add", "concat", "softmax"):
        assert f"sqtvm.{family}(" in relay
    # Neither the hooks nor the kernels may be declared as TVM guesses them.
    source = (unpacked / "codegen/host/src/default_lib1.c").read_text()
    assert "TVM_DLL int32_t sqtvm_" not in source


def test_layers_of_one_geometry_share_a_kernel(tmp_path: Path) -> None:
    network = network_at(dict.fromkeys(NAMES, 8))
    archive = compile_network("all", GRAPH, network, TARGET, tmp_path / "a", KernelStyle.COMPACT)
    with tarfile.open(archive.path) as tar:
        member = tar.extractfile("./codegen/host/include/sqtvm_network_kernels.h")
        assert member is not None
        header = member.read().decode()
    assert header.count("void sqtvm_compact_conv2d(") == 1
    assert header.count("void sqtvm_compact_linear(") == 1


def test_a_missing_host_compiler_is_named(tmp_path: Path) -> None:
    archive = compile_network("all", GRAPH, network_at(MIXED), TARGET, tmp_path / "all.tar")
    with pytest.raises(ToolError, match="no host compiler named no-such-cc"):
        HostNetwork(archive.path, "no-such-cc")
