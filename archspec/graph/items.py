"""Reading one item of a list: which op, block or structure it is, and its common keys."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from archspec.diagnostics.model import Label, Span
from archspec.diagnostics.suggest import MOST, did_you_mean, meant_keys, rename, write_instead
from archspec.graph.chosen import with_op
from archspec.graph.context import Context
from archspec.graph.names import COMMON, STRUCTURES, WORDS, Position, is_block_name, loop_names
from archspec.ops.base import Op
from archspec.ops.registry import all_ops, find
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence, renamed

_COMMON = frozenset(COMMON)
_PLAIN = frozenset({"name", "from", "doc"})


class Item(NamedTuple):
    """`kind`: "op", "block", "use", or a structure's word; `value` is what stands under its key."""

    node: Node
    position: Position
    kind: str
    key: str
    key_span: Span
    value: Node | None
    common: dict[str, Node]
    op: type[Op] | None = None
    plain: bool = False  # an op with no other words than a name and what it reads

    def get(self, key: str) -> Node | None:
        return self.common.get(key)

    @property
    def loop_names(self) -> frozenset[str]:
        """The names that its `repeat` binds."""
        return loop_names(self.common.get("repeat"))

    @property
    def is_structure(self) -> bool:
        return self.kind in STRUCTURES


def read_item(ctx: Context, node: Node, position: Position) -> Item | None:
    """The item, or None (reported). Read once, however often the block it stands in is built."""
    known = ctx.items.get(id(node))
    if known is None:
        known = _read_item(ctx, node, position)
        if known is not None:
            ctx.items[id(node)] = known
    elif known.position != position:
        known = known._replace(position=position)
    return known


def as_meant(ctx: Context, node: Mapping) -> Mapping:
    """The item with a misspelt `name`, `from`, … as what it was meant for; what follows goes by that."""
    keys = [key for key in node.entries if key in _COMMON or _kind(ctx, key) is None]
    return node if _COMMON.issuperset(keys) else renamed(node, meant_keys(keys, _COMMON))


def _read_item(ctx: Context, node: Node, position: Position) -> Item | None:
    if isinstance(node, Scalar):
        if not isinstance(node.value, str):
            what = "this item is empty" if node.value is None else f"an item cannot be {node.data()!r}"
            ctx.error("AS214", node.span, what, help="an item is an op's name (`- relu`) or a mapping (`- linear: 10`)")
            return None
        return _of_key(ctx, node, position, node.value, node.span, None, {})
    if isinstance(node, Sequence):
        ctx.error(
            "AS214",
            node.span,
            "an item cannot be a list",
            help="a chain inside a chain is written `- sequence: [...]`",
        )
        return None
    assert isinstance(node, Mapping)
    common: dict[str, Node] = {}
    others: list[str] = []
    for key, value in node.entries.items():
        if key in _COMMON:
            common[key] = value
        else:
            others.append(key)
    known = [key for key in others if _kind(ctx, key) is not None]
    doc = common.get("doc")
    if doc is not None and not (isinstance(doc, Scalar) and isinstance(doc.value, str)):
        ctx.error("AS205", doc.span, "`doc` takes text")
    if len(known) == 1:
        if len(others) > 1:
            left = [key for key in others if key != known[0]]
            _unknown_keys(ctx, node, known[0], left)
            node = as_meant(ctx, node)
            common = {key: value for key, value in node.entries.items() if key in _COMMON}
        return _of_key(ctx, node, position, known[0], node.keys[known[0]], node.entries[known[0]], common)
    if len(known) > 1:
        first, *rest = known
        ctx.error(
            "AS214",
            node.keys[rest[0]],
            f"an item has one op or block; this one has {_words(known)}",
            label="a second one",
            secondary=[Label(node.keys[first], "the first")],
            help="write each as an item of its own, with its own `-`",
        )
        return None
    if others:
        for key in others:
            _unknown(ctx, key, node.keys[key], common_too=len(others) > 1 or not common)
        return None
    ctx.error(
        "AS214",
        node.span,
        "this item has no op or block" if common else "this item is empty",
        help="an item is an op's name (`- relu`) or a mapping with one op: `{name: fc, linear: 10}`",
    )
    return None


