"""Trains the activity network and leaves weights.pt."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).resolve().parents[1]))

from accelerometer import test, train
from network import WEIGHTS, ActivityCnn
from training import accuracy, fit, save, tensors

SEED = 0
EPOCHS = 20


def main() -> None:
    torch.manual_seed(SEED)
    model = ActivityCnn()
    fit(model, *tensors(train()), seed=SEED, epochs=EPOCHS)
    print(f"test accuracy {accuracy(model, *tensors(test())):.2f} %")
    save(model, WEIGHTS)


if __name__ == "__main__":
    main()
