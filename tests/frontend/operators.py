"""One small module for every operator and setting that the frontend knows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.frontend.networks import Shape, settle


class Call(nn.Module):
    """A function of the input as a module, maybe with a layer that it uses."""

    def __init__(self, function: Callable[..., Tensor], *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, *self.layers)


MAP = (4, 9, 7)
SERIES = (4, 16)
VECTOR = (12,)

OPERATORS: dict[str, tuple[Callable[[], nn.Module], Shape]] = {
    "conv": (lambda: nn.Conv2d(4, 6, 3), MAP),
    "conv strided": (lambda: nn.Conv2d(4, 6, 3, stride=(2, 1), padding=(1, 2)), MAP),
    "conv same": (lambda: nn.Conv2d(4, 6, (4, 3), padding="same"), MAP),
    "conv valid": (lambda: nn.Conv2d(4, 6, 3, padding="valid"), MAP),
    "conv grouped": (lambda: nn.Conv2d(4, 6, 3, groups=2, bias=False), MAP),
    "conv depthwise": (lambda: nn.Conv2d(4, 8, 3, groups=4), MAP),
    "conv pointwise": (lambda: nn.Conv2d(4, 6, 1), MAP),
    "conv not square": (lambda: nn.Conv2d(4, 6, (1, 5), padding=(0, 2)), MAP),
    "conv1d": (lambda: nn.Conv1d(4, 6, 5, stride=2, padding=1), SERIES),
    "conv1d same": (lambda: nn.Conv1d(4, 6, 4, padding="same"), SERIES),
    "conv1d depthwise": (lambda: nn.Conv1d(4, 4, 3, groups=4), SERIES),
    "linear": (lambda: nn.Linear(12, 5), VECTOR),
    "linear without bias": (lambda: nn.Linear(12, 5, bias=False), VECTOR),
    "norm folded": (lambda: nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6)), MAP),
    "norm of series": (lambda: nn.Sequential(nn.Conv1d(4, 6, 3), nn.BatchNorm1d(6)), SERIES),
    "norm of vector": (lambda: nn.Sequential(nn.Linear(12, 6), nn.BatchNorm1d(6)), VECTOR),
    "norm before linear": (lambda: nn.Sequential(nn.BatchNorm1d(12), nn.Linear(12, 6)), VECTOR),
    "norm alone": (lambda: nn.BatchNorm2d(4), MAP),
    "norm after relu": (lambda: nn.Sequential(nn.ReLU(), nn.BatchNorm2d(4)), MAP),
    "norm not affine": (
        lambda: nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6, affine=False)),
        MAP,
    ),
    "norm of what two read": (
        lambda: Call(lambda x, conv, norm: conv(x) + norm(conv(x)), *_conv_and_norm()),
        MAP,
    ),
    "norm twice": (
        lambda: nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.BatchNorm2d(6)),
        MAP,
    ),
    "relu": (lambda: nn.ReLU(), MAP),
    "relu in place": (lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(inplace=True)), MAP),
    "relu6": (lambda: nn.ReLU6(), MAP),
    "hardtanh": (lambda: nn.Hardtanh(-0.3, 0.7), MAP),
    "clamp": (lambda: Call(lambda x: x.clamp(-0.5, 0.25)), MAP),
    "clamp below": (lambda: Call(lambda x: torch.clamp(x, max=0.25)), MAP),
    "clamp above": (lambda: Call(lambda x: torch.clamp_min(x, 0.25)), MAP),
    "clamps in a row": (
        lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.Hardtanh(), nn.ReLU(), nn.ReLU6()),
        MAP,
    ),
    "clamp of what two read": (
        lambda: Call(lambda x, conv: conv(x).relu() + conv(x), nn.Conv2d(4, 4, 1)),
        MAP,
    ),
    "add": (lambda: Call(lambda x, conv: x + conv(x), nn.Conv2d(4, 4, 1)), MAP),
    "add itself": (lambda: Call(lambda x: x + x), MAP),
    "add in place": (lambda: Call(_add_in_place, nn.Conv2d(4, 4, 1)), MAP),
    "constants": (lambda: Call(lambda x: (x - 0.5) / 0.25 * 2 + 1), MAP),
    "constant a channel": (lambda: Call(_normalized), MAP),
    "max pool": (lambda: nn.MaxPool2d(3, 2, padding=1), MAP),
    "max pool ceil": (lambda: nn.MaxPool2d(2, 2, ceil_mode=True), MAP),
    "max pool not square": (lambda: nn.MaxPool2d((2, 3), stride=(1, 2)), MAP),
    "max pool of series": (lambda: nn.MaxPool1d(3, 2, padding=1), SERIES),
    "avg pool": (lambda: nn.AvgPool2d(3, 2, padding=1), MAP),
    "avg pool ceil that divides": (lambda: nn.AvgPool2d((3, 7), ceil_mode=True), MAP),
    "avg pool without padding": (lambda: nn.AvgPool2d(2, count_include_pad=False), MAP),
    "avg pool of series": (lambda: nn.AvgPool1d(4), SERIES),
    "adaptive avg pool": (lambda: nn.AdaptiveAvgPool2d((3, 1)), MAP),
    "adaptive avg pool keeping": (lambda: nn.AdaptiveAvgPool2d((None, 1)), MAP),
    "adaptive avg pool of series": (lambda: nn.AdaptiveAvgPool1d(4), SERIES),
    "adaptive max pool": (lambda: nn.AdaptiveMaxPool2d((3, 7)), MAP),
    "adaptive max pool of series": (lambda: nn.AdaptiveMaxPool1d(1), SERIES),
    "mean": (lambda: Call(lambda x: x.mean((2, 3))), MAP),
    "mean kept": (lambda: Call(lambda x: x.mean((-1, -2), keepdim=True)), MAP),
    "mean along height": (lambda: Call(lambda x: x.mean(2, keepdim=True)), MAP),
    "mean to series": (
        lambda: Call(lambda x, conv: conv(x.mean(2)), nn.Conv1d(4, 3, 3)),
        MAP,
    ),
    "mean of series": (lambda: Call(lambda x: x.mean(-1)), SERIES),
    "flatten": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(252, 5)), MAP),
    "flatten of series": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 5)), SERIES),
    "view": (lambda: Call(lambda x: x.view(x.size(0), -1)), MAP),
    "reshape": (lambda: Call(lambda x: x.reshape(-1, 252)), MAP),
    "squeeze": (lambda: Call(lambda x: x.mean((2, 3), keepdim=True).squeeze()), MAP),
    "squeeze one by one": (
        lambda: Call(lambda x: x.mean((2, 3), keepdim=True).squeeze(3).squeeze(2)),
        MAP,
    ),
    "series and back": (
        lambda: Call(
            lambda x, wide, long: long(wide(x.unsqueeze(2)).squeeze(2)),
            nn.Conv2d(4, 4, (1, 3)),
            nn.Conv1d(4, 2, 3),
        ),
        SERIES,
    ),
    "concat": (
        lambda: Call(lambda x, conv: torch.cat([x, conv(x), x], 1).relu(), nn.Conv2d(4, 2, 1)),
        MAP,
    ),
    "concat of vectors": (lambda: Call(lambda x, fc: torch.cat([x, fc(x)], -1), _fc()), VECTOR),
    "softmax": (lambda: nn.Softmax(dim=1), VECTOR),
    "softmax of channels": (lambda: nn.Softmax(dim=1), MAP),
    "dropout": (lambda: nn.Sequential(nn.Dropout(), nn.Conv2d(4, 4, 1), nn.Dropout2d()), MAP),
    "identity": (lambda: nn.Sequential(nn.Identity(), nn.ReLU(), nn.Identity()), MAP),
    "contiguous": (lambda: Call(lambda x: x.contiguous().float().relu()), MAP),
    "pad": (lambda: nn.Sequential(nn.ZeroPad2d((1, 2, 0, 3)), nn.Conv2d(4, 3, 3)), MAP),
    "pads in a row": (
        lambda: nn.Sequential(nn.ZeroPad2d(1), nn.ZeroPad2d(2), nn.Conv2d(4, 3, 3, padding=1)),
        MAP,
    ),
    "pad of series": (
        lambda: nn.Sequential(nn.ConstantPad1d((2, 1), 0.0), nn.Conv1d(4, 3, 3)),
        SERIES,
    ),
    "pad before avg pool": (lambda: nn.Sequential(nn.ZeroPad2d(1), nn.AvgPool2d(3, 2)), MAP),
    "pad before max pool": (
        lambda: nn.Sequential(nn.ReLU(), nn.ZeroPad2d(1), nn.MaxPool2d(3, 2)),
        MAP,
    ),
    "pad with minus infinity": (
        lambda: nn.Sequential(nn.ConstantPad2d(1, float("-inf")), nn.MaxPool2d(3, 2)),
        MAP,
    ),
    "functions": (
        lambda: Call(
            lambda x: functional.max_pool2d(functional.relu6(x), 2).flatten(1).softmax(-1)
        ),
        MAP,
    ),
}


def _fc() -> nn.Module:
    return nn.Linear(12, 3)


def _conv_and_norm() -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6)


def _add_in_place(x: Tensor, conv: nn.Module) -> Tensor:
    y: Tensor = conv(x)
    y += x
    y.relu_()
    return y + x


def _normalized(x: Tensor) -> Tensor:
    mean = torch.tensor([0.1, 0.2, 0.3, 0.4]).view(1, 4, 1, 1)
    return (x - mean) / torch.tensor([0.5, 0.25, 2.0, 1.0]).view(4, 1, 1)


def operator(name: str) -> tuple[nn.Module, Shape]:
    """The module in eval mode, and the shape of one sample."""
    torch.manual_seed(0)
    make, shape = OPERATORS[name]
    return settle(make()), shape
