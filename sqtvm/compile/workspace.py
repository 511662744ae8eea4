"""TVM's unified static memory planner with our plan of the workspace.

TVM tells which buffers live at the same time but not which calls they belong to; the calls are
read off the main function right before the planner runs. The network's input gets a place in the
workspace too, for an application that does not need it any longer after the inference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import tvm
from tvm import tir
from tvm.ir.instrument import pass_instrument
from tvm.tir.usmp.utils import BufferInfo, PoolAllocation

from sqtvm.compile import kernel_operators
from sqtvm.compile.kernel_call import Overlap
from sqtvm.compile.memory_plan import Lead, MemoryPlan, PlannedTensor, plan_memory

ALGORITHM = "sqtvm_overlapping"
_PLANNER = "tir.transform.UnifiedStaticMemoryPlanner"
_WORKSPACE = "global_workspace"
_INPUT = "input"
ALIGNMENT = 16


@dataclass(frozen=True)
class _Call:
    layer: int
    inputs: tuple[str, ...]
    output: str


@dataclass
class WorkspacePlanner:
    """One compilation's planner.

    overlaps: each layer's KernelCall.overlaps, by the layer's number; input_bytes: of the network's
    input. After the compilation ``input_offset`` is where the workspace has room for it, and
    ``tensors`` what else lies there and when.
    """

    overlaps: Sequence[tuple[Overlap | None, ...]]
    input_bytes: int
    input_offset: int = 0
    workspace_bytes: int = 0
    tensors: tuple[PlannedTensor, ...] = ()
    _calls: list[_Call] = field(default_factory=list)

    @contextmanager
    def registered(self) -> Iterator[list[Any]]:
        """Registers the algorithm under its name; yields the instruments that it needs."""
        tvm._ffi.register_func(f"tir.usmp.algo.{ALGORITHM}", self._plan, override=True)
        try:
            yield [_ReadsCalls(self)]
        finally:
            tvm._ffi.registry.remove_global_func(f"tir.usmp.algo.{ALGORITHM}")

    def read_calls(self, module: tvm.IRModule) -> None:
        """The kernels' calls in order, from the module that the planner is given."""
        layers = {name: _layer_of(function) for name, function in _functions(module).items()}
        main = next(
            function
            for name, function in _functions(module).items()
            if name.endswith("__tvm_main__")
        )
        sources = {main.buffer_map[main.params[0]].data.name: _INPUT}

        def visit(node: Any) -> None:
            if not isinstance(node, tir.Call) or node.op.name != "tir.call_extern":
                return
            layer = layers.get(node.args[0].value)
            if layer is None:
                return
            names = [sources.get(a.name, a.name) for a in node.args[1:] if isinstance(a, tir.Var)]
            self._calls.append(_Call(layer, tuple(names[:-1]), names[-1]))

        self._calls.clear()
        tir.stmt_functor.post_order_visit(main.body, visit)

    def _plan(self, buffers: Sequence[BufferInfo], _pressure: Any) -> Mapping[BufferInfo, Any]:
        """tir.usmp.algo: buffers to their places in the pools."""
        placed = {}
        by_pool: dict[str, list[BufferInfo]] = {}
        for buffer in buffers:
            by_pool.setdefault(buffer.pool_candidates[0].pool_name, []).append(buffer)
        for pool, group in by_pool.items():
            plan = self._plan_workspace(group) if pool == _WORKSPACE else _in_a_row(group)
            for buffer in group:
                offset = plan.offsets[buffer.name_hint]
                placed[buffer] = PoolAllocation(buffer.pool_candidates[0], offset)
        return placed

    def _plan_workspace(self, buffers: Sequence[BufferInfo]) -> MemoryPlan:
        names = {buffer.name_hint for buffer in buffers}
        sizes = {buffer.name_hint: int(buffer.size_bytes) for buffer in buffers}
        conflicts = {
            buffer.name_hint: {other.name_hint for other in buffer.conflicts} & names
            for buffer in buffers
        }
        sizes[_INPUT] = self.input_bytes
        conflicts[_INPUT] = self._live_with_input(conflicts)
        for name in conflicts[_INPUT]:
            conflicts[name].add(_INPUT)
        plan = plan_memory(
            sizes,
            {name: frozenset(others) for name, others in conflicts.items()},
            self._leads(),
            ALIGNMENT,
        )
        self.input_offset = plan.offsets[_INPUT]
        self.workspace_bytes = plan.size
        self.tensors = tuple(
            self._planned(name, plan.offsets[name], size, conflicts[name])
            for name, size in sizes.items()
        )
        return plan

    def _planned(self, name: str, offset: int, size: int, beside: set[str]) -> PlannedTensor:
        defined = {call.output: number for number, call in enumerate(self._calls)}
        readers = [number for number, call in enumerate(self._calls) if name in call.inputs]
        scratch = name != _INPUT and name not in defined
        if scratch:
            first = last = self._call_beside(beside, defined)
        else:
            first = defined.get(name, 0)
            last = max([first, *readers])
        return PlannedTensor(
            None if name == _INPUT else self._calls[first].layer,
            scratch,
            offset,
            size,
            self._calls[first].layer,
            self._calls[last].layer,
        )

    def _call_beside(self, beside: set[str], defined: Mapping[str, int]) -> int:
        """The call that scratch belongs to: the last one's output is not in the workspace, and what
        is newest beside its scratch was written by the call before."""
        number = _newest(beside, defined)
        read = {name for name in self._calls[number].inputs if name in defined}
        return number if read <= beside else min(number + 1, len(self._calls) - 1)

    def _live_with_input(self, conflicts: Mapping[str, set[str]]) -> set[str]:
        """What is written up to the last call that reads the input."""
        defined = {call.output: number for number, call in enumerate(self._calls)}
        last = max(number for number, call in enumerate(self._calls) if _INPUT in call.inputs)
        alive = {name for name, number in defined.items() if number <= last and name in conflicts}
        for name, others in conflicts.items():
            if name not in defined and _newest(others, defined) <= last:
                alive.add(name)
        return alive

    def _leads(self) -> list[Lead]:
        leads = []
        for number, call in enumerate(self._calls):
            later = {name for following in self._calls[number + 1 :] for name in following.inputs}
            for name, overlap in zip(call.inputs, self.overlaps[call.layer], strict=True):
                if overlap is not None and name not in later:
                    leads.append(Lead(call.output, name, overlap.lead, overlap.exact))
        return leads


