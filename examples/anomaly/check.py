"""The score of the deployed firmware, from what it gives in the emulator: run after a deployment.

python check.py [FIRMWARE]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from autoencoder import trained
from score import area_under_curve, errors, reconstructed
from sneakers import test

import sqtvm.api
from sqtvm.firmware.archive import read_archive

SAMPLES = 400


def main() -> None:
    firmware = Path(sys.argv[1] if len(sys.argv) > 1 else "sqtvm-out/firmware")
    images, anomalous = test().tensors
    chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(1))[:SAMPLES]
    x, y = images[chosen].numpy(), anomalous[chosen].numpy()
    result = sqtvm.api.run(firmware, (x, np.zeros(len(x), np.int64)))
    output = read_archive(firmware.parent / "model.tar").output
    there = output.scale * (result.measurement.outputs.astype(np.float32) - output.zero_point)
    for name, found in (("float", reconstructed(trained(), x)), ("firmware", there)):
        print(f"{name}: area under the ROC curve {area_under_curve(errors(x, found), y):.4f}")


if __name__ == "__main__":
    main()
