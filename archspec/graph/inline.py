"""`inline: true` on a block: its items are the list's own (and put there once sizes are known: shapes/inline.py)."""

from __future__ import annotations

from archspec.graph.context import Context
from archspec.graph.items import Item
from archspec.reading.nodes import Scalar

_INSTEAD = ("repeat", "merge", "route", "forward", "tie", "requires_grad")


def read_inline(ctx: Context, item: Item) -> bool | None:
    """Is the item an inline block? None if what it says is wrong (reported)."""
    node = item.get("inline")
    if node is None:
        return False
    inline = node.value if isinstance(node, Scalar) else None
    if not isinstance(inline, bool):
        help = "names never depend on a parameter" if isinstance(inline, str) and "$" in inline else None
        ctx.error("AS205", node.span, "`inline` takes true or false", help=help)
        return None
    if item.kind != "block":
        help = "an unnamed one adds no component to the names in it" if item.is_structure else None
        ctx.error("AS201", node.span, f"`inline` is for a block, and `{item.key}` is none", help=help)
        return None
    if not inline:
        return False
    for word in _INSTEAD:
        other = item.get(word)
        if other is not None:
            help = f"write `{word}` on the items of `{item.key}`, or leave out `inline`"
            ctx.error("AS201", other.span, f"an inline block is no module, and takes no `{word}`", help=help)
            inline = False
    return inline or None
