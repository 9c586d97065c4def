"""Items whose op or block is the value of a parameter: `$norm: {eps: 1e-6}`, `- $act`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from archspec.diagnostics.model import Span
from archspec.diagnostics.suggest import did_you_mean
from archspec.graph.context import FAILED, Context
from archspec.graph.names import WORDS, is_block_name, loop_names
from archspec.ops.kinds import show
from archspec.ops.registry import all_ops, find
from archspec.reading.nodes import Mapping, Node, Scalar

_WORD = re.compile(r"[A-Za-z_]\w*")


def with_op(ctx: Context, node: Node, env: dict[str, Any]) -> Node | None:
    """The item with its op or block outright, as one and the same node for the same value; None (reported).

    null is `identity`, which takes any arguments here, as `nn.Identity` does.
    """
    keys: Iterable[Any] = node.entries if isinstance(node, Mapping) else (getattr(node, "value", None),)
    key = next((each for each in keys if type(each) is str and each[:1] == "$"), None)
    if key is None:
        return node
    span = node.keys[key] if isinstance(node, Mapping) else node.span
    repeat = node.get("repeat") if isinstance(node, Mapping) else None
    if not loop_names(repeat).isdisjoint(_WORD.findall(key)):
        ctx.error("AS202", span, f"`{key}` is one for all turns", help="repeat a `sequence` that holds the item")
        return None
    written = Scalar(key, span)
    value = ctx.settled(written, env)
    if value is FAILED:
        return None
    name = "identity" if value is None else value
    if not _names_an_item(ctx, written, key, name, span):
        return None
    if ctx.frames:  # what is made here is not where the text is: the graph does not outlive the check
        ctx.frames[-1].uses = None
    known = ctx.chosen.get((id(node), name))
    if known is None:
        known = ctx.chosen[id(node), name] = _renamed(node, key, name, span, empty=name == "identity")
    return known


def _names_an_item(ctx: Context, written: Scalar, key: str, name: Any, span: Span) -> bool:
    if not isinstance(name, str):
        ctx.error("AS205", span, f"`{key}` names an op or block, got {show(name)}", value_of=written)
        return False
    if name in ctx.blocks or name in ctx.misnamed_blocks or find(name) is not None:
        return name not in ctx.misnamed_blocks
    help = did_you_mean(name, [*all_ops(), *ctx.blocks])
    if name in WORDS:
        help = "a structure is written outright; put it into a block"
    told, message = f"`{key}` is `{name}`", f"there is no {'block' if is_block_name(name) else 'op'} `{name}`"
    if name in WORDS:
        told, message = "", f"{told}, which is no op or block"
    ctx.error("AS202", span, message, label=told, help=help, value_of=written)
    return False


def _renamed(node: Node, key: str, name: str, span: Span, *, empty: bool) -> Node:
    if not isinstance(node, Mapping):
        return Mapping({name: Scalar(None, span)}, {name: span}, node.span)
    entries = {name if each == key else each: value for each, value in node.entries.items()}
    if empty:
        entries[name] = Scalar(None, span)
    return Mapping(entries, {name if each == key else each: place for each, place in node.keys.items()}, node.span)
