"""Literals read back as C reads them."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sqtvm.firmware.c_literal import comment_text, float_literal, string_literal


@given(st.text())
def test_a_string_is_the_same_bytes_in_c(text: str) -> None:
    literal = string_literal(text)
    assert literal.isascii()
    assert "??" not in literal
    inner = literal[1:-1]
    assert '"' not in inner
    read = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), inner)
    assert read.encode("latin-1") == text.encode()


@given(st.floats(min_value=2.0**-126, max_value=2.0**99, width=32))
def test_a_float_is_the_same_single_precision_number(number: float) -> None:
    literal = float_literal(number)
    assert re.fullmatch(r"\d+(\.\d+(e[+-]\d+)?|e[+-]\d+)f", literal)
    assert np.float32(literal[:-1]) == np.float32(number)


@given(st.text())
def test_a_comment_cannot_be_ended(text: str) -> None:
    assert "*/" not in comment_text(text)
    assert len(comment_text(text).splitlines()) <= 1
