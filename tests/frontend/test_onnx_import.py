from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from sqtvm.errors import ModelError
from sqtvm.frontend.execute import execute
from sqtvm.frontend.graph import AvgPool2d, Clamp, Conv2d, Linear
from sqtvm.frontend.onnx_import import import_onnx
from sqtvm.frontend.torch_export import import_torch
from tests.frontend.agreement import assert_same_output, assert_shapes_hold, samples
from tests.frontend.networks import networks

MAP = (4, 9, 7)
SERIES = (4, 16)
VECTOR = (12,)
RANDOM = np.random.default_rng(0)


def numbers(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return RANDOM.normal(size=shape).astype(np.float32)


def positive(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return RANDOM.uniform(0.5, 2, size=shape).astype(np.float32)


def ints(*values: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array(values, np.int64)


def node(kind: str, *constants: Any, inputs: tuple[str, ...] = (), **attributes: Any) -> Any:
    """A node that reads what the one before gives, then ``inputs``, then constants."""
    return kind, inputs, constants, attributes


def model(
    nodes: list[Any], shape: tuple[Any, ...], batch: int | str = "batch", opset: int = 18
) -> onnx.ModelProto:
    made, initializers, before = [], [], "x"
    for index, (kind, inputs, constants, attributes) in enumerate(nodes):
        names = [before, *inputs]
        for position, constant in enumerate(constants):
            name = "" if constant is None else f"constant_{index}_{position}"
            names.append(name)
            if constant is not None:
                initializers.append(numpy_helper.from_array(np.asarray(constant), name))
        before = f"value_{index}"
        made.append(helper.make_node(kind, names, [before], name=f"layer_{index}", **attributes))
    graph = helper.make_graph(
        made,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, *shape])],
        [helper.make_empty_tensor_value_info(before)],
        initializers,
    )
    made_model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9
    )
    # A file must give its output's shape.
    return onnx.shape_inference.infer_shapes(made_model)


