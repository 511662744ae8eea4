"""The C that surrounds TVM's: the kernels of one network, its interface, and how TVM calls them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from sqtvm.compile import kernel_operators
from sqtvm.compile.kernel_call import KernelCall, KernelStyle

KERNELS_HEADER = "sqtvm_network_kernels.h"
_PROTOTYPE = re.compile(
    r'#ifdef __cplusplus\nextern "C"\n#endif\nTVM_DLL int32_t (\w+)\([^;{]*\);\n'
)
_WORKSPACE = re.compile(r"static uint8_t global_workspace\[\d+\];\n")
_LAST_INCLUDE = "#include <stdbool.h>\n"


def unique_kernels(kernels: Iterable[KernelCall]) -> Mapping[str, KernelCall]:
    """By function name, those that they call too: layers of one geometry and bits share one."""
    return {kernel.function: kernel for called in kernels for kernel in (called, *called.calls)}


def kernels_source(calls: Iterable[KernelCall], style: KernelStyle) -> str:
    """The file that defines every specialised kernel of a network."""
    every = [kernel for call in calls for kernel in (call, *call.calls)]
    kernels = unique_kernels(every)
    headers = sorted({header for kernel in every for header in kernel.headers})
    includes = [f'#include "{KERNELS_HEADER}"', *(f'#include "{header}"' for header in headers)]
    bodies = [kernel.source.strip() for _, kernel in sorted(kernels.items())]
    if style is KernelStyle.COMPACT:
        includes = [*_compact_definitions(every), *includes]
    return "\n".join(includes) + "\n\n" + "\n\n".join(bodies) + "\n"


def _compact_definitions(calls: Iterable[KernelCall]) -> list[str]:
    """Small code whatever the project's flags are, and only for the bits that there are."""
    bits = {"conv2d": {0}, "linear": {0}}
    for call in calls:
        family = call.family.removeprefix("grouped_")
        if family in bits:
            bits[family].add(call.weight_bits)
    return [
        '#pragma GCC optimize("Os")',
        "#define SQTVM_COMPACT 1",
        f"#define SQTVM_CONV2D_BITS {sum(bits['conv2d'])}",
        f"#define SQTVM_LINEAR_BITS {sum(bits['linear'])}",
    ]


def kernels_header(kernels: Mapping[str, KernelCall]) -> str:
    """The prototypes of those kernels, for the code that TVM generates."""
    prototypes = [_prototype(kernel) for _, kernel in sorted(kernels.items())]
    return (
        "#ifndef SQTVM_NETWORK_KERNELS_H\n#define SQTVM_NETWORK_KERNELS_H\n\n"
        '#include <stdint.h>\n\n#include "sqtvm/profile.h"\n\n'
        + "\n".join(prototypes)
        + "\n\n#endif\n"
    )


def _prototype(kernel: KernelCall) -> str:
    signature = kernel.source[: kernel.source.index("{")]
    declaration = signature[signature.index(f"void {kernel.function}") :]
    return " ".join(declaration.split()) + ";"


def call_by_header(source: str, kernels: Mapping[str, KernelCall]) -> str:
    """TVM's source with its own guesses at our kernels' prototypes replaced by their header.

    TVM declares every extern it calls as ``int32_t f(T*, ...)``, which is neither what the
    kernels are nor possible for the profiling hooks, which are inline when they are off.
    """
    ours = {*kernels, kernel_operators.LAYER_BEGIN, kernel_operators.LAYER_END}

    def keep(match: re.Match[str]) -> str:
        return "" if match.group(1) in ours else match.group(0)

    if _LAST_INCLUDE not in source:
        return source
    with_header = source.replace(_LAST_INCLUDE, f'{_LAST_INCLUDE}#include "{KERNELS_HEADER}"\n', 1)
    return _PROTOTYPE.sub(keep, with_header)


def give_input_room(source: str, workspace_bytes: int, input_offset: int) -> str:
    """TVM's first source with the workspace as long as planned, and the input's place in it."""
    room = f"""static uint8_t global_workspace[{workspace_bytes}];
int8_t *const tvmgen_default_input_room = (int8_t *)&global_workspace[{input_offset}];
"""
    return _WORKSPACE.sub(lambda _match: room, source, count=1)


def interface_header(input_name: str, input_bytes: int, output_bytes: int) -> str:
    """``tvmgen_default.h``: what an application includes to run the network."""
    return f"""#ifndef TVMGEN_DEFAULT_H_
#define TVMGEN_DEFAULT_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

/*! Size of the input tensor "{input_name}" in bytes. */
#define TVMGEN_DEFAULT_{input_name.upper()}_SIZE {input_bytes}

/*! Size of the output tensor "output" in bytes. */
#define TVMGEN_DEFAULT_OUTPUT_SIZE {output_bytes}

/*! Pointers to the input tensors. */
struct tvmgen_default_inputs {{
  void* {input_name};
}};

/*! Pointers to the output tensors. */
struct tvmgen_default_outputs {{
  void* output;
}};

/*! Where the workspace has room for the input tensor, which the network then overwrites. */
extern int8_t *const tvmgen_default_input_room;

/*! Runs the network once; 0 is success. */
int32_t tvmgen_default_run(
  struct tvmgen_default_inputs* inputs,
  struct tvmgen_default_outputs* outputs
);

#ifdef __cplusplus
}}
#endif

#endif
"""
