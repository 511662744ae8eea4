"""Frames: a round trip through any noise, and nothing wrong ever accepted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqtvm.measure.frame import MAX_FRAME_BYTES, MAX_PAYLOAD, SYNC, Frame, FrameParser, encode

frames = st.builds(
    Frame,
    type=st.integers(0, 255),
    sequence=st.integers(0, 65535),
    payload=st.binary(max_size=MAX_PAYLOAD),
)
# Noise with many false beginnings: single bytes of the header are frequent in it.
noise = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from([SYNC, SYNC[:1], SYNC + b"\x02", SYNC + b"\x02\x01\x00\x00\xff\x03"]),
    ),
    max_size=8,
).map(b"".join)


def parse(parser: FrameParser, data: bytes, step: int) -> list[Frame]:
    found: list[Frame] = []
    for begin in range(0, len(data), step):
        found += parser.feed(data[begin : begin + step])
    return found


@given(frames, st.integers(1, 50))
def test_a_frame_survives_any_cutting_of_the_stream(frame: Frame, step: int) -> None:
    assert parse(FrameParser(), encode(frame), step) == [frame]


@given(st.lists(st.tuples(noise, frames), max_size=4), noise, st.integers(1, 300))
@settings(deadline=None)
def test_all_frames_are_found_between_noise(
    parts: list[tuple[bytes, Frame]], tail: bytes, step: int
) -> None:
    data = b"".join(before + encode(frame) for before, frame in parts) + tail
    parser = FrameParser()
    found = parse(parser, data, step) + parser.expire()
    assert found == [frame for _, frame in parts]


@given(frames, noise)
@settings(deadline=None)
def test_zeros_push_a_frame_out_from_behind_a_false_beginning(frame: Frame, before: bytes) -> None:
    parser = FrameParser()
    assert parser.feed(before + encode(frame) + bytes(MAX_FRAME_BYTES)) == [frame]


@given(st.binary(max_size=3000), st.integers(1, 100))
@settings(deadline=None)
def test_arbitrary_bytes_are_never_a_frame_and_never_an_error(data: bytes, step: int) -> None:
    parser = FrameParser()
    assert parse(parser, data, step) + parser.expire() == []
    assert parser.missing() >= 1


@given(frames, st.data())
@settings(deadline=None)
def test_a_changed_byte_is_never_accepted(frame: Frame, data: st.DataObject) -> None:
    sent = bytearray(encode(frame))
    position = data.draw(st.integers(0, len(sent) - 1))
    sent[position] ^= data.draw(st.integers(1, 255))
    parser = FrameParser()
    assert parser.feed(bytes(sent)) + parser.expire() == []


@given(frames, st.integers(0, MAX_FRAME_BYTES))
def test_missing_never_asks_for_more_than_the_frame_has(frame: Frame, cut: int) -> None:
    data = encode(frame)
    cut %= len(data)
    parser = FrameParser()
    assert parser.feed(data[:cut]) == []
    assert 1 <= parser.missing() <= len(data) - cut


def test_a_payload_above_the_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="1025"):
        encode(Frame(1, 1, bytes(MAX_PAYLOAD + 1)))
