"""How well the error of reconstruction tells anomalies: the area under the ROC curve."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import nn


def errors(x: NDArray[np.float32], reconstructed: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean squared error of each sample; both [count, 784]."""
    mean: NDArray[np.float32] = ((x - reconstructed) ** 2).mean(axis=1)
    return mean


@torch.no_grad()
def reconstructed(model: nn.Module, x: NDArray[np.float32]) -> NDArray[np.float32]:
    return model.eval()(torch.from_numpy(x)).numpy()  # type: ignore[no-any-return]


def area_under_curve(scores: NDArray[np.float32], anomalous: NDArray[np.int64]) -> float:
    """The share of pairs in which the anomaly has the higher score; ties count half."""
    ranks = rankdata(scores)
    positives = int(anomalous.sum())
    above = ranks[anomalous == 1].sum() - positives * (positives + 1) / 2
    return float(above / (positives * (len(scores) - positives)))
