"""The evaluator: what is judged in parts is what is judged at once."""

from __future__ import annotations

import numpy as np

from sqtvm.allocate.evaluate import Evaluator
from sqtvm.frontend.model import Model, Samples
from sqtvm.quantize.calibration import calibrate
from tests.allocate.problems import chain


def _evaluator(samples: int, final_samples: int) -> Evaluator:
    graph = chain((3, 8, 8, 4))
    random = np.random.default_rng(0)
    x = random.normal(size=(1200, *graph.input.shape), scale=8).astype(np.float32)
    model = Model("chain", graph, Samples(x, None, "drawn"), None, None)
    return Evaluator(model, calibrate(graph, x[:64]), samples, 64, 0, final_samples)


def _bits(evaluator: Evaluator, *bits: int) -> dict[str, int]:
    names = [node.name for node in evaluator.graph.weighted]
    return dict(zip(names, bits, strict=True))


def test_parts_add_up_to_the_whole() -> None:
    parts, whole = _evaluator(600, 1200), _evaluator(1200, 0)
    bits = _bits(parts, 4, 2, 8)
    assert parts.glance(bits) != parts.quality(bits) != parts.final_quality(bits)
    assert parts.final_quality(bits) == whole.quality(bits)
    assert parts.evaluations == 1


def test_a_glance_tells_apart_what_differs_much_and_only_that() -> None:
    evaluator = _evaluator(600, 1200)
    fine, coarse = _bits(evaluator, 8, 8, 8), _bits(evaluator, 2, 2, 2)
    assert evaluator.glance(fine).divergence < 0.01, "outputs are ordered alike"
    assert evaluator.clearly_worse(coarse, fine)
    assert not evaluator.clearly_worse(fine, coarse)
    assert not evaluator.clearly_worse(fine, fine)
    assert not evaluator.knows(coarse), "a glance is not the whole"
    assert evaluator.quality(coarse).divergence > evaluator.quality(fine).divergence
    assert evaluator.knows(coarse)
