"""Every op of a model as it is called, each kind of call once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from archspec.graph.ir import Node, Value
from archspec.ops.base import Op
from archspec.shapes.typed import Typed

T = TypeVar("T")


class Uses:
    """How the values and modules of one graph are used; looked through when it is first asked."""

    def __init__(self, typed: Typed) -> None:
        self.graph = typed.graph

    @cached_property
    def reads(self) -> Counter[Value]:
        """How often each value is read, outputs included."""
        found = Counter(value for node in self.graph.nodes for value in node.inputs if value is not None)
        found.update(value for _, value in self.graph.outputs)
        return found

    @cached_property
    def called_again(self) -> frozenset[int]:
        """Nodes whose modules another node calls too."""
        return frozenset(node.shared for node in self.graph.nodes if node.shared is not None)


class OpSite(NamedTuple):
    """A call of an op: the node, which of its turns, what it reads, and the path from the root to its graph."""

    typed: Typed
    uses: Uses
    node: Node
    turn: int
    op: Op
    inputs: tuple[Any, ...]
    prefix: str


def graphs(root: Typed) -> Iterator[tuple[Typed, str]]:
    """The root and every graph it calls, with the path to it. One that is called alike several times comes once, by
    the path of its first call."""
    seen: set[int] = {id(root)}
    todo = [(root, "")]
    while todo:
        typed, prefix = todo.pop()
        yield typed, prefix
        for callee, path in typed.inner:
            if id(callee) not in seen:
                seen.add(id(callee))
                todo.append((callee, f"{prefix}{path}."))


def op_sites(typed: Typed, prefix: str, wanted: Callable[[type[Op]], T | None]) -> Iterator[tuple[OpSite, T]]:
    """The calls, in one graph, of the ops that are `wanted`, with what it gives for them."""
    uses = Uses(typed)
    for done in typed.nodes:
        before: Any = None
        for turn, callee in enumerate(done.calls):
            if isinstance(callee, Typed):
                continue
            answer = wanted(type(callee))
            if answer is None:
                break
            inputs = done.call_inputs[turn]
            if callee is before and turn > 1 and inputs == done.call_inputs[turn - 1]:
                continue
            before = callee
            yield OpSite(typed, uses, done.node, turn, callee, inputs, prefix), answer


def producer(site: OpSite) -> tuple[Node, Op, tuple[Any, ...]] | None:
    """The op whose result the site reads first, and what that reads; None for an input, a block, an earlier turn."""
    value = site.node.inputs[0] if site.node.inputs else None
    if value is None or value.node < 0 or site.turn > 0 or value.output > 0:
        return None
    done = site.typed.nodes[value.node]
    if not done.calls or not isinstance(op := done.calls[-1], Op):
        return None
    return done.node, op, done.call_inputs[len(done.calls) - 1]
