"""From a quantized Relay module to C sources by TVM's ahead-of-time compiler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tvm
from tvm import autotvm, relay

from sqtvm.compile import workspace
from sqtvm.compile.kernel_call import Overlap
from sqtvm.compile.memory_plan import PlannedTensor
from sqtvm.errors import SqtvmError

MODULE_NAME = "default"
_ALIGNMENT = 8


@dataclass(frozen=True)
class OperatorMemory:
    """Workspace of one generated operator function, bytes."""

    function: str
    workspace_bytes: int


@dataclass(frozen=True)
class GeneratedCode:
    """sources: the C files in TVM's order; parameters: serialised, empty where all are constants;
    workspace_bytes: the one static workspace that the planner laid out; input_offset: where it
    has room for the network's input, which the inference then overwrites; tensors: what lies in
    the workspace, and when."""

    sources: tuple[str, ...]
    relay_text: str
    parameters: bytes
    target: str
    workspace_bytes: int
    input_offset: int
    constants_bytes: int
    io_bytes: int
    operators: tuple[OperatorMemory, ...]
    tensors: tuple[PlannedTensor, ...]


def generate(
    module: tvm.IRModule,
    target: str,
    overlaps: Sequence[tuple[Overlap | None, ...]],
    input_bytes: int,
) -> GeneratedCode:
    """Compile ``module`` for a TVM target such as ``c -keys=arm_cpu,cpu -mcpu=cortex-m7``.

    overlaps: each layer's KernelCall.overlaps, by the layer's number; input_bytes: of the network's
    input. Raises SqtvmError when TVM refuses the module.
    """
    executor = relay.backend.Executor(
        "aot",
        {"interface-api": "c", "unpacked-api": True, "workspace-byte-alignment": _ALIGNMENT},
    )
    runtime = relay.backend.Runtime("crt")
    compiled_for = tvm.target.Target(target, host=target)
    options = {
        "tir.usmp.enable": True,
        "tir.usmp.custom_algorithm": workspace.ALGORITHM,
        "tir.disable_vectorize": True,
        "tir.disable_storage_rewrite": True,
    }
    # An explicit dispatch context keeps TVM from looking for tuning logs on the network.
    no_tuning_logs = autotvm.task.ApplyHistoryBest([])
    planner = workspace.WorkspacePlanner(overlaps, input_bytes)
    try:
        with (
            planner.registered() as instruments,
            no_tuning_logs,
            tvm.transform.PassContext(opt_level=3, config=options, instruments=instruments),
        ):
            factory = relay.build(
                module,
                target=compiled_for,
                executor=executor,
                runtime=runtime,
                mod_name=MODULE_NAME,
            )
    except tvm.TVMError as error:
        last_line = str(error).strip().splitlines()[-1]
        raise SqtvmError(
            f"TVM could not compile the network: {last_line}",
            "run again with -v for the whole trace and report the model's operators",
        ) from error
    main = factory.function_metadata["__tvm_main__"]
    return GeneratedCode(
        sources=tuple(part.get_source() for part in _modules(factory.lib)),
        relay_text=module.astext(show_meta_data=False),
        parameters=bytes(relay.save_param_dict(factory.params)),
        target=str(compiled_for),
        workspace_bytes=planner.workspace_bytes,
        input_offset=planner.input_offset,
        constants_bytes=_total(main.constant_sizes),
        io_bytes=_total(main.io_sizes),
        operators=tuple(
            OperatorMemory(str(name), _total(function.workspace_sizes))
            for name, function in factory.function_metadata.items()
            if str(name) != "__tvm_main__"
        ),
        tensors=planner.tensors,
    )


def _modules(root: Any) -> list[Any]:
    found = [root]
    for imported in root.imported_modules:
        found += _modules(imported)
    return found


def _total(sizes: Any) -> int:
    return sum(int(size) for _, size in sizes.items())
