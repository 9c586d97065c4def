"""`register_buffer` on a sequence: what it computes, from nothing, is a buffer of the module."""

from __future__ import annotations

from typing import Any

from archspec.diagnostics.suggest import did_you_mean
from archspec.graph.context import FAILED, Context
from archspec.graph.ir import Buffer
from archspec.graph.items import Item
from archspec.graph.structures import Captured
from archspec.reading.nodes import Mapping, Scalar

_INSTEAD = ("merge", "route", "outputs", "tie", "init", "requires_grad")


def read_buffer(ctx: Context, item: Item) -> Any:
    """The item's `register_buffer` as a Buffer; None where it has none, FAILED where it is wrong (reported)."""
    node = item.get("register_buffer")
    if node is None:
        return None
    if item.kind != "sequence":
        help = "put what computes it into a `sequence`"
        ctx.error("AS201", node.span, f"`register_buffer` is for a `sequence`, and `{item.key}` is none", help=help)
        return FAILED
    if item.get("name") is None:
        ctx.error("AS201", node.span, "a buffer needs a name: its key in `state_dict()`", help="`name: positions`")
        return FAILED
    for word in _INSTEAD:
        other = item.get(word)
        if other is not None:
            ctx.error("AS201", other.span, f"a buffer that is computed once takes no `{word}`")
            return FAILED
    given = node.get("persistent") if isinstance(node, Mapping) else None
    persistent = given.value if isinstance(given, Scalar) else given is None
    odd = [key for key in node.entries if key != "persistent"] if isinstance(node, Mapping) else []
    for key in odd:
        assert isinstance(node, Mapping)
        help = did_you_mean(key, ["persistent"]) or "its only key is `persistent`"
        ctx.error("AS201", node.keys[key], f"`register_buffer` has no key `{key}`", help=help)
    if not isinstance(node, Mapping) or not isinstance(persistent, bool):
        help = "`register_buffer: {}`, or `{persistent: false}`: not in `state_dict()`"
        ctx.error("AS205", (given or node).span, "`register_buffer` takes {persistent: true or false}", help=help)
        return FAILED
    return FAILED if odd else Buffer(persistent)


def alone(ctx: Context, buffer: Any, captured: Captured) -> bool:
    """Does what computes a buffer read nothing around it? Else it is reported."""
    if buffer is None or not captured.inputs:
        return True
    what = "a buffer is computed when the module is made, and this is a value of its forward pass"
    ctx.error("AS210", captured.inputs[0].span, what)
    return False
