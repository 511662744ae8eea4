from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqtvm.allocate.budget import Budget
from sqtvm.settings import (
    DeploySettings,
    SettingsError,
    checked,
    command_line,
    merge,
    parse_measure,
    parse_size,
    read_settings_file,
    resolve,
)

_WHOLE = {"model": "nets:lenet", "data": "test.npz", "board": "stm32f746"}


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("65536", 65_536),
        ("65_536", 65_536),
        ("64k", 65_536),
        ("64K", 65_536),
        ("64 KiB", 65_536),
        ("48kb", 49_152),
        ("1.5M", 1_572_864),
        ("1MiB", 1_048_576),
        ("7B", 7),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "k", "-1", "0", "64kk", "1e3", "0.3", "six", "64 k i B"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"size|whole|above"):
        parse_size(text)


@given(st.integers(1, 1 << 40))
def test_plain_numbers_are_bytes(size: int) -> None:
    assert parse_size(str(size)) == size


@given(st.text(max_size=12))
def test_any_text_is_a_size_or_a_value_error(text: str) -> None:
    try:
        size = parse_size(text)
    except ValueError:
        return
    assert size > 0


@pytest.mark.parametrize("text", ["emulator", "none", "serial:/dev/ttyACM0"])
def test_ways_to_measure(text: str) -> None:
    assert parse_measure(text) == text


@pytest.mark.parametrize("text", ["", "serial", "serial:", "usb"])
def test_other_ways_to_measure_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="serial:PORT"):
        parse_measure(text)


def test_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "sqtvm.toml"
    path.write_text(
        'model = "nets:lenet"\ndata = "test.npz"\nboard = "stm32f746"\nseed = 3\n'
        'fine_tune = true\nout = "there"\n[budget]\nms = 50\nflash = "64k"\nmax_drop = 1\n'
    )
    settings = resolve(read_settings_file(path), ("model", "data", "board"))
    assert settings == DeploySettings(
        model="nets:lenet",
        data="test.npz",
        board="stm32f746",
        seed=3,
        fine_tune=True,
        out=Path("there"),
        budget=Budget(ms=50.0, flash_bytes=65_536, max_drop=1.0),
    )


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ("modle = 'x'", "'modle'"),
        ("[budget]\nfalsh = 3", "'budget.falsh'"),
        ("seed = '3'", "seed"),
        ("seed = -1", "seed"),
        ("fine_tune = 1", "fine_tune"),
        ("measure = 'usb'", "measure"),
        ("budget = 3", "budget"),
        ("[budget]\nms = 0", "budget.ms"),
        ("[budget]\nms = nan", "budget.ms"),
        ("[budget]\nflash = '64q'", "budget.flash"),
        ("[budget]\nmax_drop = 101", "budget.max_drop"),
        ("verify_samples = 0", "verify_samples"),
        ("board = ", "not TOML"),
    ],
)
def test_mistakes_are_one_line_that_names_file_and_key(
    tmp_path: Path, content: str, key: str
) -> None:
    path = tmp_path / "sqtvm.toml"
    path.write_text(content)
    with pytest.raises(SettingsError) as caught:
        read_settings_file(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert key in message
    assert "\n" not in message


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "sqtvm.toml"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"sqtvm\.toml"):
        read_settings_file(path)


def test_flags_win_key_by_key() -> None:
    merged = merge(
        {**_WHOLE, "seed": 1, "budget": {"ms": 50.0, "flash": 10}},
        {"model": None, "seed": 2, "budget": {"ms": None, "flash": 20}},
    )
    assert merged == {**_WHOLE, "seed": 2, "budget": {"ms": 50.0, "flash": 20}}


@pytest.mark.parametrize("key", ["model", "data", "board"])
def test_missing_setting_is_named(key: str) -> None:
    values = {name: value for name, value in _WHOLE.items() if name != key}
    with pytest.raises(SettingsError, match=f"no {key} is given") as caught:
        resolve(checked(values, "here"), ("model", "data", "board"))
    assert "sqtvm.toml" in caught.value.hint


def test_command_line_names_every_setting() -> None:
    settings = DeploySettings(
        model="my nets.onnx",
        data="test.npz",
        board="stm32f746",
        budget=Budget(ms=50.0, ram_bytes=65_536),
        fine_tune=True,
        loss="my_losses:smoothed",
    )
    line = command_line(settings)
    assert line.startswith("sqtvm deploy 'my nets.onnx' --data test.npz")
    assert "--budget-ms 50 --budget-ram 65536" in line
    assert "--loss my_losses:smoothed" in line
    assert "--budget-flash" not in line
    assert line.endswith("--fine-tune")
