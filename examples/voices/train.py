"""Trains DS-CNN to tell five voices apart and leaves weights.pt."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).resolve().parents[1]))

from ds_cnn import WEIGHTS, DsCnn
from training import accuracy, fit, save, tensors
from voices import test, train

SEED = 0
EPOCHS = 8


def main() -> None:
    torch.manual_seed(SEED)
    model = DsCnn()
    fit(model, *tensors(train()), seed=SEED, epochs=EPOCHS)
    print(f"test accuracy {accuracy(model, *tensors(test())):.2f} %")
    save(model, WEIGHTS)


if __name__ == "__main__":
    main()
