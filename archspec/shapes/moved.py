"""What was found of the graph of a block, for its copy in another place (archspec.graph.moved).

It is a copy too, and filled in when something looks into it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from archspec.graph.ir import Graph, Node
from archspec.graph.kept import UNUSED
from archspec.shapes.typed import Typed, TypedNode

Key = tuple[Any, ...]


class Copied(NamedTuple):
    """`source`: what a copy, for `graph`, is made of. `inner`: the copies of what it calls, by `id` of that."""

    source: Typed
    graph: Graph
    inner: dict[int, Typed]

    def nodes(self) -> list[TypedNode]:
        return [self._node(old, node) for old, node in zip(self.source.nodes, self.graph.nodes, strict=True)]

    def _node(self, old: TypedNode, node: Node) -> TypedNode:
        calls = [self.inner[id(callee)] if isinstance(callee, Typed) else callee for callee in old.calls]
        return old.copy(node, calls)


def moved(graph: Graph, key: Key) -> tuple[Typed, Any] | None:
    """What is known of `graph.origin` under a key, of `graph`, which then knows it too; None if nothing is."""
    origin = graph.origin
    found = origin.known.get(key) if origin is not None and origin.known is not None else None
    if found is None or graph.known is None:
        return None
    graph.known[key] = _copy(found[0], graph, {}, known=False), found[1]
    known: tuple[Typed, Any] = graph.known[key]
    return known


def _copy(old: Typed, graph: Graph, done: dict[int, Typed], *, known: bool = True) -> Typed:
    """`known`: of a block, which other blocks may use too, and which is to be typed once for all of them."""
    if old.graph is graph:  # it stands where it stood
        return old
    if id(old) in done:
        return done[id(old)]
    origin = graph.origin
    if known and origin is not None and origin.known and graph.known is not None:
        key = next((key for key, found in origin.known.items() if key != UNUSED and found[0] is old), None)
        found = None if key is None else graph.known.get(key) or moved(graph, key)
        if found is not None:
            done[id(old)] = found[0]
            return done[id(old)]
    new = done[id(old)] = Typed.__new__(Typed)
    new.graph, new.inputs, new.outputs, new.params = graph, old.inputs, old.outputs, old.params
    new.cost, new.silent = old.cost, old.silent
    source = old if old._copied is None else old._copied.source
    graphs = dict(zip(map(id, old.graph.inner), graph.inner, strict=True))
    new._inner = tuple((_copy(each, graphs[id(each.graph)], done), path) for each, path in old.inner)
    inner = {id(each): copy for (each, _), (copy, _) in zip(source.inner, new._inner, strict=True)}
    new._copied = Copied(source, graph, inner)
    return new