def read_merge(ctx: Context, node: Node, position: Position, env: dict[str, Any]) -> Item | None:
    """The `merge` of a `parallel`: an op, maybe one that a parameter names, with arguments and nothing else."""
    chosen = with_op(ctx, node, env)
    item = read_item(ctx, chosen, position) if chosen is not None else None
    if item is None:
        return None
    if item.kind != "op":
        ctx.error(
            "AS205",
            item.key_span,
            f"`merge` is an op that joins the branches, not `{item.key}`",
            help="`merge: add`, or `merge: {concat: {dim: 1}}`",
        )
        return None
    for name in item.op.ref_inputs if item.op is not None else ():
        named = item.value.get(name) if isinstance(item.value, Mapping) else None
        if named is not None and not (isinstance(named, Scalar) and named.value is None):
            what = f"`merge` reads what it joins and nothing else, and `{name}` names a value"
            ctx.error("AS205", named.span, what, help=f"write `{item.key}` as an item of its own, behind")
            return None
    for key in item.common:
        assert isinstance(node, Mapping)
        ctx.error("AS201", node.keys[key], f"`merge` takes no `{key}`", help=f"write `{key}` on the parallel item")
    return item._replace(common={})


def _kind(ctx: Context, key: str) -> str | None:
    if key in WORDS:
        return key
    if key in ctx.blocks:
        return "block"
    return "op" if find(key) is not None else None


def _of_key(
    ctx: Context, node: Node, position: Position, key: str, span: Span, value: Node | None, common: dict[str, Node]
) -> Item | None:
    kind = _kind(ctx, key)
    if kind is None:
        _unknown(ctx, key, span, common_too=False)
        return None
    if value is None and kind in WORDS:
        want = "the name of an earlier item" if kind == "use" else "items"
        ctx.error("AS204", span, f"`{key}` needs {want}", help=_FORMS[kind])
        return None
    if kind == "op":
        return Item(node, position, kind, key, span, value, common, find(key), common.keys() <= _PLAIN)
    return Item(node, position, kind, key, span, value, common)


_FORMS = {
    "use": "`- use: encoder`",
    "sequence": "`- sequence: [...]`",
    "residual": "`- residual: [...]`",
    "parallel": "`- parallel: {branches: {a: [...], b: [...]}, merge: add}`",
    "scan": "`- scan: {carry: {h: start}, body: [...]}`",
}


def _unknown(ctx: Context, key: str, span: Span, *, common_too: bool) -> None:
    if key in ctx.misnamed_blocks:
        return
    block, no_op = is_block_name(key), f"there is no op `{key}`"
    if block and isinstance(ctx.root, Mapping) and "include" in ctx.root and ctx.diagnostics.has_errors:
        return  # `include` was misspelt, which is reported: the files that have the block were not read
    message = f"there is no block `{key}`" if block else no_op
    if ctx.diagnostics.again("AS202", span, message) or (block and ctx.diagnostics.again("AS202", span, no_op)):
        return  # in another copy of the item
    from archspec.ops import coverage

    same = coverage.of_this_name(key)
    if same:
        fix = write_instead(key, same[0], span, safe=len(same) == 1)
        ctx.error("AS202", span, no_op, help=f"it is called `{same[0]}`", fix=fix)
        return
    look = ctx.diagnostics.added < MOST  # a spec with more mistakes is no spec
    refused = coverage.refused(key) if look else None
    found = (coverage.said(key) if look else None) or (None if block else refused)
    if found is not None:
        ctx.error("AS202", span, no_op, help=found)
        return
    options = [*all_ops(), *WORDS, *ctx.blocks]
    if common_too:
        options += COMMON
    help = did_you_mean(key, options) or refused
    if help is None and block:
        names = ", ".join(f"`{name}`" for name in list(ctx.blocks)[:8])
        help = f"blocks of this spec: {names}" if names else "declare it under `blocks:`"
    owners = [f"`{name}`" for name in _owners().get(key, ())]
    if help is None and owners:
        some = f"{', '.join(owners[:3])}{', …' if len(owners) > 3 else ''}"
        help = f"it is an argument of {some}; the op comes first: `- op: {{{key}: ...}}`"
    ctx.error("AS202", span, message, help=help, fix=rename(key, options, span))


def _unknown_keys(ctx: Context, node: Mapping, key: str, others: list[str]) -> None:
    """Keys beside a good op key: most often an argument written one level too high."""
    op = find(key)
    block = ctx.blocks.get(key)
    arguments = op.args if op is not None else (block.parameters() if block is not None else {})
    for other in others:
        span, fix = node.keys[other], None
        if other in arguments:
            help: str | None = f"it is an argument of `{key}`; write it there: `{key}: {{{other}: ...}}`"
        else:
            help = did_you_mean(other, COMMON)
            fix = rename(other, [each for each in COMMON if each not in node], span)
        ctx.error("AS201", span, f"an item has no key `{other}`", help=help, fix=fix)


@cache
def _owners() -> dict[str, list[str]]:
    """The ops by their arguments."""
    owners: dict[str, list[str]] = {}
    for name, op in all_ops().items():
        for argument in op.args:
            owners.setdefault(argument, []).append(name)
    return owners


def _words(keys: list[str]) -> str:
    quoted = [f"`{key}`" for key in keys]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
