"""The load stage: a model and its data, from what the user names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from sqtvm.errors import DataError, ModelError
from sqtvm.frontend.data import check_labels, fit_to_input, load_data
from sqtvm.frontend.factory import call_factory, is_factory
from sqtvm.frontend.graph import Graph
from sqtvm.frontend.model import Model, Samples
from sqtvm.frontend.onnx_import import import_onnx
from sqtvm.frontend.torch_export import import_pt2, import_torch

_MODEL_HINT = "give package.module:factory, a .pt2 of torch.export, or an .onnx"


def load_model(
    model_spec: str,
    data_spec: str,
    calibration_spec: str | None = None,
    training_spec: str | None = None,
    *,
    calibration_samples: int = 256,
    seed: int = 0,
) -> Model:
    """The model with its data, fitted to each other.

    model_spec: ``package.module:factory`` giving an nn.Module, a .pt2 or an .onnx; the others:
    see ``load_data``. Without calibration_spec, ``calibration_samples`` are drawn from the
    training data, or from the data, whose evaluation then does without them; at most half of it.
    Raises ModelError and DataError, which name what to mend.
    """
    data = load_data(data_spec)
    graph = _graph(model_spec, data)
    evaluation = _fitted(data, graph)
    training = _fitted(load_data(training_spec), graph) if training_spec else None
    if calibration_spec:
        calibration = _fitted(load_data(calibration_spec), graph)
    elif training is not None:
        chosen = _draw(len(training), calibration_samples, seed)
        calibration = _subset(training, chosen)
    else:
        if len(evaluation) < 2:
            raise DataError(
                f"{data_spec} has one sample, too few to calibrate and to evaluate",
                "give more samples, or calibration data of its own",
            )
        chosen = _draw(len(evaluation), min(calibration_samples, len(evaluation) // 2), seed)
        rest = np.setdiff1d(np.arange(len(evaluation)), chosen)
        calibration, evaluation = _subset(evaluation, chosen), _subset(evaluation, rest)
    return Model(_name(model_spec), graph, calibration, evaluation, training)


def _graph(spec: str, data: Samples) -> Graph:
    if is_factory(spec):
        module = call_factory(spec, ModelError)
        if not isinstance(module, nn.Module):
            raise ModelError(
                f"{spec} gives a {type(module).__name__}, not a torch module", _MODEL_HINT
            )
        return import_torch(module.eval(), torch.from_numpy(_example(module, data)))
    suffix = Path(spec).suffix
    if suffix == ".pt2":
        return import_pt2(Path(spec))
    if suffix == ".onnx":
        return import_onnx(Path(spec))
    raise ModelError(f"{spec} is no model that sqtvm reads", _MODEL_HINT)


def _example(module: nn.Module, data: Samples) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """One sample as a batch; grey images without channels get them for a 2-d network."""
    x = data.x[:1]
    two_dimensional = any(isinstance(part, nn.Conv2d) for part in module.modules())
    one_dimensional = any(isinstance(part, nn.Conv1d) for part in module.modules())
    if x.ndim == 3 and two_dimensional and not one_dimensional:
        return x[:, None]
    if x.ndim == 2 and one_dimensional:
        return x[:, None]
    return x


def _fitted(samples: Samples, graph: Graph) -> Samples:
    fitted = fit_to_input(samples, graph.input.shape)
    check_labels(fitted, int(np.prod(graph.output.shape)))
    return fitted


def _draw(count: int, wanted: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    drawn = np.random.default_rng(seed).choice(count, min(wanted, count), replace=False)
    return np.sort(drawn)


def _subset(samples: Samples, chosen: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Samples:
    y = None if samples.y is None else samples.y[chosen]
    return replace(samples, x=samples.x[chosen], y=y)


def _name(spec: str) -> str:
    return spec if is_factory(spec) else Path(spec).stem
