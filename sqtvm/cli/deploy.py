"""``sqtvm deploy``: the whole line."""

from __future__ import annotations

import typer

from sqtvm.cli import options
from sqtvm.cli.console import STARTING, session, show, show_text
from sqtvm.cli.status import ExitStatus


def deploy(
    model: options.ModelArgument = None,
    board: options.Board = None,
    data: options.Data = None,
    calibration: options.Calibration = None,
    training: options.Training = None,
    loss: options.LossOption = None,
    budget_ms: options.BudgetMs = None,
    budget_flash: options.BudgetFlash = None,
    budget_ram: options.BudgetRam = None,
    budget_mj: options.BudgetMj = None,
    budget_bops: options.BudgetBops = None,
    max_drop: options.MaxDrop = None,
    measure: options.Measure = None,
    meter: options.Meter = None,
    method: options.Method = None,
    fine_tune: options.FineTune = None,
    verify_samples: options.VerifySamples = None,
    candidates: options.Candidates = None,
    executor: options.ExecutorOption = None,
    seed: options.Seed = None,
    out: options.Out = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Make firmware that holds the budgets, measure it, and report.

    Chooses the bits of every layer, compiles, builds and measures, and lets what was measured
    guide the next choice, until the budgets hold or cannot be held. Leaves report.json,
    report.html and the firmware project in the output folder.

    [bold]Examples[/]

    \b
    sqtvm deploy --board stm32f746 --budget-ms 50
    sqtvm deploy net.onnx --data test.npz --board stm32f746 --budget-flash 64k --max-drop 1
    sqtvm deploy my_nets:lenet --data my_data:test --training my_data:train --board stm32f746
    sqtvm deploy --measure serial:/dev/ttyACM0 --json --quiet > report.json
    """
    with session(quiet, verbose) as on_progress:
        on_progress(STARTING)
        from sqtvm import pipeline
        from sqtvm.report.terminal import render_terminal
        from sqtvm.report.write import to_json

        settings = options.settings_from(
            {
                "model": model,
                "data": data,
                "calibration": calibration,
                "training": training,
                "loss": loss,
                "board": board,
                "out": out,
                "measure": measure,
                "seed": seed,
                "method": method,
                "fine_tune": fine_tune,
                "verify_samples": verify_samples,
                "candidates": candidates,
                "executor": executor,
                "meter": meter,
                "budget": options.budget_flags(
                    budget_ms, budget_flash, budget_ram, max_drop, budget_mj, budget_bops
                ),
            },
            ("model", "data", "board"),
        )
        result = pipeline.deploy(settings, on_progress)
    if as_json:
        show_text(to_json(result.report))
    else:
        show(render_terminal(result.report), quiet)
        show(f"\nReport and firmware: {settings.out}", quiet)
    if not result.report.met:
        raise typer.Exit(ExitStatus.BUDGET)
