"""Constructor expressions of what a graph calls: torch modules, our classes, and chains of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archspec.codegen.sizes import bind_sizes
from archspec.codegen.tree import Chain, Child, Counted, Loop, Made, New, Var, rebuild
from archspec.codegen.unify import NotUnifiableError, same, unify
from archspec.graph.ir import Node
from archspec.ops.base import Op
from archspec.ops.expr import Call
from archspec.shapes.typed import Typed, TypedNode

if TYPE_CHECKING:
    from archspec.codegen.plan import Planner

_RUNS = 3  # more runs of equal turns than this are written as a loop over a table


def is_chain(typed: Typed) -> bool:
    """Is the graph a plain chain of modules: an `nn.Sequential`?"""
    graph = typed.graph
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or not typed.nodes:
        return False
    components: list[str] = []
    for number, done in enumerate(typed.nodes):
        node = done.node
        if list(node.inputs) != [(number - 1, 0)] or node.shared is not None or node.tie or len(done.outputs) != 1:
            return False
        if node.scan is not None:
            return False
        if not all(_chainable(c, i) for c, i in zip(done.calls, done.call_inputs, strict=True)):
            return False
        parts = _components(node)
        if parts is None:
            return False
        components += parts
    if tuple(graph.outputs[0][1]) != (len(typed.nodes) - 1, 0) or len(set(components)) != len(components):
        return False
    if graph.kind == "sequence":
        return True
    return components == [str(i) for i in range(len(components))]  # a class of its own keeps its attributes


def _chainable(callee: Op | Typed, types: tuple[Any, ...]) -> bool:
    if isinstance(callee, Typed):
        return len(callee.inputs) == 1 and len(callee.outputs) == 1
    return callee.sequential() and callee.attribute == "module" and callee.module(*types) is not None


def _components(node: Node) -> list[str] | None:
    """The children this node adds to a chain; None if its paths do not allow that."""
    if not node.repeated:
        return None if "." in node.paths[0] else [node.paths[0]]
    if all("." not in path for path in node.paths):
        return list(node.paths)
    heads = {path.rpartition(".")[0] for path in node.paths}
    head = heads.pop()
    return None if heads or "." in head else [head]


def constructor(callee: Op | Typed, types: tuple[Any, ...], planner: Planner, inline: bool = False) -> Any:
    """The expression that makes a callee."""
    if isinstance(callee, Op):
        made = callee.module(*types)
        assert made is not None
        known = Made(callee, made.fn, *made.args, **made.kwargs) if isinstance(made, Call) else made
        return bind_sizes(known, types)
    found = None if inline else planner.plan_of(callee)
    if found is not None:
        plan, number = found
        return New(plan, {a.name: a.values[number] for a in plan.arguments})
    children: list[Child] = []
    for done in callee.nodes:
        node = done.node
        if not node.repeated:
            children.append(Child([node.paths[0]], constructor(done.calls[0], done.call_inputs[0], planner)))
        elif all("." not in path for path in node.paths):
            children += turns("nn.Sequential", done, planner).children
        else:
            children.append(Child([node.paths[0].rpartition(".")[0]], turns("nn.Sequential", done, planner)))
    return Chain("nn.Sequential", children)


def turns(fn: str, done: TypedNode, planner: Planner) -> Chain:
    """The chain of a repeat's turns: equal neighbours as one counted child, regular differences as a loop."""
    made: dict[int, Any] = {}
    names = [path.rpartition(".")[2] for path in done.node.paths]
    runs: list[Child] = []
    last: Any = None
    for name, callee, types in zip(names, done.calls, done.call_inputs, strict=True):
        key = id(callee) if isinstance(callee, Typed) else hash((id(callee), types))
        expr = made.get(key)
        if expr is None:
            expr = made[key] = constructor(callee, types, planner)
        if runs and (expr is last or same(expr, last)):
            runs[-1].names.append(name)
            runs[-1].count += 1
        else:
            runs.append(Child([name], expr))
        last = expr
    if len(runs) <= _RUNS:
        return Chain(fn, runs)
    exprs = [run.expr for run in runs for _ in range(run.count)]
    try:
        merged = _looped(unify(exprs))
    except NotUnifiableError:
        return Chain(fn, runs)
    return Chain(fn, [Child(names, Counted(merged, len(exprs)), len(exprs))])


def _looped(expr: Any) -> Any:
    """Vars over the turns become Loops."""
    if isinstance(expr, Var):
        return Loop(expr.values, expr.hint)
    return rebuild(expr, _looped)
