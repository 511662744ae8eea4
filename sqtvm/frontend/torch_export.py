"""Imports PyTorch models, through torch.export."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from sqtvm.errors import ModelError
from sqtvm.frontend.aten_context import Context, place, without_batch
from sqtvm.frontend.aten_program import AtenCall, AtenProgram, Ref, from_exported, readable
from sqtvm.frontend.aten_rules import CONSTANT_OPERATORS, RULES, SUPPORTED
from sqtvm.frontend.draft import Draft, Value
from sqtvm.frontend.graph import Graph
from sqtvm.frontend.pt2_archive import read_pt2
from sqtvm.frontend.simplify import finish

_LOG = logging.getLogger(__name__)


def import_torch(module: nn.Module, example: Tensor) -> Graph:
    """The graph of a module in eval mode.

    example: float32 [batch, *shape of one sample]. Raises ModelError where torch.export cannot
    follow the module, or it holds what sqtvm does not know.
    """
    # With a batch of one, torch could not tell the batch from other dimensions of one.
    batch = example if len(example) > 1 else torch.cat([example, example])
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            exported = torch.export.export(module, (batch,), strict=False)
            # An empty table leaves operators whole and only makes in-place ones plain.
            exported = exported.run_decompositions({})
    except Exception as error:
        _LOG.debug("torch.export failed", exc_info=True)
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(
            f"torch.export cannot follow {type(module).__name__} with input "
            f"{list(example.shape)}: {reason}",
            "check that the model takes this input, and that its forward has no branches on data",
        ) from error
    return import_program(from_exported(exported))


def import_pt2(path: Path) -> Graph:
    """The graph of a .pt2 archive that torch.export.save wrote; runs nothing of the file.

    Raises ModelError where the file cannot be read or holds what sqtvm does not know.
    """
    return import_program(read_pt2(path))


def import_program(program: AtenProgram) -> Graph:
    """The graph of ATen calls, each node named for the module its call stands in."""
    draft = Draft(without_batch(program.input_shape, "the model's input"))
    values: dict[str, Value] = {program.input: draft.input}
    constants: dict[str, Tensor] = dict(program.constants)
    for index, call in enumerate(program.calls):
        operator = call.operator.removesuffix("_")
        if _reads_only(call, constants):
            if operator in CONSTANT_OPERATORS and len(call.outputs) == 1:
                constants[call.outputs[0]] = _evaluate(call, constants)
            # Others matter only to a layer that reads them, which then says so.
            continue
        rule = RULES.get(operator)
        if rule is None:
            raise ModelError(f"{place(call)} is not supported", SUPPORTED)
        value = rule(Context(draft, call, layer_name(call), values, constants))
        values[call.outputs[0]] = value
        if operator != call.operator:
            _write_in_place(call, program.calls[index + 1 :], values)
    if program.output not in values:
        raise ModelError("the model's output does not depend on its input", "check its forward")
    return finish(draft, values[program.output])


def layer_name(call: AtenCall) -> str:
    """The path of the call's module, with the operator behind it unless it is the module."""
    if call.module and call.module_type.startswith("torch.nn.modules."):
        return call.module
    operator = readable(call.operator)
    return f"{call.module}.{operator}" if call.module else operator


def _references(call: AtenCall) -> list[str]:
    flat: list[object] = []
    for argument in call.arguments.values():
        flat.extend(argument if isinstance(argument, list) else [argument])
    return [item.name for item in flat if isinstance(item, Ref)]


def _reads_only(call: AtenCall, constants: Mapping[str, Tensor]) -> bool:
    return all(name in constants for name in _references(call))


def _evaluate(call: AtenCall, constants: Mapping[str, Tensor]) -> Tensor:
    def value(argument: object) -> object:
        return constants[argument.name] if isinstance(argument, Ref) else argument

    overload = getattr(getattr(torch.ops.aten, call.operator), call.overload)
    try:
        result = overload(**{name: value(argument) for name, argument in call.arguments.items()})
    except (RuntimeError, TypeError) as error:
        raise ModelError(f"{place(call)} fails on its constants", "save the model again") from error
    assert isinstance(result, Tensor)
    return result


def _write_in_place(call: AtenCall, later: tuple[AtenCall, ...], values: dict[str, Value]) -> None:
    """Lets later calls that read the operand of an in-place call see what it wrote."""
    operand = next(iter(call.arguments.values()))
    assert isinstance(operand, Ref)
    before, after = values[operand.name], values[call.outputs[0]]
    read_later = {name for other in later for name in _references(other)}
    shared = {n for n, v in values.items() if v == before and n != operand.name} & read_later
    if shared and before != after:
        raise ModelError(
            f"{place(call)} writes in place what others read under another name",
            "save the result of torch.export.export(...).run_decompositions()",
        )
    values[operand.name] = after
