"""How large a model becomes when every repeat and block is written out, worked out without doing so."""

from __future__ import annotations

from archspec.graph.context import MAX_NODES, Context, LimitReachedError
from archspec.graph.ir import Graph


def check_size(ctx: Context, graph: Graph) -> None:
    """Refuse a model of more than MAX_NODES steps (AS215), at the item that makes it so."""
    if graph.steps <= MAX_NODES:
        return
    worst = max(graph.nodes, key=lambda node: node.steps)
    ctx.error("AS215", worst.span, f"written out, the model has {graph.steps:,} steps; at most {MAX_NODES:,}")
    raise LimitReachedError
