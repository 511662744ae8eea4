"""Trains ResNet-8 on Fashion-MNIST and leaves weights.pt."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).resolve().parents[1]))

from fashion_mnist import test, train
from resnet8 import WEIGHTS, ResNet8
from training import accuracy, fit, mirrored_and_shifted, save, tensors

SEED = 0
EPOCHS = 8


def main() -> None:
    torch.manual_seed(SEED)
    model = ResNet8()
    fit(model, *tensors(train()), seed=SEED, epochs=EPOCHS, augment=mirrored_and_shifted)
    print(f"test accuracy {accuracy(model, *tensors(test())):.2f} %")
    save(model, WEIGHTS)


if __name__ == "__main__":
    main()
