"""Parsers under fuzzing: the host's by atheris, the firmware's under the sanitizers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqtvm.measure.frame import MAX_PAYLOAD, SYNC, Frame, encode
from tests.measure.conftest import build_for_host, host_firmware

__all__ = ["host_firmware"]

_ROOT = Path(__file__).parents[2]
_FRAMES = st.builds(
    Frame,
    type=st.one_of(st.integers(0, 40), st.integers(0, 255)),
    sequence=st.integers(0, 65535),
    payload=st.binary(max_size=MAX_PAYLOAD),
)
_STREAM = st.lists(
    st.one_of(
        st.binary(max_size=60),
        _FRAMES.map(encode),
        st.just(SYNC),
        # Lengths that lie, up to the most that the field holds.
        st.integers(0, 65535).map(lambda size: encode(Frame(1, 0, b""))[:6] + size.to_bytes(2)),
    ),
    max_size=30,
).map(b"".join)


@pytest.mark.parametrize(("parser", "runs"), [("frames", 20_000), ("boards", 2_000)])
def test_parsers_of_the_host(parser: str, runs: int, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    if parser == "frames":
        (corpus / "one").write_bytes(encode(Frame(2, 7, b"payload")))
    else:
        for board in sorted((_ROOT / "boards").glob("*.toml"))[:5]:
            (corpus / board.name).write_bytes(board.read_bytes())
    command = [sys.executable, "-m", "tests.faults.fuzz", parser, f"-runs={runs}", "-seed=1"]
    limits = ["-max_len=8192", "-max_total_time=20", f"-artifact_prefix={tmp_path}/"]
    result = subprocess.run(
        [*command, *limits, str(corpus)], cwd=_ROOT, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr[-3000:]


@given(_STREAM)
@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_firmware_under_sanitizers(host_firmware: Path, stream: bytes) -> None:
    result = subprocess.run([host_firmware], input=stream, capture_output=True, timeout=30)
    assert b"Sanitizer" not in result.stderr, result.stderr.decode()
    assert b"runtime error" not in result.stderr, result.stderr.decode()
    assert result.returncode == 0


@pytest.mark.parametrize(
    ("first", "bytes_"),
    [(1, 3_000_000), pytest.param(2, 100_000_000, marks=pytest.mark.slow)],
)
def test_firmware_by_millions_of_bytes(first: int, bytes_: int, tmp_path: Path) -> None:
    program = tmp_path / "fuzz"
    build_for_host(_ROOT / "tests" / "faults" / "fuzz_firmware.c", program)
    command = [program, str(first), str(bytes_)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr[-3000:]
    answered = {kind.partition(":")[0] for kind in result.stdout.split()}
    # Every request was carried out, and refused, at least once.
    assert {"81", "82", "83", "84", "85", "ff"} <= answered
