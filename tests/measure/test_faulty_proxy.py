"""The session against firmware in QEMU over a line that does everything a bad line can do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sqtvm.measure import exchange as exchange_module
from sqtvm.measure.emulator import Emulator, Machine
from sqtvm.measure.session import Session

from .faulty_proxy import Faults, FaultyProxy
from .test_emulator import INPUT_BYTES, QEMU, expected

KINDS = {
    "dropped bytes": Faults(dropped=3e-4),
    "changed bytes": Faults(changed=3e-4),
    "doubled bytes": Faults(doubled=3e-4),
    "noise": Faults(noise=2e-4),
    "late copies": Faults(stale=0.05),
    "resets": Faults(reset=0.02),
    "a port that vanishes": Faults(cut=0.02),
    "everything": Faults(6e-5, 6e-5, 6e-5, 6e-5, 0.02, 0.012, 0.012),
}


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for a real line here."""
    monkeypatch.setattr(exchange_module, "_RESEND_SECONDS", 0.1)
    monkeypatch.setattr(exchange_module, "_RESEND_RUN_SECONDS", 0.1)
    monkeypatch.setattr(exchange_module, "_RESEND_LONGEST_SECONDS", 3.0)


def infer_many(machine: str, elf: Path, faults: Faults, inferences: int, seed: int) -> FaultyProxy:
    """Every answer is compared; returns the proxy for what happened."""
    random = np.random.default_rng(seed)
    with (
        Emulator(Machine(QEMU, machine), elf) as emulator,
        FaultyProxy(emulator.address, faults, seed) as proxy,
        Session(proxy.address, timeout=30) as session,
    ):
        session.identify()
        for _ in range(inferences):
            x = random.integers(-128, 128, INPUT_BYTES).astype(np.int8)
            y, result, profile = session.infer_profiled(x)
            np.testing.assert_array_equal(y, expected(x))
            assert result.stack_bytes == 512
            assert [entry.layer for entry in profile] == [0, 2, 3, 3]
    return proxy


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("emulated_firmware", ["cortex-m4"], indirect=True)
@pytest.mark.usefixtures("hasty")
def test_nothing_wrong_is_ever_accepted(kind: str, emulated_firmware: tuple[str, Path]) -> None:
    faults = KINDS[kind]
    proxy = infer_many(*emulated_firmware, faults, inferences=25, seed=11)
    assert proxy.frames > 250
    for name, probability in vars(faults).items():
        assert (proxy.events[name] > 0) == (probability > 0), proxy.events


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("emulated_firmware", ["cortex-m7"], indirect=True)
@pytest.mark.usefixtures("hasty")
def test_thousands_of_frames(seed: int, emulated_firmware: tuple[str, Path]) -> None:
    proxy = infer_many(*emulated_firmware, KINDS["everything"], inferences=500, seed=seed)
    assert proxy.frames > 5_000
