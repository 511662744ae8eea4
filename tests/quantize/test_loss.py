"""Losses of the user's own, named as a command names them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as functional

from sqtvm.errors import SqtvmError
from sqtvm.quantize.loss import found_loss

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.5]])
LABELS = torch.tensor([0, 2])

_MODULE = """
import torch.nn.functional as functional

def smoothed(logits, labels):
    return functional.cross_entropy(logits, labels, label_smoothing=0.1).reshape(1)

def one_each(logits, labels):
    return functional.cross_entropy(logits, labels, reduction="none")

def number(logits, labels):
    return 1.5

def errors(logits, labels):
    return (logits.argmax(1) != labels).float().mean()

def failing(logits, labels):
    raise ValueError("labels are no good")

constant = 3
"""


@pytest.fixture(autouse=True)
def _losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "losses_of_mine.py").write_text(_MODULE)
    monkeypatch.chdir(tmp_path)


def test_without_one_it_is_the_cross_entropy() -> None:
    assert found_loss(None) is functional.cross_entropy
    assert found_loss(functional.multi_margin_loss) is functional.multi_margin_loss


def test_the_named_function_is_called() -> None:
    loss = found_loss("losses_of_mine:smoothed")
    value = loss(LOGITS, LABELS)
    assert value.shape == ()
    assert value == functional.cross_entropy(LOGITS, LABELS, label_smoothing=0.1)
    # Checkpoints tell trainings apart by it.
    assert (loss.__module__, getattr(loss, "__qualname__", "")) == ("losses_of_mine", "smoothed")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("losses_of_mine", "no package.module:function"),
        ("no_such_losses:smoothed", "no module no_such_losses"),
        ("losses_of_mine:other", "has no other"),
        ("losses_of_mine:constant", "is no function"),
    ],
)
def test_a_name_that_is_no_loss_is_refused_before_anything_runs(name: str, words: str) -> None:
    with pytest.raises(SqtvmError, match=words):
        found_loss(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("one_each", r"gives a Tensor of \(2,\)"),
        ("number", "gives 1.5"),
        ("errors", "gives a number without a gradient"),
        ("failing", "failed with ValueError: labels are no good"),
    ],
)
def test_a_loss_that_gives_no_number_is_said_in_one_line(name: str, words: str) -> None:
    loss = found_loss(f"losses_of_mine:{name}")
    with pytest.raises(SqtvmError, match=words):
        loss(LOGITS.clone().requires_grad_(), LABELS)
