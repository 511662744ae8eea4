from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from sqtvm.errors import ModelError
from sqtvm.frontend.graph import Add, AvgPool2d, Clamp, Concat, Conv2d, Flatten, Graph, Linear
from sqtvm.frontend.torch_export import import_torch
from tests.frontend.agreement import assert_same_output, samples
from tests.frontend.networks import Shape, networks
from tests.frontend.operators import MAP, OPERATORS, SERIES, VECTOR, Call, operator


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_gives_what_torch_gives(name: str) -> None:
    module, shape = operator(name)
    x = samples(shape)
    assert_same_output(import_torch(module, x[:1]), module, x)


@pytest.mark.parametrize("name", networks())
def test_networks_give_what_torch_gives(name: str) -> None:
    module, shape = networks()[name]
    x = samples(shape)
    assert_same_output(import_torch(module, x), module, x)


def imported(name: str) -> Graph:
    module, shape = operator(name)
    return import_torch(module, samples(shape))


def kinds(graph: Graph) -> list[type]:
    return [type(node.op) for node in graph.nodes[1:]]


def test_names_are_module_paths() -> None:
    module, shape = networks()["resnet8"]
    graph = import_torch(module, samples(shape))
    assert [node.name for node in graph.nodes][:6] == [
        "input",
        "0.0",
        "1.first.0",
        "1.second.0",
        "1.add",
        "2.first.0",
    ]
    assert [node.name for node in graph.nodes][-3:] == ["4", "5", "6"]


def test_a_module_called_twice_gives_two_names() -> None:
    module = Call(lambda x, conv: conv(conv(x)), nn.Conv2d(4, 4, 1))
    graph = import_torch(module, samples(MAP))
    assert [node.name for node in graph.nodes] == ["input", "layers.0", "layers.0_1"]


def test_a_module_may_be_called_input() -> None:
    module = nn.Sequential()
    module.add_module("input", nn.Conv2d(4, 4, 1))
    graph = import_torch(module, samples(MAP))
    assert [node.name for node in graph.nodes] == ["input", "input_1"]


def test_norms_pads_and_clamps_merge() -> None:
    module, shape = networks()["mobilenet_v1"]
    graph = import_torch(module, samples(shape))
    assert set(kinds(graph)) - {Conv2d} == {
        AvgPool2d,
        Flatten,
        Linear,
        type(graph.output.op),
    }
    stem = graph["stem.0"]
    assert isinstance(stem.op, Conv2d)
    assert stem.op.padding == (0, 0, 1, 1)
    assert stem.activation == Clamp(0.0, 6.0)


@pytest.mark.parametrize("name", ["norm folded", "norm of series", "norm twice"])
def test_a_norm_behind_a_convolution_folds(name: str) -> None:
    assert kinds(imported(name)) == [Conv2d]


@pytest.mark.parametrize("name", ["norm of vector", "norm before linear"])
def test_a_norm_beside_a_linear_layer_folds(name: str) -> None:
    assert kinds(imported(name)) == [Linear]


def test_a_norm_without_a_layer_is_a_depthwise_convolution() -> None:
    graph = imported("norm after relu")
    assert kinds(graph) == [Clamp, Conv2d]
    op = graph.output.op
    assert isinstance(op, Conv2d)
    assert (op.groups, op.weight.shape) == (4, (4, 1, 1, 1))


def test_clamps_in_a_row_become_one_activation() -> None:
    graph = imported("clamps in a row")
    assert kinds(graph) == [Conv2d]
    assert graph.output.activation == Clamp(0.0, 1.0)


def test_a_clamp_of_what_others_read_stays() -> None:
    conv = nn.Conv2d(4, 4, 1)

    def forward(x: Tensor, conv: nn.Module) -> Tensor:
        y: Tensor = conv(x)
        return y.relu() + y

    graph = import_torch(Call(forward, conv).eval(), samples(MAP))
    assert kinds(graph) == [Conv2d, Clamp, Add]


