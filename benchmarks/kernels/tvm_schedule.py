"""TVM's own int8 schedules for the same layers, scales and weights.

The integer network becomes Relay's quantized operators (QNN), which TVM lowers to integer
arithmetic and compiles by its schedules for ``c -keys=arm_cpu,cpu -mcpu=cortex-m7``; the C goes
into the same firmware project as ours. A softmax at the end is left out: TVM's is in floating
point and needs the C library's expf.
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tvm import autotvm, relay
from tvm.ir import IRModule
from tvm.ir.transform import PassContext
from tvm.target import Target

from sqtvm.compile.unpack import unpack
from sqtvm.quantize import network as q

# All that TVM's micro kernels take from the header of that name, which its package lacks.
_ERROR_CODES = "#pragma once\nenum { kTvmErrorNoError = 0, kTvmErrorFunctionCallInvalidArg = 1 };\n"
_HOOKED = "return tvmgen_default___tvm_main__("


def without_softmax(network: q.IntegerNetwork) -> q.IntegerNetwork:
    """The network up to its logits."""
    ends = isinstance(network.layers[-1].op, q.IntegerSoftmax)
    return replace(network, layers=network.layers[:-1]) if ends else network


def padded_at_the_end(network: q.IntegerNetwork) -> q.IntegerNetwork:
    """Depthwise layers of stride 2 pad below and to the right only, as Keras does: as much work,
    and TVM's schedule for these layers does not compile with padding on both sides."""
    return replace(network, layers=tuple(_padded_at_the_end(layer) for layer in network.layers))


def _padded_at_the_end(layer: q.IntegerLayer) -> q.IntegerLayer:
    op = layer.op
    if not isinstance(op, q.IntegerConv2d) or op.groups == 1 or op.stride != (2, 2):
        return layer
    return replace(layer, op=replace(op, padding=(0, 0, *op.padding[2:])))


def quantized_module(network: q.IntegerNetwork) -> Any:
    """The network, all of whose weights have 8 bits, in QNN."""
    values: dict[str, relay.Expr] = {}
    first = network.layers[0].inputs[0]
    x = relay.var("input", shape=(1, *network.input_shape), dtype="int8")
    values[first] = x
    for layer in network.layers:
        inputs = [values[name] for name in layer.inputs]
        sources = [network.quantization_of(name) for name in layer.inputs]
        values[layer.name] = _expression(layer, inputs, sources)
    body = values[network.layers[-1].name]
    return relay.transform.InferType()(IRModule.from_expr(relay.Function([x], body)))


def _expression(
    layer: q.IntegerLayer, inputs: list[relay.Expr], sources: list[q.TensorQuantization]
) -> relay.Expr:
    op, output = layer.op, layer.output
    match op:
        case q.IntegerConv2d():
            return _convolution(op, inputs[0], sources[0], output)
        case q.IntegerLinear():
            return _linear(op, inputs[0], sources[0], output)
        case q.IntegerAdd():
            added = relay.qnn.op.add(
                *inputs,
                *(relay.const(part) for source in sources for part in _scale(source)),
                *(relay.const(part) for part in _scale(output)),
            )
            return relay.clip(added, op.clip.low, op.clip.high)
        case q.IntegerAvgPool2d():
            wide = relay.cast(inputs[0], "int32")
            pooled = relay.nn.avg_pool2d(wide, op.kernel, op.stride, layout="NHWC")
            return _requantize(pooled, sources[0], output)
        case q.IntegerMaxPool2d():
            return relay.nn.max_pool2d(inputs[0], op.kernel, op.stride, layout="NHWC")
        case q.IntegerFlatten():
            channels_first = relay.transpose(inputs[0], (0, 3, 1, 2))
            return relay.nn.batch_flatten(channels_first)
        case _:
            raise NotImplementedError(f"{layer.name}: {type(op).__name__}")


def _scale(quantization: q.TensorQuantization) -> tuple[np.float32, np.int32]:
    return np.float32(quantization.scale), np.int32(quantization.zero_point)


def _requantize(
    value: relay.Expr, source: q.TensorQuantization, output: q.TensorQuantization
) -> relay.Expr:
    parts = [relay.const(part) for pair in (_scale(source), _scale(output)) for part in pair]
    return relay.qnn.op.requantize(value, *parts, out_dtype="int8")


