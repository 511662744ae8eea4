"""What fine-tuning lowers, and how a command names one of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeAlias

import torch.nn.functional as functional
from torch import Tensor

from sqtvm.errors import SqtvmError
from sqtvm.frontend.factory import failed, named

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Of logits [batch, classes] and labels as the data gives them, a scalar."""


def found_loss(loss: Loss | str | None) -> Loss:
    """Cross-entropy for None, what a ``package.module:function`` names, or the function itself."""
    if loss is None:
        return functional.cross_entropy
    return _named(loss) if isinstance(loss, str) else loss


def _named(spec: str) -> Loss:
    """The function that ``package.module:function`` names; it is first called in training.

    Raises SqtvmError where there is none, and where it fails or gives no scalar Tensor, or one that
    no gradient leads to the logits from: training would go on as if it were not there.
    """
    function = named(spec, SqtvmError, "a function of logits and labels")

    @wraps(function)
    def checked(logits: Tensor, labels: Tensor) -> Tensor:
        try:
            value = function(logits, labels)
        except Exception as failure:
            raise failed(f"the loss {spec}", failure, SqtvmError) from failure
        if not isinstance(value, Tensor) or value.numel() != 1:
            shape = (
                f"a Tensor of {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
            )
            raise SqtvmError(f"the loss {spec} gives {shape}", "let it give a Tensor of one number")
        if logits.requires_grad and not value.requires_grad:
            raise SqtvmError(
                f"the loss {spec} gives a number without a gradient",
                "let it follow from the logits by torch's differentiable functions",
            )
        return value.reshape(())

    return checked