OPERATORS: dict[str, tuple[list[Any], tuple[int, ...]]] = {
    "conv": ([node("Conv", numbers(6, 4, 3, 3), numbers(6))], MAP),
    "conv with uneven pads": (
        [node("Conv", numbers(6, 4, 3, 3), pads=[0, 1, 2, 0], strides=[2, 1])],
        MAP,
    ),
    "conv same upper": (
        [node("Conv", numbers(6, 4, 4, 3), auto_pad="SAME_UPPER", strides=[2, 2])],
        MAP,
    ),
    "conv same lower": ([node("Conv", numbers(6, 4, 4, 3), auto_pad="SAME_LOWER")], MAP),
    "conv valid": ([node("Conv", numbers(6, 4, 4, 3), auto_pad="VALID")], MAP),
    "conv depthwise": ([node("Conv", numbers(8, 1, 3, 3), group=4)], MAP),
    "conv1d": ([node("Conv", numbers(6, 4, 3), pads=[1, 2], strides=[2])], SERIES),
    "gemm": ([node("Gemm", numbers(12, 5), numbers(5))], VECTOR),
    "gemm scaled": (
        [node("Gemm", numbers(5, 12), numbers(1, 5), transB=1, alpha=0.5, beta=2.0)],
        VECTOR,
    ),
    "gemm with one bias": ([node("Gemm", numbers(12, 5), numbers(1))], VECTOR),
    "matmul and add": ([node("MatMul", numbers(12, 5)), node("Add", numbers(5))], VECTOR),
    "batch norm": (
        [
            node("Conv", numbers(6, 4, 1, 1)),
            node("BatchNormalization", *(positive(6) for _ in range(4)), epsilon=0.1),
        ],
        MAP,
    ),
    "relu": ([node("Relu")], MAP),
    "clip": ([node("Clip", np.float32(-0.5), np.float32(0.25))], MAP),
    "clip above": ([node("Clip", None, np.float32(0.25))], MAP),
    "add": ([node("Relu"), node("Add", inputs=("x",))], MAP),
    "constants": (
        [
            node("Sub", numbers(1, 4, 1, 1)),
            node("Div", positive(4, 1, 1)),
            node("Mul", np.float32(3)),
            node("Add", np.float32(-1)),
        ],
        MAP,
    ),
    "max pool": (
        [node("MaxPool", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1])],
        MAP,
    ),
    "max pool ceil": ([node("MaxPool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)], MAP),
    "max pool of series": ([node("MaxPool", kernel_shape=[3], strides=[2], pads=[1, 1])], SERIES),
    "average pool": (
        [
            node(
                "AveragePool",
                kernel_shape=[3, 3],
                strides=[2, 2],
                pads=[1, 1, 1, 1],
                count_include_pad=1,
            )
        ],
        MAP,
    ),
    "average pool without pads": ([node("AveragePool", kernel_shape=[2, 3])], MAP),
    "global average pool": ([node("GlobalAveragePool"), node("Flatten")], MAP),
    "global max pool": ([node("GlobalMaxPool"), node("Flatten")], MAP),
    "mean": ([node("ReduceMean", ints(2, 3), keepdims=0)], MAP),
    "mean kept": ([node("ReduceMean", ints(-1, -2))], MAP),
    "flatten": ([node("Flatten"), node("Gemm", numbers(252, 3))], MAP),
    "reshape": ([node("Reshape", ints(0, -1))], MAP),
    "squeeze": ([node("GlobalAveragePool"), node("Squeeze", ints(2, 3))], MAP),
    "series and back": (
        [
            node("Unsqueeze", ints(2)),
            node("Conv", numbers(4, 4, 1, 3)),
            node("Squeeze", ints(2)),
            node("Conv", numbers(2, 4, 3)),
        ],
        SERIES,
    ),
    "concat": ([node("Relu"), node("Concat", inputs=("x", "x"), axis=1)], MAP),
    "softmax": ([node("Softmax")], VECTOR),
    "softmax of channels": ([node("Softmax", axis=1)], MAP),
    "dropout": ([node("Dropout"), node("Identity"), node("Relu")], MAP),
    "pad": (
        [node("Pad", ints(0, 0, 1, 2, 0, 0, 0, 1)), node("Conv", numbers(2, 4, 3, 3))],
        MAP,
    ),
    "pad of axes": (
        [
            node("Pad", ints(1, 2, 0, 1), np.float32(0), ints(2, 3)),
            node("Conv", numbers(2, 4, 3, 3)),
        ],
        MAP,
    ),
    "pad of series": (
        [node("Pad", ints(0, 0, 1, 0, 0, 2)), node("Conv", numbers(2, 4, 3))],
        SERIES,
    ),
    "pad of series by its axis": (
        [
            node("Pad", ints(1, 2), np.float32(0), ints(-1)),
            node("Conv", numbers(2, 4, 3)),
        ],
        SERIES,
    ),
}


def assert_agrees(proto: onnx.ModelProto, shape: tuple[int, ...], path: Path) -> None:
    onnx.save(proto, path)
    x = samples(shape)
    runtime = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    expected = torch.from_numpy(runtime.run(None, {"x": x.numpy()})[0])
    graph = import_onnx(path)
    result = execute(graph, x.reshape(-1, *graph.input.shape))
    torch.testing.assert_close(result.reshape(expected.shape), expected, rtol=1e-4, atol=1e-4)
    assert_shapes_hold(graph, x)


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_gives_what_onnxruntime_gives(name: str, tmp_path: Path) -> None:
    nodes, shape = OPERATORS[name]
    assert_agrees(model(nodes, shape), shape, tmp_path / "net.onnx")


def test_settings_that_were_attributes(tmp_path: Path) -> None:
    nodes = [
        node("Pad", pads=[0, 0, 1, 1, 0, 0, 1, 1], mode="constant", value=0.0),
        node("Conv", numbers(4, 4, 3, 3)),
        node("Clip", min=0.0, max=6.0),
        node("ReduceMean", axes=[2, 3], keepdims=1),
        node("Squeeze", axes=[2, 3]),
    ]
    assert_agrees(model(nodes, MAP, opset=9), MAP, tmp_path / "net.onnx")


def test_shapes_that_are_computed(tmp_path: Path) -> None:
    """As older exporters write x.view(x.size(0), -1)."""
    proto = model([node("Relu"), node("Flatten")], MAP)
    nodes = [
        helper.make_node("Shape", ["value_0"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["size"]),
        helper.make_node("Unsqueeze", ["size", "first"], ["sizes"]),
        helper.make_node("Concat", ["sizes", "rest"], ["wanted"], axis=0),
        helper.make_node("Reshape", ["value_0", "wanted"], ["value_1"]),
    ]
    constants = (("zero", np.array(0)), ("first", ints(0)), ("rest", ints(-1)))
    proto.graph.initializer.extend(numpy_helper.from_array(a, name) for name, a in constants)
    del proto.graph.node[1:]
    proto.graph.node.extend(nodes)
    assert_agrees(proto, MAP, tmp_path / "net.onnx")


@pytest.mark.parametrize("name", networks())
def test_networks_that_torch_exports(name: str, tmp_path: Path) -> None:
    module, shape = networks()[name]
    x = samples(shape)
    torch.onnx.export(module, (x,), tmp_path / "net.onnx", dynamo=True, external_data=False)
    graph, expected = import_onnx(tmp_path / "net.onnx"), import_torch(module, x)
    assert_same_output(graph, module, x)
    assert [n.name for n in graph.weighted] == [n.name for n in expected.weighted]
    assert [type(n.op) for n in graph.nodes] == [type(n.op) for n in expected.nodes]


def test_norms_and_clips_merge(tmp_path: Path) -> None:
    nodes, shape = OPERATORS["batch norm"]
    onnx.save(model([*nodes, node("Relu")], shape), tmp_path / "net.onnx")
    (_, conv) = import_onnx(tmp_path / "net.onnx").nodes
    assert isinstance(conv.op, Conv2d)
    assert (conv.name, conv.activation) == ("layer_0", Clamp(0.0, float("inf")))


def test_matmul_and_add_are_one_linear_layer(tmp_path: Path) -> None:
    nodes, shape = OPERATORS["matmul and add"]
    onnx.save(model(nodes, shape), tmp_path / "net.onnx")
    assert [type(n.op) for n in import_onnx(tmp_path / "net.onnx").nodes[1:]] == [Linear]


def test_names_of_older_exporters_are_paths(tmp_path: Path) -> None:
    proto = model(
        [node("Conv", numbers(4, 4, 1, 1)), node("Add", inputs=("x",)), node("GlobalAveragePool")],
        MAP,
    )
    for made, name in zip(
        proto.graph.node,
        ("/layer1/conv1/Conv", "/layer1/Add", "/pool/GlobalAveragePool"),
        strict=True,
    ):
        made.name = name
    onnx.save(proto, tmp_path / "net.onnx")
    graph = import_onnx(tmp_path / "net.onnx")
    assert [n.name for n in graph.nodes] == ["input", "layer1.conv1", "layer1.add", "pool"]
    assert isinstance(graph.output.op, AvgPool2d)


UNSUPPORTED: dict[str, tuple[list[Any], tuple[Any, ...], str]] = {
    "operator": ([node("Relu"), node("Sigmoid")], MAP, "Sigmoid in layer_1 is not supported"),
    "dilation": (
        [node("Conv", numbers(4, 4, 3, 3), dilations=[2, 2])],
        MAP,
        "layer_0 has dilation [2, 2]",
    ),
    "mean without padding": (
        [node("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1])],
        MAP,
        "layer_0 is an average pooling that leaves its padding out",
    ),
    "windows over the edge": (
        [node("AveragePool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)],
        MAP,
        "layer_0 is an average pooling with windows over the edge",
    ),
    "transposed input": (
        [node("Flatten"), node("Gemm", numbers(12, 2), transA=1)],
        (12,),
        "transposes its input",
    ),
    "mean of channels": ([node("ReduceMean", ints(1))], MAP, "mean along dimensions [1]"),
    "mean of all": ([node("ReduceMean", keepdims=1)], MAP, "works along the batch"),
    "flatten of the batch": ([node("Flatten", axis=2)], MAP, "flattens the batch"),
    "reshape": ([node("Reshape", ints(0, 36, 7))], MAP, "reshapes [4, 9, 7] to [36, 7]"),
    "reshape of the batch": ([node("Reshape", ints(-1, 4))], MAP, "reshapes the batch"),
    "reflecting pad": ([node("Pad", ints(0, 0, 1, 1, 0, 0, 1, 1), mode="reflect")], MAP, "reflect"),
    "pad of channels": ([node("Pad", ints(0, 1, 0, 0, 0, 0, 0, 0))], MAP, "pads channels"),
    "product": ([node("Relu"), node("Mul", inputs=("x",))], MAP, "multiplies layers"),
    "weights from the input": (
        [node("Flatten"), node("MatMul", inputs=("x",))],
        (1,),
        "computes x",
    ),
    "NaN": (
        [node("Conv", np.full((4, 4, 1, 1), np.nan, np.float32))],
        MAP,
        "the weights of layer_0 contain NaN",
    ),
    "open width": ([node("Relu")], (4, 9, "width"), "has a size that is not fixed"),
    "five dimensions": ([node("Relu")], (4, 3, 3, 3), "the model's input has shape [4, 3, 3, 3]"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_errors_name_the_operator_and_the_layer(name: str, tmp_path: Path) -> None:
    nodes, shape, message = UNSUPPORTED[name]
    onnx.save(model(nodes, shape), tmp_path / "net.onnx")
    with pytest.raises(ModelError) as caught:
        import_onnx(tmp_path / "net.onnx")
    text = str(caught.value)
    if message not in text:
        pytest.fail(f"the error is {text!r}")
    assert "\n" not in text
    assert caught.value.hint


def test_two_inputs_are_an_error(tmp_path: Path) -> None:
    proto = model([node("Relu"), node("Relu")], MAP)
    other = helper.make_tensor_value_info("other", TensorProto.FLOAT, ["batch", *MAP])
    proto.graph.input.append(other)
    onnx.save(proto, tmp_path / "net.onnx")
    with pytest.raises(ModelError, match="the model has 2 inputs, not one"):
        import_onnx(tmp_path / "net.onnx")


def test_foreign_operators_are_an_error(tmp_path: Path) -> None:
    proto = model([node("Relu")], MAP)
    proto.graph.node[0].domain = "com.example"
    proto.opset_import.append(helper.make_opsetid("com.example", 1))
    onnx.save(proto, tmp_path / "net.onnx")
    with pytest.raises(ModelError, match="Relu in layer_0 is not supported"):
        import_onnx(tmp_path / "net.onnx")


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_a_file_of_anything_is_an_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("noise") / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError):
        import_onnx(path)
