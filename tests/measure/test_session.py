"""The Python client against the C server, over lines that are good and lines that are not."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqtvm.errors import MeasurementError
from sqtvm.measure import exchange as exchange_module
from sqtvm.measure.frame import MAX_FRAME_BYTES, Frame, FrameParser, encode
from sqtvm.measure.messages import Identity, ProfileEntry, Request
from sqtvm.measure.session import Session

from .faulty_line import FaultyLine, clean, noisy

HASH = bytes(range(32)).hex()
INPUT_BYTES, OUTPUT_BYTES = 1500, 700


def sample(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, INPUT_BYTES).astype(np.int8)


def expected(x: np.ndarray) -> np.ndarray:
    return (x[:OUTPUT_BYTES].astype(np.int16) + 1).astype(np.int8)


def test_everything_that_can_be_asked(host_firmware: Path) -> None:
    with FaultyLine(host_firmware) as line, Session(line.address) as session:
        assert session.identify(HASH) == Identity(
            protocol_version=2,
            max_payload=1024,
            input_bytes=INPUT_BYTES,
            output_bytes=OUTPUT_BYTES,
            layer_count=100,
            clock_hz=216_000_000,
            input_scale=0.5,
            input_zero_point=-3,
            output_scale=0.25,
            output_zero_point=7,
            archive_sha256=HASH,
            model="add-one",
            board="host",
        )
        with pytest.raises(MeasurementError, match="refused 'read profile': no output"):
            session.read_profile()
        for run in range(1, 4):
            y, result = session.infer(sample(run))
            np.testing.assert_array_equal(y, expected(sample(run)))
            assert (result.cycles, result.stack_bytes) == (123456, run)
        profile = tuple(ProfileEntry(i, (i << 32) + 1000) for i in range(100))
        assert session.read_profile() == profile
        session.reset()
        assert session.infer(sample(0))[1].stack_bytes == 1
    assert line.status == 0


@pytest.mark.parametrize(
    ("to_target", "to_host"),
    [(0.001, 0.0), (0.0, 0.001), (0.0005, 0.0005)],
    ids=["harmed requests", "harmed answers", "both"],
)
def test_harmed_lines_cost_time_and_nothing_else(
    host_firmware: Path, monkeypatch: pytest.MonkeyPatch, to_target: float, to_host: float
) -> None:
    monkeypatch.setattr(exchange_module, "_RESEND_SECONDS", 0.02)
    monkeypatch.setattr(exchange_module, "_RESEND_RUN_SECONDS", 0.02)
    monkeypatch.setattr(exchange_module, "_RESEND_LONGEST_SECONDS", 0.05)
    faults = noisy(1, to_target), noisy(2, to_host)
    with FaultyLine(host_firmware, *faults) as line, Session(line.address, timeout=20) as session:
        session.identify(HASH)
        for run in range(1, 31):
            y, result = session.infer(sample(run))
            np.testing.assert_array_equal(y, expected(sample(run)))
            # The stub counts its runs: repeated requests were not carried out again.
            assert result.stack_bytes == run
    assert line.status == 0


def test_a_reset_in_the_middle_of_an_inference_is_survived(host_firmware: Path) -> None:
    reset = encode(Frame(Request.RESET, 1, b""))
    runs_seen = 0

    def reset_before_the_second_run(data: bytes) -> bytes:
        nonlocal runs_seen
        if any(frame.type == Request.RUN for frame in FrameParser().feed(data)):
            runs_seen += 1
            if runs_seen == 2:
                return reset + data
        return data

    faults = reset_before_the_second_run, clean
    with FaultyLine(host_firmware, *faults) as line, Session(line.address) as session:
        for run in range(3):
            np.testing.assert_array_equal(session.infer(sample(run))[0], expected(sample(run)))
    assert runs_seen == 4


def test_a_network_that_faults_again_and_again_is_told_with_the_fault(host_firmware: Path) -> None:
    """The line that the fault handler prints before it restarts the board."""
    told = b"\r\nsqtvm fault: exception 00000003 cfsr 00010000 pc 08001234\r\n"
    reset = encode(Frame(Request.RESET, 1, b""))

    def fault_in_place_of_every_run(data: bytes) -> bytes:
        kinds = [frame.type for frame in FrameParser().feed(data)]
        return reset + data if Request.RUN in kinds else data

    faults = fault_in_place_of_every_run, lambda data: told + data
    error = pytest.raises(
        MeasurementError, match=r"faulted again and again: exception 00000003 .* pc 08001234$"
    )
    with FaultyLine(host_firmware, *faults) as line, Session(line.address) as session:
        with error as caught:
            session.infer(sample(0))
        assert "firmware.map" in caught.value.hint
        assert session.identify(HASH).model == "add-one"


def test_another_model_is_an_error_that_names_both(host_firmware: Path) -> None:
    with (
        FaultyLine(host_firmware) as line,
        Session(line.address) as session,
        pytest.raises(MeasurementError, match=r"add-one for host.*000102030405.*ffffffffffff"),
    ):
        session.identify("f" * 64)


def test_an_input_of_another_size_is_an_error(host_firmware: Path) -> None:
    with (
        FaultyLine(host_firmware) as line,
        Session(line.address) as session,
        pytest.raises(MeasurementError, match="10 bytes was given, the firmware takes 1500"),
    ):
        session.write_input(np.zeros(10, np.int8))


def test_running_without_input_is_refused(host_firmware: Path) -> None:
    with (
        FaultyLine(host_firmware) as line,
        Session(line.address) as session,
        pytest.raises(MeasurementError, match="refused 'run': no input"),
    ):
        session.run()


def test_a_silent_target_is_an_error_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"socket://127.0.0.1:{listener.getsockname()[1]}"
        error = pytest.raises(MeasurementError, match=r"no answer to .identify.*in 0\.3 s")
        with Session(address, timeout=0.3) as session, error:
            session.identify()


def test_an_absent_port_is_an_error_with_a_hint() -> None:
    with pytest.raises(
        MeasurementError, match=r"/dev/no-such-port cannot be opened: No such file or directory$"
    ) as caught:
        Session("/dev/no-such-port")
    assert "dialout" in caught.value.hint


def test_a_port_that_stays_away_is_an_error(
    host_firmware: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_module, "_RETURN_SECONDS", 0.5)
    with FaultyLine(host_firmware) as line, Session(line.address, timeout=2) as session:
        session.identify()
        line.cut()
        with pytest.raises(MeasurementError, match="vanished during 'write input'"):
            session.infer(sample(0))


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.builds(
                lambda kind, sequence, payload: encode(Frame(kind, sequence, payload)),
                st.integers(0, 5),
                st.integers(0, 3),
                st.binary(max_size=40),
            ),
        ),
        max_size=20,
    ).map(b"".join)
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_server_survives_any_bytes_and_answers_after_them(
    host_firmware: Path, data: bytes
) -> None:
    question = encode(Frame(Request.IDENTIFY, 60000, b""))
    sent = data + bytes(MAX_FRAME_BYTES) + question
    result = subprocess.run([host_firmware], input=sent, capture_output=True, timeout=20)
    assert result.returncode == 0, result.stderr.decode()
    answers = FrameParser().feed(result.stdout)
    assert (answers[-1].type, answers[-1].sequence) == (Request.IDENTIFY | 0x80, 60000)
