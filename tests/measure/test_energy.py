"""Energy of recorded traces whose true energy is known, through every kind of meter."""

from __future__ import annotations

import csv
import sys
import threading
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from sqtvm.allocate.budget import Budget
from sqtvm.errors import MeasurementError, ToolError
from sqtvm.firmware.board_tables import Power
from sqtvm.firmware.boards import load_board
from sqtvm.measure.energy import measured_energy, modelled_energy, supply_volts
from sqtvm.measure.meter import MeterName, open_meter, parse_meter
from sqtvm.measure.meter_csv import read_trace
from sqtvm.measure.meter_ina2xx import Ina2xxMeter
from sqtvm.measure.meter_joulescope import trace_of
from sqtvm.measure.trace import Trace, inference_energy

RATE = 20_000
IDLE, ACTIVE, VOLTS = 0.020, 0.110, 3.3
# 40 ms of 90 mA above idle at 3.3 V.
NET_MJ = 0.040 * (ACTIVE - IDLE) * VOLTS * 1e3
GROSS_MJ = 0.040 * ACTIVE * VOLTS * 1e3


def recording(inferences: int = 5, noise: float = 0.002) -> Trace:
    """10 ms of idle around each inference of 40 ms."""
    idle, active = np.zeros(RATE // 100, bool), np.ones(RATE // 25, bool)
    trigger = np.concatenate([np.concatenate([idle, active]) for _ in range(inferences)] + [idle])
    amperes = np.where(trigger, ACTIVE, IDLE)
    amperes = amperes + np.random.default_rng(0).normal(0, noise, len(amperes))
    return Trace(np.arange(len(trigger)) / RATE, amperes, VOLTS, trigger)


def without_trigger(trace: Trace) -> Trace:
    return Trace(trace.seconds, trace.amperes, trace.volts)


def test_energy_between_edges_without_what_flows_at_idle() -> None:
    found = inference_energy(recording())
    assert found.net_mj == pytest.approx(NET_MJ, rel=0.01)
    assert found.gross_mj == pytest.approx(GROSS_MJ, rel=0.01)
    assert found.ms == pytest.approx(40, rel=0.01)
    assert found.idle_milliamperes == pytest.approx(20, rel=0.02)
    assert found.inferences == 5
    assert found.by_edges


def test_without_a_trigger_the_current_is_one() -> None:
    found = inference_energy(without_trigger(recording()))
    assert found.net_mj == pytest.approx(NET_MJ, rel=0.02)
    assert not found.by_edges


def test_halves_of_inferences_at_the_ends_do_not_count() -> None:
    whole = recording(3)
    cut = slice(RATE // 100 + 200, -(RATE // 100) - 200)
    assert whole.trigger is not None
    trace = Trace(whole.seconds[cut], whole.amperes[cut], VOLTS, whole.trigger[cut])
    found = inference_energy(trace)
    assert found.inferences == 1
    assert found.net_mj == pytest.approx(NET_MJ, rel=0.01)


def test_a_recording_of_nothing_is_an_error() -> None:
    flat = np.full(100, 0.02)
    seconds = np.arange(100) / RATE
    with pytest.raises(MeasurementError, match="no whole inference"):
        inference_energy(Trace(seconds, flat, VOLTS, np.zeros(100, bool)))
    with pytest.raises(MeasurementError, match="as high at idle"):
        inference_energy(Trace(seconds, flat, VOLTS))
    with pytest.raises(MeasurementError, match="do not ascend"):
        Trace(seconds[::-1], flat, VOLTS)
    with pytest.raises(MeasurementError, match="fewer than two"):
        Trace(seconds[:1], flat[:1], VOLTS)


def write(path: Path, header: list[str], rows: list[list[object]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


@pytest.mark.parametrize(
    ("header", "time", "current", "high", "low"),
    [
        (["Timestamp(ms)", "Current(uA)", "D0-D7"], 1e3, 1e6, "10000000", "00000000"),
        (["time_us", "current_mA", "trigger"], 1e6, 1e3, "1", "0"),
        (["Time (s)", "Current (A)", "gpi0"], 1.0, 1.0, "True", "False"),
        (["seconds", "amperes", "D0"], 1.0, 1.0, "1.0", "0.0"),
    ],
)
def test_csv_files_by_their_headers(
    tmp_path: Path, header: list[str], time: float, current: float, high: str, low: str
) -> None:
    trace = recording(2)
    assert trace.trigger is not None
    rows = [
        [f"{s * time:.6f}", f"{a * current:.6f}", high if t else low]
        for s, a, t in zip(trace.seconds, trace.amperes, trace.trigger, strict=True)
    ]
    path = write(tmp_path / "trace.csv", header, rows)
    ran: list[int] = []
    name = parse_meter(f"csv:{path}")
    read = open_meter(name, VOLTS).record(lambda: ran.append(1))
    assert ran == [1]
    energy = measured_energy(read, name)
    assert energy.mj == pytest.approx(NET_MJ, rel=0.01)
    assert energy.source == "measured"
    assert "2 inferences" in energy.detail


def test_a_column_of_voltage_is_used(tmp_path: Path) -> None:
    rows: list[list[object]] = [[n / 10, 0.1, 5000] for n in range(4)]
    path = write(tmp_path / "t.csv", ["t", "I [A]", "Voltage(mV)"], rows)
    assert read_trace(path, VOLTS).volts == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("time_s,current_mA,trigger\n", "is empty"),
        ("time,power\n1,2\n", "no column for current"),
        ("current_mA\n1\n", "no column for time"),
        ("time_s,current_mA\n1,much\n", "no numbers"),
        ("time_s,current_mA\n1,2\n3\n", "no numbers"),
    ],
)
def test_wrong_csv_files_are_errors(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(MeasurementError, match=message):
        read_trace(tmp_path / "t.csv", VOLTS)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file"), (b"\xff\xfe\x00", "it is no text")],
)
def test_files_that_are_no_csv_are_errors(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(MeasurementError, match=message) as caught:
        read_trace(tmp_path / "t.csv", VOLTS)
    assert "exports" in caught.value.hint


class RecordedKit:
    """Takes the place of a PPK2: sends a recorded trace in pieces and says what it was told."""

    told: list[object]

    def __init__(self, port: str) -> None:
        trace = recording(3)
        assert trace.trigger is not None
        type(self).told = [port]
        # The kit's own rate: each sample of the recording five times.
        self.amperes, self.trigger = np.repeat(trace.amperes, 5), np.repeat(trace.trigger, 5)
        self.sent = 0

    def get_modifiers(self) -> None: ...

    def set_source_voltage(self, millivolts: int) -> None:
        self.told.append(millivolts)

    def use_source_meter(self) -> None: ...

    def toggle_DUT_power(self, state: str) -> None:  # noqa: N802
        self.told.append(state)

    def start_measuring(self) -> None: ...

    def stop_measuring(self) -> None:
        self.told.append("stopped")

    def get_data(self) -> bytes:
        first, self.sent = self.sent, min(self.sent + 4000, len(self.amperes))
        return b"".join(n.to_bytes(4, "little") for n in range(first, self.sent))

    def get_samples(self, data: bytes) -> tuple[list[float], list[int]]:
        numbers = np.frombuffer(data, np.uint32)
        return list(self.amperes[numbers] * 1e6), [int(high) for high in self.trigger[numbers]]


def test_a_power_profiler_kit(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("ppk2_api.ppk2_api")
    module.PPK2_API = RecordedKit  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ppk2_api.ppk2_api", module)
    meter = open_meter(parse_meter("ppk2:/dev/ttyACM1"), 1.8)
    trace = meter.record(lambda: threading.Event().wait(0.5))
    assert RecordedKit.told == ["/dev/ttyACM1", 1800, "ON", "stopped"]
    found = inference_energy(trace)
    assert found.inferences == 3
    assert found.net_mj == pytest.approx(NET_MJ * 1.8 / 3.3, rel=0.01)
    assert found.ms == pytest.approx(40, rel=0.01)


def test_the_real_driver_has_what_is_called() -> None:
    driver = pytest.importorskip("ppk2_api.ppk2_api").PPK2_API
    called = {name for name in vars(RecordedKit) if not name.startswith("_")} - {"told"}
    assert called <= set(dir(driver))


def test_a_missing_driver_is_an_error_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "joulescope", None)
    with pytest.raises(ToolError, match="driver is missing") as caught:
        open_meter(MeterName("joulescope"), VOLTS).record(lambda: None)
    assert "pip install joulescope" in caught.value.hint


def test_a_joulescopes_samples() -> None:
    trace = recording(2)
    assert trace.trigger is not None
    current = trace.amperes.copy()
    current[5] = np.nan
    read = trace_of(
        {
            "time": {"sampling_frequency": {"value": RATE}},
            "signals": {
                "current": {"value": current},
                "voltage": {"value": np.full(len(current), VOLTS)},
                "current_lsb": {"value": trace.trigger.astype(np.uint8)},
            },
        }
    )
    assert inference_energy(read).net_mj == pytest.approx(NET_MJ, rel=0.01)


def test_a_monitor_of_the_kernel(tmp_path: Path) -> None:
    other, monitor = tmp_path / "hwmon0", tmp_path / "hwmon1"
    for folder, name in ((other, "cpu_thermal"), (monitor, "ina219")):
        folder.mkdir()
        (folder / "name").write_text(name + "\n")
    (monitor / "in1_input").write_text("3300\n")

    def current(milliamperes: int) -> None:
        (monitor / "new").write_text(f"{milliamperes}\n")
        (monitor / "new").replace(monitor / "curr1_input")

    def board() -> None:
        for milliamperes in (20, 110, 20, 110, 20):
            current(milliamperes)
            threading.Event().wait(0.06)

    current(20)
    trace = Ina2xxMeter(tmp_path).record(board)
    assert trace.volts == pytest.approx(3.3)
    found = inference_energy(trace)
    assert found.inferences == 2
    # The times are this machine's own.
    assert found.net_mj == pytest.approx(found.ms * 1e-3 * 0.09 * 3.3e3, rel=0.1)
    with pytest.raises(MeasurementError, match="no INA2xx"):
        Ina2xxMeter(other).record(lambda: None)


def power_of(*lines: tuple[int, str, float]) -> Power:
    keys = ("clock_hz", "memory", "milliamperes")
    run = [dict(zip(keys, line, strict=True)) for line in lines]
    return Power.model_validate(
        {"supply_volts": 3.3, "run": run, "conditions": "typical, 25 degrees"}
    )


def test_the_running_current_is_by_clock_and_memory() -> None:
    power = power_of(
        (100_000_000, "flash", 50), (200_000_000, "flash", 90), (200_000_000, "itcm", 80)
    )
    assert power.run_milliamperes(200_000_000, "flash") == 90
    assert power.run_milliamperes(200_000_000, "itcm") == 80
    assert power.run_milliamperes(150_000_000, "flash") == pytest.approx(70)
    assert power.run_milliamperes(50_000_000, "flash") == pytest.approx(25)
    assert power.run_milliamperes(220_000_000, "flash") == pytest.approx(99)
    # Of a memory without figures, those of the others.
    assert power_of((200_000_000, "itcm", 80)).run_milliamperes(100_000_000, "flash") == 40
    board = load_board("stm32f746").model_copy(update={"power": power})
    found = modelled_energy(board, 10)
    assert found is not None
    assert found.mj == pytest.approx(3.3 * 90 * 1.08 * 0.01)
    assert "from flash at 216 MHz, by the figures for flash at 100 MHz" in found.detail


def test_modelled_energy_is_the_boards_power_times_the_time() -> None:
    power = power_of((216_000_000, "flash", 100))
    board = load_board("stm32f746").model_copy(update={"power": power})
    found = modelled_energy(board, 50.0)
    assert found is not None
    assert found.mj == pytest.approx(3.3 * 100 * 0.05)
    assert found.source == "modelled"
    assert found.detail == "100 mA at 3.3 V while it computes (typical, 25 degrees)"
    assert modelled_energy(load_board("mps2-an500"), 50.0) is None
    assert supply_volts(load_board("mps2-an500")) == 3.3


@pytest.mark.parametrize("text", ["", "ppk2", "ppk2:", "csv", "oscilloscope", "joulescope:1"])
def test_unknown_meters_are_errors(text: str) -> None:
    with pytest.raises(MeasurementError, match="is no meter"):
        parse_meter(text)


@pytest.mark.parametrize("text", ["ppk2:/dev/ttyACM1", "joulescope", "ina2xx", "csv:a/b.csv"])
def test_meters_are_written_as_they_are_read(text: str) -> None:
    assert str(parse_meter(text)) == text


def test_a_limit_of_energy_is_one_of_time_where_power_is_known() -> None:
    # 0.3 W.
    assert Budget(energy_mj=6).with_energy_as_time(0.3).ms == pytest.approx(20)
    assert Budget(ms=10, energy_mj=6).with_energy_as_time(0.3).ms == 10
    assert Budget(ms=30, energy_mj=6).with_energy_as_time(0.3).ms == pytest.approx(20)
    assert Budget(ms=30, energy_mj=6).with_energy_as_time(None) == Budget(ms=30, energy_mj=6)
    assert Budget(ms=30).with_energy_as_time(0.3) == Budget(ms=30)
