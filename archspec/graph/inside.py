"""Modules inside others, by their paths: `encoder.layers.3.attn`, from the node that makes `encoder`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from archspec.graph.ir import Graph, Node, OpCall


class Inside(NamedTuple):
    """A node of a graph further in, its calls that are meant (all turns of a repeat, or one), and their paths."""

    node: Node
    calls: list[OpCall | Graph]
    paths: list[str]


class NotInside(NamedTuple):
    """Where the way to a module ends: the path so far, what is there, and the modules that it has."""

    at: str
    call: OpCall | Graph
    known: tuple[str, ...] = ()


def find_inside(call: OpCall | Graph, path: str) -> Inside | NotInside:
    """The node that makes the module at a path inside what is called."""
    if not isinstance(call, Graph):
        return NotInside("", call)
    heads: dict[str, None] = {}
    makers = (node for graph in _namespaces(call) for node in graph.nodes if node.shared is None and node.calls)
    for node in makers:
        if node.in_place:
            continue
        heads.update((each, None) for each in node.paths)
        if path in node.paths:
            return Inside(node, [node.calls[node.paths.index(path)]], [path])
        if node.repeated and {each.rpartition(".")[0] for each in node.paths} == {path}:
            return Inside(node, node.calls, node.paths)
        for own, inner in zip(node.paths, node.calls, strict=True):
            if path.startswith(f"{own}."):
                found = find_inside(inner, path[len(own) + 1 :])
                if isinstance(found, Inside):
                    return found._replace(paths=[f"{own}.{each}" for each in found.paths])
                return found._replace(at=f"{own}.{found.at}" if found.at else own)
    return NotInside("", call, tuple(heads))


def way_inside(call: OpCall | Graph, path: str) -> Iterator[tuple[Graph, Any]]:
    """The graphs on the way to the module at a path inside what is called, each with the item that leads on."""
    for graph in _namespaces(call) if isinstance(call, Graph) else ():
        for node in graph.nodes:
            for own, inner in zip(node.paths, node.calls, strict=False):
                if path == own or path.startswith(f"{own}.") or own.startswith(f"{path}."):
                    yield graph, node.item
                if path.startswith(f"{own}."):
                    yield from way_inside(inner, path[len(own) + 1 :])


def _namespaces(graph: Graph) -> Iterator[Graph]:
    """The graph, and the bodies of its scans and its inline blocks, whose modules are its own."""
    yield graph
    for node in graph.nodes:
        if node.in_place and node.calls and isinstance(node.calls[0], Graph):
            yield from _namespaces(node.calls[0])
