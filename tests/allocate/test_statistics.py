from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sqtvm.allocate.sigma_clusters import cluster_bits, cluster_by_sigma
from sqtvm.allocate.statistics import kl_divergence, weight_statistics
from tests.allocate.problems import chain


def test_divergence_grows_as_bits_fall() -> None:
    for name, entry in weight_statistics(chain((32, 32, 64, 16))).items():
        assert 0 <= entry.kl[8] < entry.kl[4] < entry.kl[2], name


def test_sigma_does_not_depend_on_the_scale_of_a_channel() -> None:
    graph = chain((16, 16))
    op = graph["conv0"].op
    scaled = op.weight * np.arange(1, 17, dtype=np.float32).reshape(-1, 1, 1, 1)  # type: ignore[union-attr]
    other = graph.with_parameters({"conv0": (scaled, np.zeros(16, np.float32))})
    assert weight_statistics(other)["conv0"].sigma == pytest.approx(
        weight_statistics(graph)["conv0"].sigma, rel=1e-5
    )


@given(st.integers(0, 1000))
def test_a_distribution_does_not_diverge_from_itself(seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=500).astype(np.float32)
    assert kl_divergence(values, values) == 0
    assert kl_divergence(values, np.zeros_like(values)) > 0


@settings(deadline=None)
@example([1.0, 0.5, 0.9999999999999999], 0)
@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=12), st.integers(0, 100))
def test_clusters_are_ordered_by_sigma(sigma: list[float], seed: int) -> None:
    named = {f"layer{number}": value for number, value in enumerate(sigma)}
    clusters = cluster_by_sigma(named, seed)
    assert clusters == cluster_by_sigma(named, seed)
    assert set(clusters.values()) == set(range(max(clusters.values()) + 1))
    for a in named:
        for b in named:
            if clusters[a] < clusters[b]:
                assert named[a] <= named[b] + 1e-12


def test_wider_clusters_never_get_fewer_bits() -> None:
    ways = cluster_bits(3)
    assert ways[0] == (8, 8, 8)
    assert ways[-1] == (2, 2, 2)
    assert len(ways) == 10
    assert all(way[0] <= way[1] <= way[2] for way in ways)
