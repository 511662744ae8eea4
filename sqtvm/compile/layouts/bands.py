"""Layers that read or write packed 4-bit tensors, as calls of the kernels for bytes.

A band of output rows is a small layer of its own: the same operator without padding above and
below, whose rows bands.h unpacks, pads and packs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from sqtvm.compile.kernel_call import KernelCall, KernelStyle, Overlap
from sqtvm.compile.layouts.overlap import Step, lead_bytes
from sqtvm.compile.layouts.source import Structure, definition
from sqtvm.frontend.graph import Shape
from sqtvm.quantize.network import (
    IntegerAdd,
    IntegerAvgPool2d,
    IntegerClamp,
    IntegerConv2d,
    IntegerLayer,
    IntegerMaxPool2d,
    IntegerNetwork,
    TensorQuantization,
)

PACKABLE = (IntegerConv2d, IntegerAdd, IntegerMaxPool2d, IntegerAvgPool2d, IntegerClamp)
"""Operators whose inputs and output may be packed."""

_MOST_ROWS = 6
_ALIGNMENT = 16
_GROUP = 8
"""Values that are packed together, and with them what may be written behind a row."""


def stored_shape(shape: Shape, quantization: TensorQuantization) -> Shape:
    """The bytes of a tensor as it lies in the workspace: packed rows are whole words."""
    if quantization.bits == 8:
        return shape
    height, width, channels = shape
    return (height, 4 * math.ceil(width * channels / _GROUP))


def is_packed(layer: IntegerLayer, network: IntegerNetwork) -> bool:
    """Whether the layer reads or writes a packed tensor."""
    tensors = [network.quantization_of(name) for name in layer.inputs]
    return any(tensor.bits < 8 for tensor in (*tensors, layer.output))


def bands_call(
    layer: IntegerLayer,
    network: IntegerNetwork,
    style: KernelStyle,
    kernel: Callable[[IntegerLayer, IntegerNetwork, KernelStyle], KernelCall],
) -> KernelCall:
    """The layer in bands; kernel: what gives a layer of bytes its call."""
    assert isinstance(layer.op, PACKABLE), f"{layer.name} cannot read or write packed tensors"
    rows = _band_rows(layer, network)
    band, band_network = _band(layer, network, rows)
    inner = kernel(band, band_network, style)
    extent, stride, top = _vertical(layer)
    window, step = (rows - 1) * stride + extent, rows * stride
    structures = []
    place = 0
    for index, name in enumerate(layer.inputs):
        shape, quantization = network.shape_of(name), network.quantization_of(name)
        structures.append(_tensor(f"input{index}", shape, quantization, place))
        fill = -128 if isinstance(layer.op, IntegerMaxPool2d) else quantization.zero_point
        fields = (("window", window), ("step", step), ("top", top), ("fill", fill))
        structures.append(Structure("sqtvm_band_window", f"window{index}", fields))
        place = _aligned(place + window * math.prod(shape[1:]) + _GROUP)
    structures.append(_tensor("output", layer.shape, layer.output, place))
    if layer.output.bits < 8:
        place = _aligned(place + rows * math.prod(layer.shape[1:]) + _GROUP)
    structures.append(Structure("sqtvm_bands", "bands", (("rows", rows), ("scratch", place))))
    call = definition(
        f"bands_of_{inner.function}",
        structures,
        _body(layer, inner),
        style,
        headers=("sqtvm/bands.h",),
        inputs=len(layer.inputs),
        constants=inner.constants,
        scratch_bytes=place + inner.scratch_bytes,
        overlaps=tuple(_overlap(layer, network, name, rows) for name in layer.inputs),
        weight_bits=inner.weight_bits,
    )
    return replace(call, calls=(inner,))


def _body(layer: IntegerLayer, inner: KernelCall) -> list[str]:
    inputs = range(len(layer.inputs))
    arguments = [f"rows{index}" for index in inputs]
    arguments += [f"c{index}" for index in range(len(inner.constants))]
    arguments.append("results")
    if inner.scratch_bytes:
        arguments.append("scratch + bands.scratch")
    return [
        "  for (int32_t number = 0; number * bands.rows < output.height; ++number) {",
        *(
            f"    const int8_t *rows{index} = sqtvm_band_input(x{index}, scratch, number, "
            f"input{index}, window{index});"
            for index in inputs
        ),
        "    int8_t *results = sqtvm_band_results(y, scratch, number, output, bands);",
        f"    {inner.function}({', '.join(arguments)});",
        "    sqtvm_band_output(y, scratch, number, output, bands);",
        "  }",
    ]


def _vertical(layer: IntegerLayer) -> tuple[int, int, int]:
    """Rows of the window, its stride, rows of padding above."""
    op = layer.op
    if isinstance(op, IntegerConv2d):
        return op.weight.shape[1], op.stride[0], op.padding[0]
    if isinstance(op, IntegerMaxPool2d | IntegerAvgPool2d):
        return op.kernel[0], op.stride[0], op.padding[0]
    return 1, 1, 0


def _band_rows(layer: IntegerLayer, network: IntegerNetwork) -> int:
    """As many as keep the unpacked rows small beside the packed tensors."""
    extent, stride, _ = _vertical(layer)
    shapes = [network.shape_of(name) for name in layer.inputs]
    stored = [
        math.prod(stored_shape(network.shape_of(name), network.quantization_of(name)))
        for name in layer.inputs
    ]
    stored.append(math.prod(stored_shape(layer.shape, layer.output)))
    out_row = math.prod(layer.shape[1:])

    def unpacked(rows: int) -> int:
        window = (rows - 1) * stride + extent
        return rows * out_row + sum(window * math.prod(shape[1:]) for shape in shapes)

    height = layer.shape[0]
    divisors = [rows for rows in range(1, _MOST_ROWS + 1) if height % rows == 0]
    small = [rows for rows in divisors if 8 * unpacked(rows) <= sum(stored)]
    return max(small, default=1)


def _band(
    layer: IntegerLayer, network: IntegerNetwork, rows: int
) -> tuple[IntegerLayer, IntegerNetwork]:
    """The small layer, and a network of which it is the last."""
    extent, stride, _ = _vertical(layer)
    op = layer.op
    if isinstance(op, IntegerConv2d | IntegerMaxPool2d | IntegerAvgPool2d):
        op = replace(op, padding=(0, op.padding[1], 0, op.padding[3]))
    band = replace(layer, op=op, shape=(rows, *layer.shape[1:]))
    sources = tuple(
        IntegerLayer(
            name,
            op,
            (),
            ((rows - 1) * stride + extent, *network.shape_of(name)[1:]),
            network.quantization_of(name),
        )
        for name in dict.fromkeys(layer.inputs)
    )
    return band, replace(network, input_name="", layers=(*sources, band))


def _tensor(variable: str, shape: Shape, quantization: TensorQuantization, place: int) -> Structure:
    stored = stored_shape(shape, quantization)
    fields = (
        ("height", shape[0]),
        ("values", math.prod(shape[1:])),
        ("row_bytes", math.prod(stored[1:])),
        ("packed", int(quantization.bits < 8)),
        ("place", place),
    )
    return Structure("sqtvm_band_rows", variable, fields)


def _overlap(layer: IntegerLayer, network: IntegerNetwork, name: str, rows: int) -> Overlap:
    """Every band reads the rows that no band before it has read, then writes its own."""
    extent, stride, top = _vertical(layer)
    stored = stored_shape(network.shape_of(name), network.quantization_of(name))
    row_bytes, height = math.prod(stored[1:]), stored[0]
    out_row_bytes = math.prod(stored_shape(layer.shape, layer.output)[1:])
    steps = []
    read = 0
    for first in range(0, layer.shape[0], rows):
        steps.append(Step(read * row_bytes, (first + rows) * out_row_bytes))
        read = min(max(read, (first + rows - 1) * stride - top + extent), height)
    return Overlap(lead_bytes(steps, height * row_bytes))


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
