"""Trains MobileNetV1-0.25 on Fashion-MNIST and leaves weights.pt."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).resolve().parents[1]))

from data import test, train
from mobilenet import WEIGHTS, MobileNetV1
from training import accuracy, fit, mirrored_and_shifted, save, tensors

SEED = 0
EPOCHS = 5


def main() -> None:
    torch.manual_seed(SEED)
    model = MobileNetV1()
    fit(model, *tensors(train()), seed=SEED, epochs=EPOCHS, augment=mirrored_and_shifted)
    print(f"test accuracy {accuracy(model, *tensors(test())):.2f} %")
    save(model, WEIGHTS)


if __name__ == "__main__":
    main()
