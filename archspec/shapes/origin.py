"""Where a size of a value comes from: through chains, residuals, blocks, repeats, and out of them again."""

from __future__ import annotations

from typing import NamedTuple

from archspec.diagnostics.model import Label, Span
from archspec.dims import Size
from archspec.graph.ir import Node, Value
from archspec.reading.nodes import Mapping
from archspec.shapes.site import CallSite, call_words
from archspec.shapes.trail import back
from archspec.shapes.typed import UNKNOWN, Typed, TypedNode

MOST_STEPS = 2_000
MOST_UPSTREAM = 32


class Origin(NamedTuple):
    """`then` is None where the size is what it is from the start; `done` is the node that makes it, None for an input
    of the spec. `calls` lead to it from where it is asked. `upstream`: in its graph, the items that its own is made
    from."""

    span: Span
    name: str
    then: Size | None
    now: Size
    done: TypedNode | None
    calls: tuple[Label, ...] = ()
    upstream: tuple[Span, ...] = ()

    def label(self, axis: int) -> Label:
        if self.then is not None:
            return Label(self.span, f"here dimension {axis} goes from {self.then} to {self.now}")
        return Label(self.span, f"dimension {axis} of `{self.name}` is {self.now}")


def origin(typed: Typed, parent: CallSite | None, value: Value | None, axis: int) -> Origin | None:
    """Where the size along `axis` of a value of this graph was last changed, or came in. `parent`: the graph's call.

    None where that cannot be told.
    """
    kind = None if value is None else typed.type_of(value)
    if kind is None or kind is UNKNOWN or not -kind.rank <= axis < kind.rank:
        return None
    return _origin(typed, parent, value, axis % kind.rank, [MOST_STEPS])


def cut(typed: Typed, parent: CallSite | None, value: Value | None) -> Span | None:
    """The op that cuts up (`chunk`, `unbind`, …) what a value of this graph is made of; None if none does."""
    for _ in range(MOST_STEPS):
        if value is None:
            break
        if value.node < 0:
            out = _outside(typed, parent, value.output)
            if out is None:
                break
            typed, parent, value = out
            continue
        done = typed.nodes[value.node]
        op = done.calls[-1] if done.calls else None
        if op is not None and not isinstance(op, Typed) and op.result[0].startswith("*"):
            return place(done.node)
        value = back(typed, value)
    return None


def _origin(typed: Typed, parent: CallSite | None, value: Value | None, axis: int, left: list[int]) -> Origin | None:
    while value is not None and left[0] > 0:
        left[0] -= 1
        now = typed.type_of(value)
        if now is UNKNOWN or not 0 <= axis < now.rank:
            return None
        size = now.shape[axis]
        if value.node < 0:
            out = _outside(typed, parent, value.output)
            if out is not None:
                typed, parent, value = out
                continue
            given = typed.graph.inputs[value.output]
            return Origin(given.span, given.name, None, size, None) if typed.graph.kind == "root" else None
        done = typed.nodes[value.node]
        before = back(typed, value)
        then = typed.type_of(before) if before is not None else None
        if then is UNKNOWN or not done.calls:
            return None
        if then is None or then.rank != now.rank:
            return Origin(place(done.node), done.node.label, None, size, done, upstream=_upstream(typed, before))
        if then.shape[axis] != size:
            return _inside(typed, value, axis, left) or Origin(
                place(done.node), done.node.label, then.shape[axis], size, done, upstream=_upstream(typed, before)
            )
        value = before
    return None


def _upstream(typed: Typed, value: Value | None) -> tuple[Span, ...]:
    """The items of a graph that led to a value, the nearest first."""
    found: list[Span] = []
    while value is not None and value.node >= 0 and len(found) < MOST_UPSTREAM:
        found.append(place(typed.graph.nodes[value.node]))
        value = back(typed, value)
    return tuple(found)


def ancestors(site: CallSite) -> list[Span]:
    """The items of its graph that what an item reads is made from, the nearest first."""
    nodes = site.typed.graph.nodes
    found: dict[int, Span] = {}
    pending = [site.number]
    while pending and len(found) < MOST_UPSTREAM:
        for value in nodes[pending.pop(0)].inputs:
            if value is not None and value.node >= 0 and value.node not in found:
                found[value.node] = place(nodes[value.node])
                pending.append(value.node)
    return list(found.values())


def _outside(typed: Typed, parent: CallSite | None, number: int) -> tuple[Typed, CallSite | None, Value] | None:
    """What a graph is given as an input, as a value of the graph around, or of the turn before."""
    if parent is None or typed.graph.kind == "root":
        return None
    done = parent.typed.nodes[parent.number]
    node = done.node
    if node.scan is not None or node.join is not None or number >= len(node.inputs):
        return None
    if node.repeated and parent.turn > 0 and number < node.carry:
        callee = done.calls[parent.turn - 1]
        if not isinstance(callee, Typed):
            return None
        return callee, parent._replace(turn=parent.turn - 1), callee.graph.outputs[number][1]
    given = node.inputs[number]
    return None if given is None else (parent.typed, parent.parent, given)


def _inside(typed: Typed, value: Value, axis: int, left: list[int]) -> Origin | None:
    """Where in the block or sequence that gives a value the size was changed."""
    done = typed.nodes[value.node]
    if done.node.scan is not None or done.node.join is not None:
        return None
    last = len(done.calls) - 1
    for turn in range(min(last, len(done.results) - 1), -1, -1):
        callee, output = done.calls[turn], value.output if turn == last else 0
        came, gave = done.call_inputs[turn][0], done.results[turn][output]
        if came is None or came.rank != gave.rank:
            return None
        if came.shape[axis] != gave.shape[axis]:
            if not isinstance(callee, Typed):
                return None
            found = _origin(callee, None, callee.graph.outputs[output][1], axis, left)
            words = call_words(done.node, turn)
            if found is None or found.then is None or not words:
                return found
            return found._replace(calls=(*found.calls, Label(done.node.key_span, words)))
    return None


def place(node: Node) -> Span:
    """Where an item says what it makes."""
    return node.raw.span if isinstance(node.raw, Mapping) else node.span
