"""Which typed graphs are of one class, and what they call: the order in which classes are planned."""

from __future__ import annotations

from typing import Any

from archspec.codegen.tree import MISSING, holds
from archspec.graph.ir import OpCall
from archspec.ops.base import Op
from archspec.ops.expr import Module, Own
from archspec.shapes.typed import Typed, TypedNode


def groups_of(root: Typed) -> list[list[Typed]]:
    """Distinct typed graphs by template, called ones before their callers."""
    groups: dict[Any, list[Typed]] = {}
    order: list[Any] = []
    calls: dict[Any, dict[Any, None]] = {}
    seen: set[int] = set()
    stack = [root]
    while stack:
        typed = stack.pop()
        if id(typed) in seen:
            continue
        seen.add(id(typed))
        template = typed.graph.template
        groups.setdefault(template, []).append(typed)
        inner = calls.setdefault(template, {})
        children = _children(typed)
        for child in children:
            inner[child.graph.template] = None
        stack += reversed(list({id(c): c for c in children}.values()))
    done: set[Any] = set()

    def visit(template: Any) -> None:
        if template in done:
            return
        done.add(template)
        for inner in calls[template]:
            visit(inner)
        order.append(template)

    visit(root.graph.template)
    return [groups[t] for t in order]


def alternatives(table: list[list[Any]]) -> bool:
    """Are there modules of one path, of which each instance has another?"""
    seen: set[str] = set()
    for row in table:
        first = next(d for d in row if d is not MISSING)
        call = first.node.calls[0]
        if first.node.shared is None and not (isinstance(call, OpCall) and call.bare()):
            if not seen.isdisjoint(first.node.paths):
                return True
            seen.update(first.node.paths)
    return False


def _children(typed: Typed) -> list[Typed]:
    """The typed graphs that it calls; those of a body that is written in place are its own."""
    out: list[Typed] = []
    for done in typed.nodes:
        calls = [c for c in done.calls if isinstance(c, Typed)]
        out += [inner for body in calls for inner in _children(body)] if in_place(done) else calls
    return out


def in_place(done: TypedNode) -> bool:
    """Is what a node calls written where it is called? A scan's body is, and joined turns that are one and the same
    sequence without a module in it."""
    if done.node.scan is not None:
        return True
    if done.node.join is None or not done.rows:
        return False
    first = done.calls[0]
    return all(call is first for call in done.calls) and _bare(first)


def _bare(callee: Op | Typed) -> bool:
    if isinstance(callee, Op):
        return False
    return callee.graph.kind == "sequence" and all(
        isinstance(call, Op) and not needs_attribute(call.forward(*types))
        for done in callee.nodes
        for call, types in zip(done.calls, done.call_inputs, strict=True)
    )


def needs_attribute(expr: Any) -> bool:
    """Does the expression use the op's own module or tensor?"""
    return holds(expr, Module, Own)
