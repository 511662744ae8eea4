from __future__ import annotations

import numpy as np
import torch
import tvm
from tvm import autotvm, relay

from sqtvm.compile.relay_import import import_graph
from sqtvm.frontend.execute import execute
from tests.compile.graphs import every_operator


def test_float_module_computes_what_the_graph_computes() -> None:
    graph = every_operator()
    imported = import_graph(graph)
    x = np.random.default_rng(0).normal(size=(1, 3, 12, 10)).astype(np.float32)

    run = relay.create_executor("graph", mod=imported.module, device=tvm.cpu(), target="llvm")
    with autotvm.task.ApplyHistoryBest([]):
        evaluate = run.evaluate()
    result = evaluate(np.ascontiguousarray(x.transpose(0, 2, 3, 1)), **imported.parameters).numpy()

    expected = execute(graph, torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_every_call_carries_its_layer_name() -> None:
    graph = every_operator()
    names: set[str] = set()

    def visit(expression: relay.Expr) -> None:
        if isinstance(expression, relay.Call):
            assert expression.span is not None, expression.op
            names.add(expression.span.source_name.name)

    relay.analysis.post_order_visit(import_graph(graph).module["main"], visit)
    assert names == {node.name for node in graph.nodes[1:]}