@pass_instrument
class _ReadsCalls:
    def __init__(self, planner: WorkspacePlanner) -> None:
        self._planner = planner

    def run_before_pass(self, module: tvm.IRModule, info: tvm.ir.transform.PassInfo) -> None:
        if info.name == _PLANNER:
            self._planner.read_calls(module)


def _newest(beside: set[str], defined: Mapping[str, int]) -> int:
    """Where scratch lives: the call that writes the newest of the tensors beside it."""
    return max((defined[other] for other in beside if other in defined), default=0)


def _functions(module: tvm.IRModule) -> dict[str, tir.PrimFunc]:
    return {
        variable.name_hint: function
        for variable, function in module.functions.items()
        if isinstance(function, tir.PrimFunc)
    }


def _layer_of(function: tir.PrimFunc) -> int | None:
    """The layer whose kernel the function calls."""
    found: list[int] = []

    def visit(node: Any) -> None:
        is_extern = isinstance(node, tir.Call) and node.op.name == "tir.call_extern"
        if is_extern and node.args[0].value == kernel_operators.LAYER_BEGIN:
            found.append(int(node.args[1]))

    tir.stmt_functor.post_order_visit(function.body, visit)
    return found[0] if found else None


def _in_a_row(buffers: Sequence[BufferInfo]) -> MemoryPlan:
    """Constants, all alive at once: one after the other, the largest first."""
    offsets = {}
    end = 0
    for buffer in sorted(buffers, key=lambda one: (-int(one.size_bytes), one.name_hint)):
        alignment = int(buffer.alignment)
        end = -(-end // alignment) * alignment
        offsets[buffer.name_hint] = end
        end += int(buffer.size_bytes)
    return MemoryPlan(offsets, end)
