"""The networks that small devices run, and settled numbers for their batch norms."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

Shape = tuple[int, ...]


def settle(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module in eval mode, with batch norms that are far from doing nothing."""
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            if part.affine:
                with torch.no_grad():
                    part.weight.uniform_(-1.5, 1.5, generator=generator)
                    part.bias.normal_(generator=generator)
            part.running_mean.normal_(generator=generator)
            part.running_var.uniform_(0.5, 2, generator=generator)
    return module.eval()


def conv_norm(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, relu6: bool = False
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True) if relu6 else nn.ReLU(inplace=True),
    )


class ResidualStack(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = conv_norm(inputs, outputs, 3, stride)
        self.second = nn.Sequential(
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)
        )
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride) if stride > 1 else nn.Identity()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first(x))
        y += self.shortcut(x)
        relu: Tensor = self.relu(y)
        return relu


class ResNet8(nn.Sequential):
    def __init__(self) -> None:
        stacks = [ResidualStack(16, 16, 1), ResidualStack(16, 32, 2), ResidualStack(32, 64, 2)]
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
        super().__init__(conv_norm(3, 16, 3), *stacks, *head)


class MobileNetV1(nn.Module):
    """Width 0.25, for 32x32 pixels, with zeros of its own before the first convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.pad = nn.ZeroPad2d((0, 1, 0, 1))
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
        widths = [8, 16, 32, 32, 64, 64, 128]
        blocks = []
        for index, (inputs, outputs) in enumerate(pairwise(widths)):
            blocks.append(conv_norm(inputs, inputs, 3, 1 + index % 2, inputs, relu6=True))
            blocks.append(conv_norm(inputs, outputs, 1, relu6=True))
        self.blocks = nn.Sequential(*blocks)
        self.drop = nn.Dropout(0.1)
        self.fc = nn.Linear(widths[-1], 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.stem(self.pad(x))).mean([2, 3])
        return self.fc(self.drop(x)).softmax(dim=1)


class InvertedResidual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        hidden = inputs * 6
        self.adds = stride == 1 and inputs == outputs
        self.conv = nn.Sequential(
            *conv_norm(inputs, hidden, 1, relu6=True),
            *conv_norm(hidden, hidden, 3, stride, hidden, relu6=True),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.adds else y


class MobileNetV2(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            conv_norm(3, 8, 3, 2, relu6=True),
            InvertedResidual(8, 8, 1),
            InvertedResidual(8, 16, 2),
            InvertedResidual(16, 16, 1),
            conv_norm(16, 32, 1, relu6=True),
        )
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(32, 10))

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.adaptive_avg_pool2d(self.features(x), (1, 1))
        logits: Tensor = self.classifier(torch.flatten(x, 1))
        return logits


class DsCnn(nn.Module):
    """The keyword spotter: a 10x4 convolution, then depthwise and pointwise ones."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 64, (10, 4), (2, 2), (5, 1), bias=False)
        self.bn = nn.BatchNorm2d(64)
        blocks = [
            nn.Sequential(conv_norm(64, 64, 3, groups=64), conv_norm(64, 64, 1)) for _ in range(2)
        ]
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AvgPool2d((25, 5))
        self.fc = nn.Linear(64, 12)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.blocks(self.bn(self.conv(x)).relu()))
        logits: Tensor = self.fc(x.view(x.size(0), -1))
        return logits


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Hardtanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 10),
    )


def autoencoder() -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise([640, 128, 8, 128]):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(128, 640))


def networks() -> dict[str, tuple[nn.Module, Shape]]:
    """By name: the network, and the shape of one sample."""
    torch.manual_seed(0)
    made = {
        "resnet8": (ResNet8(), (3, 32, 32)),
        "mobilenet_v1": (MobileNetV1(), (3, 32, 32)),
        "mobilenet_v2": (MobileNetV2(), (3, 32, 32)),
        "ds_cnn": (DsCnn(), (1, 49, 10)),
        "lenet": (lenet(), (1, 28, 28)),
        "autoencoder": (autoencoder(), (640,)),
    }
    return {name: (settle(module), shape) for name, (module, shape) in made.items()}
