"""The table of a model: a row for each node, nested as the modules are."""

from __future__ import annotations

from typing import Any, NamedTuple

from archspec.cost.totals import Cost, Costs, each_call, merging, op_cost
from archspec.dims import Size
from archspec.graph.ir import Graph, OpCall
from archspec.ops.base import Op
from archspec.shapes.typed import Typed, TypedNode


class Row(NamedTuple):
    """`depth`: nesting from 0. `path`: full module path. `kind`: op, block or `sequence`. `outputs`: types.

    `parameters` and `flops` are of the whole subtree and all `times` turns that the row stands for.
    """

    depth: int
    path: str
    kind: str
    outputs: tuple[Any, ...]
    parameters: int
    flops: Size | None
    times: int = 1
    shared: bool = False
    called: bool = True  # by forward


def rows(typed: Typed, costs: Costs, prefix: str = "", depth: int = 0, called: bool = True) -> list[Row]:
    """Rows of a typed graph, outermost first. Equal neighbouring turns of a repeat are one row.

    `called`: false in what forward does not call.
    """
    out: list[Row] = []
    for done in typed.nodes:
        for turns in _runs(done):
            out += _node(done, turns, costs, prefix, depth, called and done.node.forward)
        joining = merging(done)
        if called and done.node.forward and joining is not None and (flops := op_cost(*joining).flops) != 0:
            out.append(Row(depth, prefix + done.node.label, joining[0].name, joining[2], 0, flops))
    return out


def _runs(done: TypedNode) -> list[list[int]]:
    runs: list[list[int]] = []
    for turn, callee in enumerate(done.calls):
        before = done.calls[runs[-1][0]] if runs else None
        if before is callee and done.call_inputs[runs[-1][0]] == done.call_inputs[turn]:
            runs[-1].append(turn)
        else:
            runs.append([turn])
    return runs


def _node(done: TypedNode, turns: list[int], costs: Costs, prefix: str, depth: int, called: bool) -> list[Row]:
    node = done.node
    calls = list(each_call(done))
    total = Cost()
    for turn in turns:
        total = total.plus(costs.of_call(done, *calls[turn]))
    callee, _, outputs = calls[turns[0]]
    first, last = node.paths[turns[0]], node.paths[turns[-1]]
    name = (first or node.label) if first == last else f"{first} … {last.rpartition('.')[2]}"
    shared = node.shared is not None
    kind = callee.name if isinstance(callee, Op) else callee.graph.name if callee.graph.kind == "block" else "sequence"
    if node.scan is not None:
        kind = f"scan of {done.steps}"
    parameters = 0 if shared else total.parameters
    flops = total.flops if called else 0
    out = [Row(depth, prefix + name, kind, outputs, parameters, flops, len(turns), shared, called)]
    if isinstance(callee, Typed):
        out += rows(callee, costs, f"{prefix}{first}." if first else prefix, depth + 1, called)
    return out


def count_nodes(graph: Graph) -> int:
    """Ops in a graph, repeats counted out."""
    return sum(1 if isinstance(c, OpCall) else count_nodes(c) for node in graph.nodes for c in node.calls)
