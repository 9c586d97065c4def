"""Looking through what is no part of the model (items left out, blocks never used) for what is wrong in any case.

The same code elaborates it, with every value unknown: so what depends on a value is passed over, and all else is
checked. What comes of it is thrown away.
"""

from __future__ import annotations

from typing import Any

from archspec.graph import structures
from archspec.graph.arguments import op_call
from archspec.graph.blocks import Walk, block_graph, build
from archspec.graph.context import FAILED, Context
from archspec.graph.items import Item
from archspec.graph.scope import Scope


def inspect_item(ctx: Context, scope: Scope, item: Item, walk: Walk) -> None:
    """An item that is left out, by `when` or a `repeat` of nothing; or one whose turns are not known."""
    env: dict[str, Any] = dict.fromkeys((*scope.env, *item.loop_names), FAILED)
    before, ctx.inspecting = ctx.inspecting, True
    unspelt = list(scope.unspelt)
    if item.kind == "op":
        op_call(ctx, item, env)
    elif item.kind == "block":
        block_graph(ctx, item, env, walk)
    elif item.is_structure:
        structures.nested(ctx, scope, item, item.key, env, walk, None, structures.Captured(), [])
    ctx.inspecting = before
    if not before:  # a name that it would give is one that there is not
        scope.unspelt = unspelt


def inspect_blocks(ctx: Context, walk: Walk) -> None:
    """The blocks that were never built."""
    before, ctx.inspecting = ctx.inspecting, True
    for block in ctx.blocks.values():
        if not block.built and block.layers is not None:
            unknown = dict.fromkeys((*block.parameters(), *block.not_declared), FAILED)
            build(ctx, block, unknown, {}, walk)
    ctx.inspecting = before
