"""Profiles of firmware that was built with debugging information."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqtvm.errors import MeasurementError
from sqtvm.measure.profile import LayerProfile, Profile
from sqtvm.measure.source_lines import SourceLine, source_map


def test_instructions_are_found_in_their_source(emulated_firmware: tuple[str, Path]) -> None:
    elf = emulated_firmware[1]
    lines = source_map(elf)
    known = [line for line in lines.lines if line is not None]
    main = Path(__file__).parent / "emulated_firmware" / "main.c"
    assert {Path(line.file).name for line in known} >= {"main.c", "protocol.c"}
    assert any(Path(line.file).samefile(main) for line in known if line.file.endswith("main.c"))
    marked = [line for line in known if line.text() == '__asm volatile("mov r10, r10\\n"']
    assert {Path(line.file).name for line in marked} == {"main.c"}
    assert lines.at(0xFFFF_FFF0) is None


def test_a_line_of_a_file_that_went_is_empty(tmp_path: Path) -> None:
    assert SourceLine(str(tmp_path / "gone.c"), 3).text() == ""
    (tmp_path / "short.c").write_text("one\n  two\n")
    assert SourceLine(str(tmp_path / "short.c"), 2).text() == "two"
    assert SourceLine(str(tmp_path / "short.c"), 3).text() == ""


def test_an_unknown_layer_is_an_error_with_the_known() -> None:
    layer = LayerProfile("conv", 3, 2.5, {}, (0, 0, 0), ())
    with pytest.raises(MeasurementError, match="no layer 'fc'") as caught:
        Profile((layer,), "a model v1").layer("fc")
    assert "conv" in caught.value.hint
