"""How large a model becomes when every repeat and block is written out, worked out without doing so."""

from __future__ import annotations

from archspec.graph.context import MAX_NODES, Context, LimitReachedError
from archspec.graph.ir import Graph


def check_size(ctx: Context, graph: Graph) -> None:
    """Refuse a model of more than MAX_NODES steps (AS215), at the item that makes it so."""
    sizes: dict[int, int] = {}
    if expanded_size(graph, sizes) <= MAX_NODES:
        return
    worst = max(graph.nodes, key=lambda node: sum(_size(call, sizes) for call in node.calls))
    ctx.error("AS215", worst.span, f"written out, the model has {sizes[id(graph)]:,} steps; at most {MAX_NODES:,}")
    raise LimitReachedError


def expanded_size(graph: Graph, sizes: dict[int, int]) -> int:
    """Steps of a graph with all that it calls; `sizes` keeps what is known by `id` of the graph."""
    known = sizes.get(id(graph))
    if known is None:
        known = 0
        for node in graph.nodes:
            for call in node.calls:
                if isinstance(call, Graph):
                    expanded_size(call, sizes)
                known += _size(call, sizes)
        sizes[id(graph)] = known
    return known


def _size(call: object, sizes: dict[int, int]) -> int:
    return max(sizes[id(call)], 1) if isinstance(call, Graph) else 1