def test_concat_and_add_take_their_clamp() -> None:
    assert imported("concat").output.activation == Clamp(0.0, float("inf"))
    assert kinds(imported("concat")) == [Conv2d, Concat]


def test_a_series_has_height_one() -> None:
    graph = imported("conv1d")
    assert graph.input.shape == (4, 1, 16)
    assert graph.output.shape == (6, 1, 7)


def test_what_the_output_does_not_need_is_gone() -> None:
    def forward(x: Tensor, used: nn.Module, unused: nn.Module) -> Tensor:
        unused(x)
        result: Tensor = used(x)
        return result

    module = Call(forward, nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3)).eval()
    assert [node.name for node in import_torch(module, samples(MAP)).nodes] == ["input", "layers.0"]


def with_nan() -> nn.Module:
    module = nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 1))
    with torch.no_grad():
        next(module.parameters())[0, 0] = float("nan")
    return module


def bad_norm() -> nn.Module:
    norm = nn.BatchNorm2d(4)
    assert norm.running_var is not None
    norm.running_var.fill_(-1.0)
    return nn.Sequential(nn.Conv2d(4, 4, 1), norm)


class TwoInputs(nn.Module):
    def forward(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x.relu(), x + 1


UNSUPPORTED: dict[str, tuple[Callable[[], nn.Module], Shape, str]] = {
    "gelu": (
        lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.GELU()),
        MAP,
        "aten.gelu in 1 is not supported",
    ),
    "log_softmax": (
        lambda: nn.Sequential(nn.Linear(12, 3), nn.LogSoftmax(1)),
        VECTOR,
        "aten.log_softmax in 1 is not supported",
    ),
    "of the model itself": (
        lambda: Call(lambda x: x.sin()),
        MAP,
        "aten.sin in the forward of the model is not supported",
    ),
    "transposed": (
        lambda: nn.Sequential(nn.ConvTranspose2d(4, 4, 2)),
        MAP,
        "aten.conv_transpose2d in 0 is not supported",
    ),
    "dilation": (
        lambda: nn.Sequential(nn.Conv2d(4, 4, 3, dilation=2)),
        MAP,
        "0 has dilation [2, 2]",
    ),
    "reflecting pad": (
        lambda: nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(4, 4, 1)),
        MAP,
        "aten.pad in 0 pads by reflect",
    ),
    "pad of channels": (
        lambda: Call(
            lambda x, conv: conv(nn.functional.pad(x, (0, 0, 0, 0, 1, 1))), nn.Conv2d(6, 2, 1)
        ),
        MAP,
        "pads channels or samples",
    ),
    "pad alone": (lambda: nn.Sequential(nn.ZeroPad2d(1), nn.ReLU()), MAP, "0 pads with 0 what"),
    "pad of ones": (
        lambda: nn.Sequential(nn.ConstantPad2d(1, 1.0), nn.Conv2d(4, 4, 1)),
        MAP,
        "0 pads with 1 what",
    ),
    "zeros before max pool": (
        lambda: nn.Sequential(nn.ZeroPad2d(1), nn.MaxPool2d(3)),
        MAP,
        "0 pads with 0 what",
    ),
    "cropping": (
        lambda: nn.Sequential(nn.ZeroPad2d(-1), nn.Conv2d(4, 4, 1)),
        MAP,
        "0 has negative padding",
    ),
    "padding left out of the mean": (
        lambda: nn.Sequential(nn.AvgPool2d(3, 2, 1, count_include_pad=False)),
        MAP,
        "0 is an average pooling that leaves its padding out",
    ),
    "windows over the edge": (
        lambda: nn.Sequential(nn.AvgPool2d(2, ceil_mode=True)),
        MAP,
        "0 is an average pooling with windows over the edge",
    ),
    "divisor": (
        lambda: nn.Sequential(nn.AvgPool2d(2, divisor_override=3)),
        MAP,
        "aten.avg_pool2d in 0 has a divisor_override",
    ),
    "dilated pooling": (
        lambda: nn.Sequential(nn.MaxPool2d(2, dilation=2)),
        MAP,
        "aten.max_pool2d in 0 has a dilation",
    ),
    "adaptive that does not divide": (
        lambda: nn.Sequential(nn.AdaptiveAvgPool2d(2)),
        MAP,
        "0 pools 9x7 to 2x2, which does not divide it",
    ),
    "mean of channels": (lambda: Call(lambda x: x.mean(1)), MAP, "mean along dimensions [1]"),
    "mean of the batch": (lambda: Call(lambda x: x.mean(0)), MAP, "works along the batch"),
    "mean along width": (lambda: Call(lambda x: x.mean(3)), MAP, "mean along dimensions [3]"),
    "reshape": (lambda: Call(lambda x: x.reshape(-1, 36, 7)), MAP, "reshapes [4, 9, 7] to [36, 7]"),
    "reshape of the batch": (lambda: Call(lambda x: x.reshape(-1)), MAP, "reshapes"),
    "transpose": (
        lambda: Call(lambda x: x.transpose(1, 2)),
        MAP,
        "aten.transpose in the forward of the model is not supported",
    ),
    "linear over a map": (lambda: nn.Sequential(nn.Linear(7, 3)), MAP, "0 is a linear layer over"),
    "concat along width": (lambda: Call(lambda x: torch.cat([x, x], 3)), MAP, "along dimension 3"),
    "softmax along width": (lambda: Call(lambda x: x.softmax(3)), MAP, "along dimension 3"),
    "product": (lambda: Call(lambda x: x * x.relu()), MAP, "multiplies layers"),
    "difference": (lambda: Call(lambda x: x - x.relu()), MAP, "subtracts layers"),
    "scaled sum": (
        lambda: Call(lambda x: torch.add(x, x.relu(), alpha=2)),
        MAP,
        "scales what it adds",
    ),
    "sum of shapes": (lambda: Call(lambda x: x + x.mean((2, 3), keepdim=True)), MAP, "adds 4x9x7"),
    "constant of a map": (
        lambda: Call(lambda x: x + torch.tensor([1.0, 2, 3, 4, 5, 6, 7])),
        MAP,
        "with a constant of shape [7]",
    ),
    "norm without a layer": (
        lambda: nn.Sequential(nn.ReLU(), nn.BatchNorm1d(12)),
        VECTOR,
        "1 norms a vector",
    ),
    "doubles": (lambda: Call(lambda x: x.double()), MAP, "converts to torch.float64"),
    "NaN": (with_nan, MAP, "the weights of 1 contain NaN or infinity"),
    "negative variance": (bad_norm, MAP, "the batch norm of 1 contain NaN"),
    "two outputs": (TwoInputs, MAP, "the model has 2 outputs, not one"),
    "nothing": (nn.Identity, MAP, "the model gives its input back"),
    "constant": (lambda: Call(lambda x: torch.ones(2, 3)), MAP, "does not depend on its input"),
    "five dimensions": (lambda: nn.Sequential(nn.ReLU()), (4, 3, 3, 3), "the model's input has"),
    "wrong input": (lambda: nn.Conv2d(3, 4, 1), MAP, "torch.export cannot follow Conv2d"),
    "branch on data": (
        lambda: Call(lambda x: x.relu() if x.sum() > 0 else x + 1),
        SERIES,
        "torch.export cannot follow Call",
    ),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_errors_name_the_operator_and_the_module(name: str) -> None:
    make, shape, message = UNSUPPORTED[name]
    with pytest.raises(ModelError) as caught:
        import_torch(make().eval(), samples(shape))
    text = str(caught.value)
    if message not in text:
        pytest.fail(f"the error is {text!r}")
    assert "\n" not in text
    assert caught.value.hint


def test_training_mode_is_an_error() -> None:
    module = nn.Sequential(nn.Conv2d(4, 4, 1), nn.Dropout()).train()
    with pytest.raises(ModelError, match=r"dropout in 1 is in training mode"):
        import_torch(module, samples(MAP))
