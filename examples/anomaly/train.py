"""Trains the autoencoder on sneakers and leaves weights.pt."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.nn.functional as functional

sys.path.append(str(Path(__file__).resolve().parents[1]))

from autoencoder import WEIGHTS, Autoencoder
from score import area_under_curve, errors, reconstructed
from sneakers import test, train
from training import fit, save

SEED = 0
EPOCHS = 40


def main() -> None:
    torch.manual_seed(SEED)
    model = Autoencoder()
    images, wanted = train().tensors
    loss = functional.mse_loss
    fit(model, images, wanted, seed=SEED, epochs=EPOCHS, peak_learning_rate=1.0, loss=loss)
    x, anomalous = (tensor.numpy() for tensor in test().tensors)
    area = area_under_curve(errors(x, reconstructed(model, x)), anomalous)
    print(f"area under the ROC curve {area:.4f}")
    save(model, WEIGHTS)


if __name__ == "__main__":
    main()
