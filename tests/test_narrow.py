"""A RAM budget that only activations of 4 bits hold, from the model to verified firmware."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import sqtvm
from sqtvm import api
from sqtvm.errors import ModelError
from sqtvm.report.schema import Report


def _net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()),
        *(nn.MaxPool2d(2), nn.Conv2d(16, 8, 3, padding=1), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)),
    )


def _arrays() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.normal(size=(40, 1, 24, 24)).astype(np.float32)
    return x, random.integers(0, 3, len(x))


def _deploy(out: Path, ram_bytes: int) -> Report:
    budget = sqtvm.Budget(ram_bytes=ram_bytes)
    result = sqtvm.deploy(
        _net(), _arrays(), board="stm32f746", budget=budget, out=out, fine_tune=False
    )
    return result.report


def test_activations_get_four_bits_where_ram_binds(tmp_path: Path) -> None:
    roomy = _deploy(tmp_path / "roomy", 64 * 1024)
    assert {layer.act_bits for layer in roomy.layers} == {8}
    limit = roomy.totals.ram_bytes - 3000
    tight = _deploy(tmp_path / "tight", limit)
    assert tight.met
    assert tight.totals.ram_bytes <= limit
    assert 4 in {layer.act_bits for layer in tight.layers}
    assert tight.layers[-1].act_bits == 8
    assert tight.verification is not None
    assert tight.verification.equal_bytes
    assert "Outputs of 4 bits:" in (tmp_path / "tight" / "report.html").read_text()
    nearest = _deploy(tmp_path / "nearest", 4096)
    assert not nearest.met
    assert nearest.totals.memory.ram_workspace <= tight.totals.memory.ram_workspace


def test_an_allocation_names_them_and_is_compiled(tmp_path: Path) -> None:
    model = api.load(_net(), _arrays())
    found = api.allocate(model, board="stm32f746", budget=sqtvm.Budget(ram_bytes=13_000))
    assert found.feasible
    assert set(found.activation_bits.values()) == {4}
    bits = dict(found.weight_bits)
    full = api.compile_model(model, bits, board="stm32f746", out=tmp_path / "full.tar")
    packed = api.compile_model(
        model,
        bits,
        board="stm32f746",
        activation_bits=found.activation_bits,
        out=tmp_path / "packed.tar",
    )
    assert packed.workspace_bytes < full.workspace_bytes - 3000
    with pytest.raises(ModelError, match="cannot have 4 bits"):
        api.compile_model(model, bits, board="stm32f746", activation_bits={"8": 4})
