from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sqtvm.errors import ModelError
from sqtvm.frontend.torch_export import import_pt2, import_torch
from tests.frontend.agreement import assert_same_output, samples
from tests.frontend.networks import networks
from tests.frontend.operators import MAP, Call, operator

# What the archive says in other ways than memory does: in-place calls, lists, constants.
CHOSEN = (
    "conv same",
    "add in place",
    "clamps in a row",
    "constant a channel",
    "concat",
    "squeeze",
    "adaptive max pool",
    "conv1d",
    "pad of series",
    "contiguous",
)


def saved(module: nn.Module, x: Tensor, path: Path, decomposed: bool = False) -> Path:
    exported = torch.export.export(module, (x,))
    torch.export.save(exported.run_decompositions() if decomposed else exported, path)
    return path


def rewritten(path: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """A copy of the archive, with entries changed, or left out where ``change`` gives None."""
    copy = path.with_name("rewritten.pt2")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(copy, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return copy


@pytest.fixture(scope="module")
def conv_pt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pt2") / "conv.pt2"
    return saved(nn.Conv2d(4, 4, 3).eval(), samples(MAP), path)


@pytest.mark.parametrize("decomposed", [False, True])
@pytest.mark.parametrize("name", networks())
def test_networks_give_what_torch_gives(name: str, decomposed: bool, tmp_path: Path) -> None:
    module, shape = networks()[name]
    x = samples(shape)
    path = saved(module, x, tmp_path / "net.pt2", decomposed)
    assert_same_output(import_pt2(path), module, x)


@pytest.mark.parametrize("decomposed", [False, True])
@pytest.mark.parametrize("name", CHOSEN)
def test_operators_give_what_torch_gives(name: str, decomposed: bool, tmp_path: Path) -> None:
    module, shape = operator(name)
    x = samples(shape)
    path = saved(module, x, tmp_path / "net.pt2", decomposed)
    assert_same_output(import_pt2(path), module, x)


def test_names_are_those_of_the_module(tmp_path: Path) -> None:
    module, shape = networks()["mobilenet_v2"]
    x = samples(shape)
    graph = import_pt2(saved(module, x, tmp_path / "net.pt2"))
    assert [n.name for n in graph.nodes] == [n.name for n in import_torch(module, x).nodes]


@pytest.mark.parametrize("name", ["lenet", "squeezed"])
def test_a_batch_of_one_is_no_other_dimension(name: str, tmp_path: Path) -> None:
    module, shape = networks()["lenet"] if name == "lenet" else operator("squeeze one by one")
    path = saved(module, samples(shape, count=1), tmp_path / "net.pt2")
    assert_same_output(import_pt2(path), module, samples(shape))


def test_the_batch_may_be_open(tmp_path: Path) -> None:
    module, shape = networks()["ds_cnn"]
    x = samples(shape)
    batch = torch.export.Dim("batch", min=1, max=64)
    exported = torch.export.export(module, (x,), dynamic_shapes=({0: batch},))
    torch.export.save(exported, tmp_path / "net.pt2")
    assert_same_output(import_pt2(tmp_path / "net.pt2"), module, x)


def test_other_sizes_must_be_fixed(tmp_path: Path) -> None:
    width = torch.export.Dim("width", min=2, max=64)
    exported = torch.export.export(nn.ReLU(), (samples(MAP),), dynamic_shapes=({3: width},))
    torch.export.save(exported, tmp_path / "net.pt2")
    with pytest.raises(ModelError, match="the model's input has a size that is not fixed"):
        import_pt2(tmp_path / "net.pt2")


def test_unsupported_operators_are_named_with_their_module(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(4, 4, 1), nn.GELU()).eval()
    path = saved(module, samples(MAP), tmp_path / "net.pt2")
    with pytest.raises(ModelError, match=r"aten\.gelu in 1 is not supported"):
        import_pt2(path)


def test_writing_in_place_what_others_name_is_an_error(tmp_path: Path) -> None:
    def forward(x: Tensor, conv: nn.Module, drop: nn.Module) -> Tensor:
        y: Tensor = conv(x)
        same: Tensor = drop(y)
        y.relu_()
        return y + same

    module = Call(forward, nn.Conv2d(4, 4, 1), nn.Dropout()).eval()
    path = saved(module, samples(MAP), tmp_path / "net.pt2")
    with pytest.raises(ModelError, match="writes in place what others read"):
        import_pt2(path)


class Touch:
    """Pickles as a call that makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_file_never_runs_its_code(conv_pt2: Path, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    harm = pickle.dumps(Touch(trap))

    def change(name: str, content: bytes) -> bytes:
        if name.endswith("weights_config.json"):
            config = json.loads(content)
            for entry in config["config"].values():
                entry["use_pickle"] = True
            return json.dumps(config).encode()
        return harm if "/data/" in name and not name.endswith(".json") else content

    with pytest.raises(ModelError, match="damaged"):
        import_pt2(rewritten(conv_pt2, change))
    assert not trap.exists()


def test_expressions_in_a_file_are_not_evaluated(conv_pt2: Path, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"

    def change(name: str, content: bytes) -> bytes:
        if not name.endswith("models/conv.json") and "/models/" not in name:
            return content
        document = json.loads(content)
        expression = f"__import__('os').mkdir({str(trap)!r})"
        for value in document["graph_module"]["graph"]["tensor_values"].values():
            value["sizes"][0] = {"as_expr": {"expr_str": expression, "hint": {"as_int": 3}}}
        return json.dumps(document).encode()

    import_pt2(rewritten(conv_pt2, change))
    assert not trap.exists()


def truncated_weights(name: str, content: bytes) -> bytes:
    return content[:4] if name.endswith("weight_0") else content


def no_graph(name: str, content: bytes) -> bytes:
    return b"{}" if "/models/" in name else content


def not_json(name: str, content: bytes) -> bytes:
    return b"\xff{" if "/models/" in name else content


def missing_weights(name: str, content: bytes) -> bytes | None:
    return None if name.endswith("weight_0") else content


@pytest.mark.parametrize("change", [truncated_weights, no_graph, not_json, missing_weights])
def test_damage_is_told(conv_pt2: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    with pytest.raises(ModelError, match="damaged") as caught:
        import_pt2(rewritten(conv_pt2, change))
    assert "torch.export.save" in caught.value.hint


def test_files_that_are_no_archive_are_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        import_pt2(tmp_path / "none.pt2")
    (tmp_path / "text.pt2").write_text("no archive")
    with pytest.raises(ModelError, match=r"is no \.pt2 archive"):
        import_pt2(tmp_path / "text.pt2")
    torch.save({"weight": torch.zeros(2)}, tmp_path / "state.pt2")
    with pytest.raises(ModelError, match="holds 0 exported models"):
        import_pt2(tmp_path / "state.pt2")
