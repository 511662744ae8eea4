"""How each layer of an integer network becomes a call of a C kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqtvm.compile.kernel_call import KernelCall, KernelStyle
from sqtvm.compile.layouts.bands import bands_call, is_packed
from sqtvm.compile.layouts.convolution import conv2d_call, linear_call
from sqtvm.compile.layouts.elementwise import (
    add_call,
    avg_pool2d_call,
    clamp_call,
    concat_call,
    flatten_call,
    max_pool2d_call,
    softmax_call,
)
from sqtvm.quantize.network import (
    IntegerAdd,
    IntegerAvgPool2d,
    IntegerClamp,
    IntegerConcat,
    IntegerConv2d,
    IntegerFlatten,
    IntegerLayer,
    IntegerLinear,
    IntegerMaxPool2d,
    IntegerNetwork,
    IntegerSoftmax,
)

_CALLS: Mapping[type, Callable[[IntegerLayer, IntegerNetwork, KernelStyle], KernelCall]] = {
    IntegerConv2d: conv2d_call,
    IntegerLinear: linear_call,
    IntegerAdd: add_call,
    IntegerMaxPool2d: max_pool2d_call,
    IntegerAvgPool2d: avg_pool2d_call,
    IntegerFlatten: flatten_call,
    IntegerConcat: concat_call,
    IntegerSoftmax: softmax_call,
    IntegerClamp: clamp_call,
}


def kernel_call(
    layer: IntegerLayer, network: IntegerNetwork, style: KernelStyle = KernelStyle.FAST
) -> KernelCall:
    """The kernel, its geometry and its constants for one layer of ``network``."""
    if is_packed(layer, network):
        return bands_call(layer, network, style, _byte_call)
    return _byte_call(layer, network, style)


def _byte_call(layer: IntegerLayer, network: IntegerNetwork, style: KernelStyle) -> KernelCall:
    """All of the layer's tensors as bytes, whatever their bits."""
    return _CALLS[type(layer.op)](layer, network, style)
