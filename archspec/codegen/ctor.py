"""Constructor expressions of what a graph calls: torch modules, our classes, and chains of them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from archspec.codegen.computed import computed
from archspec.codegen.in_words import texts_of
from archspec.codegen.sizes import bind_sizes
from archspec.codegen.tree import (
    MISSING,
    Chain,
    Child,
    Counted,
    First,
    Loop,
    Made,
    New,
    Steps,
    Var,
    holds,
    leaves,
    rebuild,
)
from archspec.codegen.unify import NotUnifiableError, same, unify
from archspec.codegen.written import Expression, expression, python, value_at, written_arguments
from archspec.dims import Dim
from archspec.graph.ir import Node
from archspec.ops.base import Op
from archspec.ops.expr import Call, Method
from archspec.reading.nodes import Scalar
from archspec.shapes.buffers import Computed
from archspec.shapes.typed import Typed, TypedNode

if TYPE_CHECKING:
    from archspec.codegen.plan import Planner

_RUNS = 3  # more runs of equal turns than this are written as a loop over a table


def is_chain(typed: Typed) -> bool:
    """Is the graph a plain chain of modules: an `nn.Sequential`?"""
    graph = typed.graph
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or not typed.nodes:
        return False
    names: list[str] = []
    for number, done in enumerate(typed.nodes):
        node = done.node
        if list(node.inputs) != [(number - 1, 0)] or node.shared is not None or node.tie or len(done.outputs) != 1:
            return False
        if node.scan is not None or node.join is not None or not node.forward:
            return False
        if not all(_chainable(c, i) for c, i in zip(done.calls, done.call_inputs, strict=True)):
            return False
        parts = components(node)
        if parts is None:
            return False
        names += parts
    if tuple(graph.outputs[0][1]) != (len(typed.nodes) - 1, 0) or len(set(names)) != len(names):
        return False
    if graph.kind == "sequence":
        return True
    alone = len(typed.nodes) == 1 and typed.nodes[0].node.repeated
    return alone or _counts_up(names)  # else a class of its own keeps its attributes


def _counts_up(names: list[str]) -> bool:
    """Are these indices, maybe with gaps where an item is left out?"""
    numbers = [int(name) for name in names if name.isdecimal()]
    return len(numbers) == len(names) and numbers == sorted(numbers)


def _chainable(callee: Op | Typed, types: tuple[Any, ...]) -> bool:
    if isinstance(callee, Typed):
        return len(callee.inputs) == 1 and len(callee.outputs) == 1
    return callee.sequential() and callee.attribute == "module" and callee.module(*types) is not None


def components(node: Node) -> list[str] | None:
    """The children this node adds to a chain; None if its paths do not allow that."""
    if not node.repeated:
        return None if "." in node.paths[0] else [node.paths[0]]
    if all("." not in path for path in node.paths):
        return list(node.paths)
    heads = {path.rpartition(".")[0] for path in node.paths}
    head = heads.pop()
    return None if heads or "." in head else [head]


def held(done: TypedNode, expr: Any) -> Any:
    """What makes a module, as the node has it."""
    if isinstance(expr, (Made, New)):
        expr.texts = texts_of(done.node)
    return expr if done.node.requires_grad else Method(expr, "requires_grad_", False)


def constructor(callee: Op | Typed, types: tuple[Any, ...], planner: Planner, inline: bool = False) -> Any:
    """The expression that makes a callee."""
    if isinstance(callee, Computed):
        return computed(callee)
    if isinstance(callee, Op):
        made = callee.module(*types)
        if made is None:  # written in place, in an instance of its class that has no modules there
            raise NotUnifiableError
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
            when = node.when.value if isinstance(node.when, Scalar) else None
            made = held(done, constructor(done.calls[0], done.call_inputs[0], planner))
            children.append(Child([node.paths[0]], made, when=when))
        elif all("." not in path for path in node.paths):
            children += turns("nn.Sequential", done, planner, callee).children
        else:
            children.append(Child([node.paths[0].rpartition(".")[0]], turns("nn.Sequential", done, planner, callee)))
    return Chain("nn.Sequential", children)


def turns(fn: str, done: TypedNode, planner: Planner, around: Typed) -> Chain:
    """The chain of a repeat's turns: equal neighbours as one counted child, regular differences as a loop.

    `around`: the graph that the repeat is in.
    """
    made: dict[int, Any] = {}
    names = [path.rpartition(".")[2] for path in done.node.paths]
    runs: list[Child] = []
    last: Any = None
    for name, callee, types in zip(names, done.calls, done.call_inputs, strict=True):
        key = id(callee) if isinstance(callee, Typed) else hash((id(callee), types))
        expr = made.get(key)
        if expr is None:
            expr = made[key] = held(done, constructor(callee, types, planner))
        if runs and (expr is last or same(expr, last)):
            runs[-1].names.append(name)
            runs[-1].count += 1
        else:
            runs.append(Child([name], expr, turn=True))
        last = expr
    if any(holds(run.expr, Counted) for run in runs):  # a loop within a loop would read the wrong `i`
        return Chain(fn, runs)
    ruled = len(runs) == len(names) > 1  # all differ: a loop, if that needs no table

    def looped() -> Chain | None:
        exprs = [run.expr for run in runs for _ in range(run.count)]
        try:
            merged = _looped(unify(exprs), _sources(done, planner, around))
        except NotUnifiableError:
            return None
        if len(runs) <= _RUNS and any(isinstance(leaf, Loop) and leaf.source is None for leaf in leaves(merged)):
            return None
        return Chain(fn, [Child(names, Counted(merged, len(exprs)), len(exprs), turn=True)])

    if len(runs) <= _RUNS and not ruled:
        return Chain(fn, runs, looped if len(runs) > 1 else lambda: None)
    return looped() or Chain(fn, runs)


def _looped(expr: Any, sources: list[tuple[tuple[Any, ...], Expression, dict[str, Any]]]) -> Any:
    """Vars over the turns become Loops."""
    if not isinstance(expr, Var):
        return rebuild(expr, lambda part: _looped(part, sources))
    loop = Loop(expr.values, expr.hint)
    for values, source, env in sources:
        if all(v is MISSING or (v == w and type(v) is type(w)) for v, w in zip(expr.values, values, strict=True)):
            loop = Loop(expr.values, expr.hint, source, env)
            break
    if len(set(map(type, expr.values))) == 1 and all(v == expr.values[1] for v in expr.values[2:]):
        first, rest = expr.values[:2]
        return First(first, rest, len(expr.values) == 2, loop if loop.source is not None else None)
    if loop.source is None and all(type(v) is int for v in expr.values):
        steps = {b - a for a, b in pairwise(expr.values)}
        if len(steps) == 1:
            return Steps(expr.values[0], steps.pop(), expr.hint)
    return loop


def _sources(
    done: TypedNode, planner: Planner, around: Typed
) -> list[tuple[tuple[Any, ...], Expression, dict[str, Any]]]:
    """Arguments that are written as an expression of `i`: their values by turn, and what else the expression reads."""
    found = []
    for path, text in written_arguments(done.node):
        source = expression(text)
        if source is None or "i" not in source.names:
            continue
        env = {name: around.value(name, planner.root.params) for name in source.names if name != "i"}
        values = tuple(value_at(callee, path) for callee in done.calls)
        known = not any(value is None or isinstance(value, Dim) for value in env.values())
        if MISSING in values or not known or python(source, {"i": "i"}, env, values) is None:
            continue
        found.append((values, source, env))
    return found
