"""Warnings: names of the spec that a block or a repeat hides, so that another value is read than may be meant."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.diagnostics.model import Label, Span
from archspec.graph.context import Context
from archspec.graph.names import bound_names, inner_lists, key_of
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence


def warn(ctx: Context, root: Mapping) -> None:
    """Warn in the spec's own file, of what is written: whatever of it parameters leave out."""
    declared = root.get("params")
    if not isinstance(declared, Mapping) or not declared.entries:
        return
    own = {name: span for name, span in declared.keys.items() if span.file == root.span.file}
    defaults = {
        name: {
            param.name: param.span
            for param in block.parameters().values()
            if param.type is None and param.name in own and param.name not in ctx.mentions(param.node)
        }
        for name, block in ctx.blocks.items()
    }
    lists = [root.get("layers"), *(block.layers for block in ctx.blocks.values() if block.span.file == root.span.file)]
    told: set[tuple[str, str]] = set()
    for item in (item for each in lists if isinstance(each, Sequence) for item in _items(each)):
        block = key_of(item)
        if block is not None and defaults.get(block):
            for name in _left_out(ctx, block, item):
                if name in defaults[block] and (block, name) not in told:
                    told.add((block, name))
                    _default(ctx, block, name, item, defaults[block][name], own[name])
        if isinstance(item, Mapping) and "repeat" in item:
            _bound(ctx, item, own)


def _items(items: Sequence) -> Iterator[Node]:
    for item in items.items:
        yield item
        for _, inner, _ in inner_lists(item):
            yield from _items(inner)


def _left_out(ctx: Context, block: str, item: Node) -> list[str]:
    """The parameters of the block that the item does not give."""
    declared = list(ctx.blocks[block].parameters())
    given = item.get(block) if isinstance(item, Mapping) else None
    if isinstance(given, Mapping):
        return [name for name in declared if name not in given]
    return declared if given is None or (isinstance(given, Scalar) and given.value is None) else declared[1:]


def _default(ctx: Context, block: str, name: str, item: Node, own: Span, spec: Span) -> None:
    span = item.keys[block] if isinstance(item, Mapping) else item.span
    ctx.diagnostics.warning(
        "AS405",
        span,
        f"`{block}` takes its own default of `{name}` here, not the spec's `{name}`",
        secondary=[Label(own, "its own"), Label(spec, "the spec's")],
        help=f"write `{block}: {{{name}: ${name}}}` for the spec's, or rename one of them",
    )


def _bound(ctx: Context, item: Mapping, own: dict[str, Span]) -> None:
    repeat = item.entries["repeat"]
    names = {"i": item.keys["repeat"], **{name: node.span for name, node in bound_names(repeat).items()}}
    inside = frozenset[str]().union(*(ctx.mentions(node) for key, node in item.entries.items() if key != "repeat"))
    for name, span in names.items():
        if name in own and name in inside:
            ctx.diagnostics.warning(
                "AS405",
                span,
                f"in this `repeat` `${name}` is not the spec's parameter",
                secondary=[Label(own[name], "the parameter")],
                help="rename the parameter: `i` is the number of the turn" if name == "i" else "rename one of them",
            )
