"""The images of the example beside this one: Fashion-MNIST."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "resnet8"))

from fashion_mnist import calibration, test, train

__all__ = ["calibration", "test", "train"]
