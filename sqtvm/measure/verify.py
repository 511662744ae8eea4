"""Whether a target computed what the integer reference did, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sqtvm.errors import MeasurementError


@dataclass(frozen=True)
class Verification:
    """samples: how many were compared; differing: in how many of them any byte is another;
    first: one line about the first of those bytes, empty where there is none."""

    samples: int
    differing: int
    first: str

    @property
    def equal(self) -> bool:
        return self.differing == 0


def verify(outputs: NDArray[np.int8], reference: NDArray[np.int8]) -> Verification:
    """Compare a target's int8 [samples, output bytes] with the reference's [samples, *shape].

    Raises MeasurementError where one has more samples or bytes than the other.
    """
    if len(outputs) != len(reference) or outputs.size != reference.size:
        raise MeasurementError(
            f"the target gave outputs of shape {outputs.shape}, the reference {reference.shape}",
            "build the firmware again from the same archive",
        )
    outputs = outputs.reshape(reference.shape)
    wrong = np.argwhere(outputs != reference)
    if len(wrong) == 0:
        return Verification(len(outputs), 0, "")
    place = tuple(int(part) for part in wrong[0])
    position = ", ".join(str(part) for part in place[1:])
    first = (
        f"sample {place[0]}, position [{position}]: the target gave {outputs[place]}, "
        f"the reference {reference[place]}"
    )
    return Verification(len(outputs), len(np.unique(wrong[:, 0])), first)
