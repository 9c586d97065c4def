"""The words on an item: `name`, `outputs`, `tie`, `doc`."""

from __future__ import annotations

from typing import Any

from archspec.diagnostics.model import Span
from archspec.diagnostics.suggest import surround
from archspec.graph.context import FAILED, Context
from archspec.graph.items import Item
from archspec.graph.names import wrong_identifier, wrong_path
from archspec.graph.scope import Scope
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence


def text_of(node: Node | None) -> str:
    return node.value if isinstance(node, Scalar) and isinstance(node.value, str) else ""


def item_name(ctx: Context, scope: Scope, item: Item) -> Any:
    """The name; None where there is none, or where each turn of the repeat has its own; FAILED (reported)."""
    node = item.get("name")
    if node is None or ctx.mentions(node) & item.loop_names:
        return None
    if ctx.mentions(node) and _left_out(ctx, item, scope) and wrong_path(str(ctx.evaluate(node, scope.env))):
        return None  # such as that of the turn before the first
    return evaluated_name(ctx, scope, node, scope.env)


def _left_out(ctx: Context, item: Item, scope: Scope) -> bool:
    """Also where its `when` is in error, of which is told where that is read."""
    when = item.get("when")
    return when is not None and not ctx.mentions(when) & item.loop_names and ctx.evaluate(when, scope.env) is not True


def evaluated_name(ctx: Context, scope: Scope, node: Node, env: dict[str, Any]) -> Any:
    name = ctx.evaluate(node, env)
    if name is FAILED:
        return FAILED
    if isinstance(name, int) and not isinstance(name, bool) and name >= 0:
        if text_of(node):  # an expression: `name: $i`
            return str(name)
        ctx.error("AS205", node.span, "a name is text", help=f'quote it: "{name}"')
        return FAILED
    if not isinstance(name, str):
        ctx.error("AS205", node.span, "a name is text", help="`name: encoder`")
        return FAILED
    wrong = wrong_path(name)
    if wrong:
        help = f"`{name.replace(' ', '_')}`, for one" if " " in name.strip() else "choose another name"
        if "-" in name:
            help = f"`{name.replace('-', '_')}`, for one"
        ctx.error("AS205", node.span, f"an item cannot be called `{name}`: {wrong}", help=help)
        return FAILED
    if scope.parent is None and name in [given.name for given in scope.builder.inputs]:
        ctx.error("AS207", node.span, f"`{name}` is already the name of an input")
        return FAILED
    return name


def output_names(ctx: Context, scope: Scope, item: Item) -> list[tuple[str, Span]] | None:
    """Names for the item's results with their places, empty if none are given; None if wrong (reported)."""
    node = item.get("outputs")
    if node is None:
        return []
    if not isinstance(node, Sequence):
        fix = surround(node.span, "[", "]") if text_of(node) else None
        help = "`outputs: [sequence, hidden, cell]`"
        ctx.error("AS205", node.span, "`outputs` takes a list of names", help=help, fix=fix)
        return None
    out: list[tuple[str, Span]] = []
    for inner in node.items:
        name = ctx.evaluate(inner, scope.env)
        if name is FAILED:
            return None
        wrong = wrong_identifier(name) if isinstance(name, str) else "a name is text"
        if wrong:
            ctx.error("AS205", inner.span, f"a result cannot be called `{name}`: {wrong}")
            return None
        out.append((name, inner.span))
    if not out:
        ctx.error("AS205", node.span, "`outputs` names nothing", help="leave it out")
        return None
    return out


def ties_of(ctx: Context, scope: Scope, item: Item) -> dict[str, tuple[str, Span]] | None:
    """{own parameter or module: (path of the one it is, its place)}; None if wrong (reported)."""
    node = item.get("tie")
    if node is None:
        return {}
    if not isinstance(node, Mapping):
        ctx.error(
            "AS205",
            node.span,
            "`tie` takes a mapping from the item's own parameter to the path of another",
            help="`tie: {weight: wte.weight}`",
        )
        return None
    out: dict[str, tuple[str, Span]] = {}
    for own, target in node.entries.items():
        path = ctx.evaluate(target, scope.env)
        if path is FAILED:
            return None
        if not isinstance(path, str) or not path:
            ctx.error(
                "AS205",
                target.span,
                f"`tie` wants the path of a parameter, got `{path}`",
                help="an item's name and its parameter's: `wte.weight`",
            )
            return None
        out[own] = (path, target.span)
    return out
