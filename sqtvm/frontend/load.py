"""The load stage: a model and its data, from what the user names."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import nn

from sqtvm.errors import DataError, ModelError
from sqtvm.frontend.data import DataSource, check_labels, fit_to_input, load_data
from sqtvm.frontend.factory import call_factory, is_factory
from sqtvm.frontend.graph import Graph
from sqtvm.frontend.model import Model, Samples
from sqtvm.frontend.onnx_import import import_onnx
from sqtvm.frontend.torch_export import import_pt2, import_torch

_MODEL_HINT = "give package.module:factory, a .pt2 of torch.export, or an .onnx"


ModelSource: TypeAlias = nn.Module | str | Path


def source_name(source: ModelSource | DataSource) -> str:
    """What reports call a model or data: the path or factory, or the class of an object."""
    return str(source) if isinstance(source, str | Path) else type(source).__name__


def load_model(
    model_source: ModelSource,
    data_source: DataSource,
    calibration_source: DataSource | None = None,
    training_source: DataSource | None = None,
    *,
    calibration_samples: int = 256,
    seed: int = 0,
) -> Model:
    """The model with its data, fitted to each other.

    model_source: an nn.Module, ``package.module:factory`` giving one, a .pt2 or an .onnx; the
    others: see ``load_data``. Without calibration_source, ``calibration_samples`` are drawn from
    the training data, or from the data, whose evaluation then does without them; at most half
    of it.
    Raises ModelError and DataError, which name what to mend.
    """
    data = load_data(data_source)
    graph = _graph(model_source, data)
    evaluation = _fitted(data, graph)
    if not graph.weighted:
        raise ModelError(
            f"{source_name(model_source)} has no layer with weights: there are no bits to choose",
            "give a network with a convolution or a linear layer",
        )
    training = None
    if training_source is not None:
        training = _fitted(load_data(training_source), graph)
    if calibration_source is not None:
        calibration = _fitted(load_data(calibration_source), graph)
    elif training is not None:
        chosen = _draw(len(training), calibration_samples, seed)
        calibration = _subset(training, chosen)
    else:
        if len(evaluation) < 2:
            raise DataError(
                f"{data.source} has one sample, too few to calibrate and to evaluate",
                "give more samples, or calibration data of its own",
            )
        chosen = _draw(len(evaluation), min(calibration_samples, len(evaluation) // 2), seed)
        rest = np.setdiff1d(np.arange(len(evaluation)), chosen)
        calibration, evaluation = _subset(evaluation, chosen), _subset(evaluation, rest)
    return Model(_name(model_source), graph, calibration, evaluation, training)


def _graph(source: ModelSource, data: Samples) -> Graph:
    if isinstance(source, nn.Module):
        # A copy, for the caller may go on training the one given.
        kept = copy.deepcopy(source).cpu().eval()
        return import_torch(kept, torch.from_numpy(_example(kept, data)))
    spec = str(source)
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


def _name(source: ModelSource) -> str:
    spec = source_name(source)
    if isinstance(source, nn.Module):
        return spec
    return spec if is_factory(spec) else Path(spec).stem
