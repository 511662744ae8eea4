"""The pin that energy monitors watch is high while the network computes, and only then."""

from __future__ import annotations

import numpy as np
import pytest

from sqtvm.measure.session import Session
from sqtvm.measure.trace import Trace, inference_energy
from tests.firmware.conftest import Builder
from tests.firmware.test_mlperf_virtual import PARTS, PINS
from tests.firmware.virtual.board import VirtualBoard

RUNS = 3
VOLTS, IDLE, BUSY = 3.3, 0.02, 0.1


def watched(
    board: VirtualBoard, name: str, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[int, float]]:
    """Every write to the pin as it happens: its level, and the core's cycle."""
    number, pin = PINS[name]
    port = board.ports[number]
    changes: list[tuple[int, float]] = []
    write = port.write

    def watch(offset: int, value: int) -> None:
        write(offset, value)
        if offset == 0x18:
            level = {1 << pin: 1, 1 << (pin + 16): 0}[value]
            changes.append((level, float(board.core.time.cycles)))

    monkeypatch.setattr(port, "write", watch)
    return changes


@pytest.mark.parametrize("name", PARTS)
def test_a_meter_sees_each_inference_and_nothing_else(
    name: str, builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = builder.firmware(name, "board").elf.with_suffix(".hex")
    board = VirtualBoard(PARTS[name], image)
    changes = watched(board, name, monkeypatch)
    random = np.random.default_rng(0)
    with Session(board, timeout=60) as session:
        session.identify()
        number, pin = PINS[name]
        assert board.ports[number].registers[0] >> (2 * pin) & 3 == 1
        assert changes == []
        cycles = [
            session.infer(random.integers(-50, 50, 6).astype(np.int8))[1].cycles
            for _ in range(RUNS)
        ]
    assert [level for level, _ in changes] == [1, 0] * RUNS
    highs = [end[1] - begin[1] for begin, end in zip(changes[::2], changes[1::2], strict=True)]
    for high, counted in zip(highs, cycles, strict=True):
        # Beside the inference there are two readings of the cycle counter.
        assert counted <= high < counted + 400

    # What a meter on the supply and on the pin records, a sample every 20 cycles.
    seconds = np.arange(changes[0][1] - 1e5, changes[-1][1] + 1e5, 20)
    edges = np.array([cycle for _, cycle in changes])
    high = np.searchsorted(edges, seconds) % 2 == 1
    hz = board.clock.core_hz
    found = inference_energy(Trace(seconds / hz, np.where(high, BUSY, IDLE), VOLTS, high))
    assert found.inferences == RUNS
    assert found.ms == pytest.approx(1000 * np.median(highs) / hz, rel=0.05)
    assert found.net_mj == pytest.approx((BUSY - IDLE) * VOLTS * found.ms, rel=0.05)
