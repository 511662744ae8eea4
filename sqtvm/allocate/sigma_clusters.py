"""SigmaQuant's first phase: layers in clusters by the spread of their weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.cluster import KMeans

from sqtvm.allocate.budget import BITS


def cluster_by_sigma(sigma: Mapping[str, float], seed: int) -> Mapping[str, int]:
    """The cluster of each layer, 0 the narrowest; at most one cluster a choice of bits.

    K-means on the one dimension; fewer clusters where there are fewer distinct values.
    """
    # Values that differ by a rounding error alone are one: their order must not get lost.
    values = np.round(np.array(list(sigma.values()), np.float64).reshape(-1, 1), 12)
    count = min(len(BITS), len(np.unique(values)))
    fitted = KMeans(n_clusters=count, n_init=10, random_state=seed).fit(values)
    centres = fitted.cluster_centers_.reshape(-1)
    # Close values can leave a cluster empty.
    used = sorted({int(label) for label in fitted.labels_}, key=lambda label: float(centres[label]))
    rank = {label: position for position, label in enumerate(used)}
    return {name: rank[int(label)] for name, label in zip(sigma, fitted.labels_, strict=True)}


def cluster_bits(clusters: int) -> list[tuple[int, ...]]:
    """Every way to give the clusters bits so that a wider one never has fewer, most bits first.

    An entry holds the bits of cluster 0, 1, ...
    """
    ways: list[tuple[int, ...]] = [()]
    for _ in range(clusters):
        ways = [(*way, bits) for way in ways for bits in BITS if not way or bits >= way[-1]]
    return sorted(ways, key=lambda way: (-sum(way), way))
