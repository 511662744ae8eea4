from __future__ import annotations

import json
from pathlib import Path

import pytest

from sqtvm.allocate.budget import Budget
from sqtvm.errors import ModelError
from sqtvm.report.schema import Report
from tests.cli.conftest import FakePipeline, Run
from tests.report.samples import report

_FILE = 'model = "nets:lenet"\ndata = "test.npz"\nboard = "stm32f446"\n[budget]\nms = 50\n'
_ARGUMENTS = ("deploy", "net.onnx", "--data", "test.npz", "--board", "stm32f746")


def test_every_flag_reaches_the_settings(run: Run, pipeline: FakePipeline) -> None:
    result = run(
        *_ARGUMENTS, "--calibration", "c.npz", "--training", "t.npz", "--budget-ms", "12.5",
        "--loss", "my_losses:smoothed",
        "--budget-flash", "64k", "--budget-ram", "48KiB", "--max-drop", "1.5", "--out", "there",
        "--measure", "serial:/dev/ttyACM0", "--seed", "7", "--method", "greedy", "--fine-tune",
        "--verify-samples", "200", "--budget-mj", "6.5", "--meter", "ppk2:/dev/ttyACM1",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    (settings,) = pipeline.asked
    assert settings.model == "net.onnx"
    assert settings.data == "test.npz"
    assert settings.board == "stm32f746"
    assert settings.calibration == "c.npz"
    assert settings.training == "t.npz"
    assert settings.loss == "my_losses:smoothed"
    assert settings.budget == Budget(12.5, 65_536, 49_152, 1.5, 6.5)
    assert settings.meter == "ppk2:/dev/ttyACM1"
    assert settings.out == Path("there")
    assert settings.measure == "serial:/dev/ttyACM0"
    assert settings.seed == 7
    assert settings.method == "greedy"
    assert settings.fine_tune is True
    assert settings.verify_samples == 200


def test_without_model_the_file_is_read_and_flags_win(run: Run, pipeline: FakePipeline) -> None:
    Path("sqtvm.toml").write_text(_FILE)
    result = run("deploy", "--board", "stm32f746", "--budget-flash", "64k")
    assert result.exit_code == 0, result.stderr
    (settings,) = pipeline.asked
    assert settings.model == "nets:lenet"
    assert settings.board == "stm32f746"
    assert settings.budget == Budget(ms=50.0, flash_bytes=65_536)


def test_with_model_the_file_is_not_read(run: Run, pipeline: FakePipeline) -> None:
    Path("sqtvm.toml").write_text("broken =")
    assert run(*_ARGUMENTS).exit_code == 0
    assert pipeline.asked[0].budget == Budget()


def test_table_goes_to_stdout_and_progress_to_stderr(run: Run, pipeline: FakePipeline) -> None:
    result = run(*_ARGUMENTS)
    assert "All layers at 4 bits" in result.stdout
    assert "load: reading the model" in result.stderr
    assert "measure: running samples (3/100)" in result.stderr
    assert "\x1b" not in result.stdout + result.stderr


def test_quiet_prints_nothing(run: Run, pipeline: FakePipeline) -> None:
    result = run(*_ARGUMENTS, "--quiet")
    assert result.stdout == ""
    assert result.stderr == ""


def test_json_is_the_report_and_nothing_else(run: Run, pipeline: FakePipeline) -> None:
    result = run(*_ARGUMENTS, "--json", "--quiet")
    assert Report.model_validate(json.loads(result.stdout)) == pipeline.report
    assert result.stderr == ""


@pytest.mark.parametrize("flags", [(), ("--json",), ("--quiet",)])
def test_budgets_that_do_not_hold_have_their_own_status(
    run: Run, pipeline: FakePipeline, flags: tuple[str, ...]
) -> None:
    pipeline.report = report(limit_ms=30)
    assert run(*_ARGUMENTS, *flags).exit_code == 3


def test_error_is_one_line_and_a_hint(run: Run, pipeline: FakePipeline) -> None:
    pipeline.error = ModelError("net.onnx: no operator [Erf] is known", "use another activation")
    result = run(*_ARGUMENTS, "--quiet")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "error: net.onnx: no operator [Erf] is known",
        "hint:  use another activation",
    ]


def test_verbose_shows_where_an_error_came_from(run: Run, pipeline: FakePipeline) -> None:
    pipeline.error = ModelError("net.onnx is broken")
    assert "Traceback" in run(*_ARGUMENTS, "-v").stderr
    assert "Traceback" not in run(*_ARGUMENTS).stderr


def test_fault_of_sqtvm_is_no_traceback(run: Run, pipeline: FakePipeline) -> None:
    pipeline.error = ZeroDivisionError("division by zero")
    result = run(*_ARGUMENTS, "--quiet")
    assert result.exit_code == 1
    assert "ZeroDivisionError: division by zero" in result.stderr
    assert "fault in sqtvm" in result.stderr
    assert "Traceback" not in result.stderr


def test_interruption_has_its_own_status(run: Run, pipeline: FakePipeline) -> None:
    pipeline.error = KeyboardInterrupt()
    assert run(*_ARGUMENTS).exit_code == 130


@pytest.mark.parametrize(
    "flags",
    [
        ("--budget-flash", "64q"),
        ("--budget-ms", "fast"),
        ("--budget-ms", "0"),
        ("--max-drop", "-1"),
        ("--measure", "usb"),
        ("--meter", "oscilloscope"),
        ("--budget-mj", "0"),
        ("--seed", "-1"),
        ("--no-such-flag",),
    ],
)
def test_wrong_usage(run: Run, pipeline: FakePipeline, flags: tuple[str, ...]) -> None:
    result = run(*_ARGUMENTS, *flags)
    assert result.exit_code == 2
    assert flags[0] in result.stderr
    assert pipeline.asked == []


def test_nothing_to_deploy(run: Run, pipeline: FakePipeline) -> None:
    result = run("deploy", "--quiet")
    assert result.exit_code == 1
    assert "no model is given" in result.stderr
    assert "sqtvm init" in result.stderr


def test_mistake_in_the_file_names_it(run: Run, pipeline: FakePipeline) -> None:
    Path("sqtvm.toml").write_text("[budget]\nms = 'fast'\n")
    result = run("deploy", "--quiet")
    assert result.exit_code == 1
    assert "sqtvm.toml: budget.ms" in result.stderr
