"""``sqtvm init``: a commented ``sqtvm.toml`` to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sqtvm.cli import options
from sqtvm.cli.console import session, show
from sqtvm.report.files import write_whole
from sqtvm.settings import SETTINGS_FILE, SettingsError

TEMPLATE = """\
# What `sqtvm deploy` makes when it is run in this folder without a MODEL. Flags win over this.

# package.module:factory that gives a torch.nn.Module, a .pt2 of torch.export, or an .onnx. Only
# a factory runs code; loading a file never does.
model = "my_package.my_module:my_model"

# Samples that accuracy is judged on: an .npz with x and y, or package.module:factory that gives
# a torch Dataset. Nothing is ever chosen by them.
data = "my_package.my_module:test_data"

# A few hundred samples for the ranges of the activations. Default: some of the training data.
# calibration = "calibration.npz"

# Labelled samples that guide the choice of bits, and that fine-tuning trains on.
# training = "my_package.my_module:training_data"

# What training lowers, of logits and labels, instead of the cross-entropy.
# loss = "my_package.my_module:my_loss"

# A name of `sqtvm boards`, or the path of a board file of your own.
board = "stm32f746"

# Where the firmware is measured: "emulator", "serial:PORT" or "none".
# measure = "emulator"

# How many inputs the firmware's outputs are compared on, bit for bit.
# verify_samples = 100

# Train the weights for the chosen bits, or do not; left out, they are trained where more than a
# point of accuracy was lost.
# fine_tune = true

# Of everything random.
# seed = 0

# The folder for the report and the firmware.
# out = "sqtvm-out"

# Limits that must all hold; what is left out is no limit.
[budget]
# Milliseconds of one inference.
ms = 50
# The whole image (weights, code, constants) and all RAM (workspace, static data, stack).
# flash = "64k"
# ram = "48KiB"
# Percentage points of accuracy that may be lost against the float model.
# max_drop = 1.0
"""


def init(
    force: Annotated[bool, typer.Option("--force", help="overwrite a file that is there")] = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Write a commented sqtvm.toml to the current folder.

    [bold]Examples[/]

    \b
    sqtvm init
    sqtvm init && $EDITOR sqtvm.toml && sqtvm deploy
    """
    with session(quiet, verbose):
        path = Path(SETTINGS_FILE)
        if path.exists() and not force:
            raise SettingsError(f"{path} is there already", "sqtvm init --force overwrites it")
        write_whole(path, TEMPLATE.encode())
    show(f"Wrote {path}: name your model, data and board in it, then run sqtvm deploy", quiet)