def _accumulated(
    accumulator: relay.Expr,
    op: q.IntegerConv2d | q.IntegerLinear,
    source: q.TensorQuantization,
    output: q.TensorQuantization,
    axis: int,
) -> relay.Expr:
    """Bias, requantization a channel and clip."""
    biased = relay.nn.bias_add(accumulator, relay.const(op.bias), axis=axis)
    scales = np.abs(np.float32(source.scale * op.weight_scale))
    scaled = relay.qnn.op.requantize(
        biased,
        relay.const(scales),
        relay.const(np.int32(0)),
        *(relay.const(part) for part in _scale(output)),
        axis=axis,
        out_dtype="int8",
    )
    return relay.clip(scaled, op.clip.low, op.clip.high)


def _convolution(
    op: q.IntegerConv2d,
    x: relay.Expr,
    source: q.TensorQuantization,
    output: q.TensorQuantization,
) -> relay.Expr:
    depthwise = op.groups > 1
    # Depthwise: height, width, channels, multiplier; else height, width, out, in.
    weight = op.weight.transpose((1, 2, 0, 3))
    accumulator = relay.qnn.op.conv2d(
        x,
        relay.const(np.ascontiguousarray(weight)),
        relay.const(np.int32(source.zero_point)),
        relay.const(np.int32(0)),
        relay.const(np.float32(source.scale)),
        relay.const(np.abs(np.float32(op.weight_scale))),
        kernel_size=op.weight.shape[1:3],
        channels=len(op.weight),
        strides=op.stride,
        padding=op.padding,
        groups=op.groups,
        data_layout="NHWC",
        kernel_layout="HWOI",
    )
    assert not depthwise or op.groups == len(op.weight)
    return _accumulated(accumulator, op, source, output, 3)


def _linear(
    op: q.IntegerLinear,
    x: relay.Expr,
    source: q.TensorQuantization,
    output: q.TensorQuantization,
) -> relay.Expr:
    accumulator = relay.qnn.op.dense(
        x,
        relay.const(op.weight),
        relay.const(np.int32(source.zero_point)),
        relay.const(np.int32(0)),
        relay.const(np.float32(source.scale)),
        relay.const(np.abs(np.float32(op.weight_scale))),
        units=len(op.weight),
    )
    return _accumulated(accumulator, op, source, output, 1)


def compile_by_tvm(network: q.IntegerNetwork, target: str, ours: Path, destination: Path) -> Path:
    """An archive like ``ours`` of the same network whose code is TVM's own, one layer "network"."""
    compiled_for = Target(target, host=target)
    executor = relay.backend.Executor("aot", {"interface-api": "c", "unpacked-api": True})
    options = {
        "tir.usmp.enable": True,
        "tir.usmp.algorithm": "hill_climb",
        "tir.disable_vectorize": True,
    }
    no_tuning_logs = autotvm.task.ApplyHistoryBest([])
    with no_tuning_logs, PassContext(opt_level=3, config=options):
        factory = relay.build(
            quantized_module(network),
            target=compiled_for,
            executor=executor,
            runtime=relay.backend.Runtime("crt"),
            mod_name="default",
        )
    main = factory.function_metadata["__tvm_main__"]
    with tempfile.TemporaryDirectory(dir=destination.parent) as temporary:
        root = Path(temporary) / "mlf"
        unpack(ours, root)
        sources = root / "codegen" / "host" / "src"
        shutil.rmtree(sources)
        sources.mkdir()
        for number, text in enumerate(_sources(factory.lib)):
            (sources / f"default_lib{number}.c").write_text(_hooked(text))
        errors = root / "codegen" / "host" / "include" / "tvm" / "runtime" / "crt"
        errors.mkdir()
        (errors / "error_codes.h").write_text(_ERROR_CODES)
        described = json.loads((root / "metadata.json").read_text())
        memory = described["modules"]["default"]["memory"]["functions"]["main"][0]
        memory["workspace_size_bytes"] = sum(int(n) for n in main.workspace_sizes.values())
        memory["constants_size_bytes"] = sum(int(n) for n in main.constant_sizes.values())
        described["sqtvm"] |= {"layers": ["network"], "input_in_workspace": False}
        (root / "metadata.json").write_text(json.dumps(described))
        packed = Path(temporary) / "archive.tar"
        with tarfile.open(packed, "w") as tar:
            tar.add(root, arcname=".")
        os.replace(packed, destination)
    return destination


def _sources(library: Any) -> list[str]:
    return [library.get_source(), *(s for part in library.imported_modules for s in _sources(part))]


def _hooked(source: str) -> str:
    """The whole network between the profiling hooks of one layer."""
    if _HOOKED not in source:
        return source
    head, call = source.split(_HOOKED, 1)
    arguments, rest = call.split(");", 1)
    return (
        '#include "sqtvm/profile.h"\n'
        + head
        + "sqtvm_layer_begin(0); const int32_t status = tvmgen_default___tvm_main__("
        + arguments
        + "); sqtvm_layer_end(0); return status;"
        + rest
    )
