"""Outputs against the reference."""

from __future__ import annotations

import numpy as np
import pytest

from sqtvm.errors import MeasurementError
from sqtvm.measure.verify import Verification, verify


def test_equal_outputs() -> None:
    x = np.arange(24, dtype=np.int8).reshape(4, 3, 2)
    found = verify(x, x.copy())
    assert found == Verification(4, 0, "")
    assert found.equal


def test_the_first_difference_is_named() -> None:
    reference = np.zeros((5, 3, 2), np.int8)
    outputs = reference.copy()
    outputs[2, 1, 0] = 7
    outputs[2, 2, 1] = 8
    outputs[4, 0, 0] = 9
    found = verify(outputs.reshape(5, 6), reference)
    assert (found.samples, found.differing, found.equal) == (5, 2, False)
    assert found.first == "sample 2, position [1, 0]: the target gave 7, the reference 0"


def test_other_shapes_are_an_error() -> None:
    with pytest.raises(MeasurementError, match=r"\(2, 3\), the reference \(3, 3\)"):
        verify(np.zeros((2, 3), np.int8), np.zeros((3, 3), np.int8))
