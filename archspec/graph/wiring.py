"""What an item reads: `from`, or the value before it; and whether that is as many values as it takes."""

from __future__ import annotations

from typing import NamedTuple

from archspec.diagnostics.model import Label, Span
from archspec.diagnostics.suggest import did_you_mean, rename
from archspec.graph.arguments import no_name, other_argument
from archspec.graph.arity import counted, named, required, takes
from archspec.graph.context import FAILED, Context
from archspec.graph.forward import explain_unknown, may_be_of_none
from archspec.graph.ir import Value
from archspec.graph.items import Item
from archspec.graph.names import BEFORE
from archspec.graph.scope import Absent, Scope, tap
from archspec.ops.base import Op
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence

Chain = Value | Absent

NOTHING = Value(-2)  # what an item that is left out reads of another that is

MOST_INPUTS = 1_000  # of one item


class Inputs(NamedTuple):
    values: tuple[Value | None, ...]
    spans: tuple[Span | None, ...]


def read_name(
    ctx: Context,
    scope: Scope,
    node: Node,
    what: str = "from",
    *,
    optional: bool = False,
    before: Chain | None = None,
    lone: type[Op] | None = None,
) -> Value | None:
    """The value a name stands for, or None (reported, unless the name's own item is in error).

    NOTHING where it has none, or null stands in its place, if it is read by an item that is left out, or need not be
    there (`optional`). `before`: what `_` stands for, where it does. `lone`: the op of which it is the one argument.
    """
    name = ctx.evaluate(node, scope.env)
    if name is FAILED:
        return None
    if name is None and (optional or (what == "from" and ctx.leaving_out)):
        return NOTHING
    if not isinstance(name, str):
        no_name(ctx, node, what, name, None if lone is None else other_argument(lone, node, name))
        return None
    if name == BEFORE and before is not None:
        return _value_before(ctx, node, before, optional)
    found = scope.find(name)
    if found is None and name == BEFORE:
        ctx.error("AS206", node.span, "`_` is the value before an item, and stands in its `from` only")
        return None
    if found is None and ctx.leaving_out and ctx.mentions(node) and may_be_of_none(ctx, scope, name, node):
        return NOTHING  # such as the turn before the first
    if found is None:
        explain_unknown(ctx, scope, name, node.span)
        return None
    binding, origin, turn = found
    value: Chain | None = binding.value
    if ctx.inspecting and (turn is not None or binding.tap is not None or isinstance(value, Absent)):
        return None
    if binding.tap is not None and binding.step is not None:
        origin.builder.taps.setdefault(binding.step, set()).add(binding.tap)
    if turn is not None and not binding.unknown:
        value = tap(origin.builder, binding, turn)
        if value is None:
            base = name.rpartition(".")[0]
            turns = binding.turns or ()
            there = f"the turns are `{base}.{turns[0]}` to `{base}.{turns[-1]}`" if turns else f"`{base}` has no turns"
            where = Label(binding.span, "the repeat")
            ctx.error("AS206", node.span, f"there is no turn `{name}`", help=there, secondary=[where])
            return None
    if isinstance(value, Absent) and (ctx.leaving_out or optional):
        return NOTHING
    if isinstance(value, Absent):
        ctx.error(
            "AS206",
            node.span,
            f"`{name}` has no value here: {value.why}",
            secondary=[Label(value.span, "left out")],
            help=value.help,
        )
        return None
    assert value is not None
    return scope.bring(value, origin, name, node.span)


def _value_before(ctx: Context, node: Node, before: Chain, optional: bool) -> Value | None:
    """The value that `_` stands for: as in `read_name`."""
    if not isinstance(before, Absent):
        return before
    if ctx.inspecting:
        return None
    if ctx.leaving_out or optional:
        return NOTHING
    where = Label(before.span, before.why)
    help = "name what is read"
    ctx.error("AS206", node.span, f"`_` is the value before, and {before.how}", secondary=[where], help=help)
    return None


def chain_value(ctx: Context, scope: Scope, item: Item, before: Chain) -> Value | None:
    """The value before, or None (reported)."""
    if isinstance(before, Absent):
        if ctx.inspecting:
            return None
        if ctx.leaving_out:
            return NOTHING
        ctx.error(
            "AS206",
            item.key_span,
            f"`{item.key}` reads the value before it, and {before.how}",
            secondary=[Label(before.span, before.why)],
            help="name what is read with `from`",
        )
        return None
    return before


def read_inputs(ctx: Context, scope: Scope, item: Item, declared: tuple[str, ...], before: Chain) -> Inputs | None:
    """The item's inputs in the declared order (None for an absent optional one), or None (reported).

    `declared` is written as in `Op.inputs`: ``("x", "mask?")``, ``("*x",)``. The op's `ref_inputs` follow.
    """
    found = _read_from(ctx, scope, item, declared, before)
    refs = item.op.ref_inputs if item.op is not None else ()
    if not refs:
        return found
    values: list[Value | None] = []
    spans: list[Span | None] = []
    healthy = True
    for name in refs:
        node = _argument(item, name)
        given = node is not None and not (isinstance(node, Scalar) and node.value is None)
        lone = None if node is not item.value else item.op
        values.append(read_name(ctx, scope, node, name, lone=lone) if given and node is not None else None)
        spans.append(node.span if given and node is not None else None)
        healthy = healthy and (values[-1] is not None or not given)
    return Inputs((*found.values, *values), (*found.spans, *spans)) if found is not None and healthy else None


def _argument(item: Item, name: str) -> Node | None:
    """How the op's argument is written; a lone value is the first one's."""
    if isinstance(item.value, Mapping):
        return item.value.get(name)
    first = next(iter(item.op.args), None) if item.op is not None else None
    return item.value if name == first and isinstance(item.value, Scalar) else None


def _read_from(ctx: Context, scope: Scope, item: Item, declared: tuple[str, ...], before: Chain) -> Inputs | None:
    source = item.get("from")
    if not declared:
        if source is not None:
            ctx.error("AS210", source.span, f"`{item.key}` reads no value", help="leave out `from`")
            return None
        return Inputs((), ())
    if source is None:
        return _from_chain(ctx, scope, item, declared, before)
    if isinstance(source, Mapping):
        return _from_mapping(ctx, scope, item, declared, source, before)
    return _from_list(ctx, scope, item, declared, source, before)


def _from_chain(ctx: Context, scope: Scope, item: Item, declared: tuple[str, ...], before: Chain) -> Inputs | None:
    needed = required(declared)
    if not needed:  # nothing must be read: a parameter, positions that count by themselves
        return Inputs((None,) * len(declared), (None,) * len(declared))
    if len(needed) > 1:
        what = f"`{item.key}` reads {counted(declared)} ({named(declared)})"
        ctx.error(
            "AS210",
            item.key_span,
            f"{what}, and the value before it is one",
            help=f"name them: `from: [{', '.join(name.strip('*') for name in needed)}]`; `_` is the value before",
        )
        return None
    value = chain_value(ctx, scope, item, before)
    if value is None:
        return None
    at = declared.index(needed[0])
    values: list[Value | None] = [None] * len(declared)
    values[at] = value
    return Inputs(tuple(values), (None,) * len(values))


def _from_list(
    ctx: Context, scope: Scope, item: Item, declared: tuple[str, ...], source: Node, before: Chain
) -> Inputs | None:
    nodes = source.items if isinstance(source, Sequence) else [source]
    if isinstance(source, Scalar) and source.value is None:
        ctx.error("AS205", source.span, "`from` is empty", help="leave it out to read the value before")
        return None
    if not nodes:
        ctx.error("AS210", source.span, "`from` names nothing", help="leave it out to read the value before")
        return None
    if not takes(declared, len(nodes)):
        what = f"`{item.key}` reads {counted(declared)} ({named(declared)})"
        ctx.error("AS210", source.span, f"{what}, and `from` names {len(nodes)}")
        return None
    if len(nodes) > MOST_INPUTS:
        ctx.error("AS210", source.span, f"`from` names {len(nodes):,} values; at most {MOST_INPUTS}")
        return None
    several = next((k for k, name in enumerate(declared) if name.startswith("*")), len(nodes))
    may_lack = [not ctx.leaving_out if k >= several else declared[k].endswith("?") for k in range(len(nodes))]
    both = zip(nodes, may_lack, strict=True)
    read = [read_name(ctx, scope, node, optional=lacks, before=before) for node, lacks in both]
    if None in read:
        return None
    values = [None if lacks and value == NOTHING else value for value, lacks in zip(read, may_lack, strict=True)]
    spans: list[Span | None] = [node.span for node in nodes]
    if None in values[several:]:  # of several values, those that are there
        kept = [k for k, value in enumerate(values) if k < several or value is not None]
        if len(kept) < several + 2:
            for node, value in zip(nodes, values, strict=True):
                if value is None:
                    read_name(ctx, scope, node, before=before)
            return None
        values, spans = [values[k] for k in kept], [spans[k] for k in kept]
    elif several == len(nodes):
        _warn_of_stand_ins(ctx, scope, item, dict(enumerate(nodes)), declared, values)
    padding = max(len(declared) - len(nodes), 0)
    return Inputs((*values, *(None,) * padding), (*spans, *(None,) * padding))


def _from_mapping(
    ctx: Context, scope: Scope, item: Item, declared: tuple[str, ...], source: Mapping, before: Chain
) -> Inputs | None:
    names = [name.strip("*?") for name in declared]
    healthy = True
    nodes: dict[int, Node] = {}
    if not source.entries:
        ctx.error("AS210", source.span, "`from` names nothing", help="leave it out to read the value before")
        return None
    values: list[Value | None] = [None] * len(declared)
    spans: list[Span | None] = [None] * len(declared)
    for key, node in source.entries.items():
        if key not in names:
            help = did_you_mean(key, names) or f"inputs: {', '.join(names)}"
            fix = rename(key, [name for name in names if name not in source], source.keys[key])
            ctx.error("AS210", source.keys[key], f"`{item.key}` has no input `{key}`", help=help, fix=fix)
            healthy = False
            continue
        number = names.index(key)
        if declared[number].startswith("*"):
            what = f"`{key}` of `{item.key}` is several values"
            ctx.error("AS210", source.keys[key], what, help="write `from` as a list")
            return None
        lacks = declared[number].endswith("?")
        value = read_name(ctx, scope, node, optional=lacks, before=before)
        healthy = healthy and value is not None
        values[number] = None if lacks and value == NOTHING else value
        spans[number], nodes[number] = node.span, node
    missing = [name for name in declared if not name.endswith("?") and name.strip("*") not in source.entries]
    if missing and healthy:
        words = ", ".join(f"`{name.strip('*')}`" for name in missing)
        ctx.error("AS210", source.span, f"`{item.key}` also reads {words}")
        healthy = False
    if not healthy:
        return None
    _warn_of_stand_ins(ctx, scope, item, nodes, declared, values)
    return Inputs(tuple(values), tuple(spans))


def _warn_of_stand_ins(
    ctx: Context,
    scope: Scope,
    item: Item,
    nodes: dict[int, Node],
    declared: tuple[str, ...],
    values: list[Value | None],
) -> None:
    """AS407: a value that is left out is its first input, and where that is read already it is hardly the optional one
    that was meant. `nodes`: what is written for each input."""
    if ctx.inspecting or ctx.leaving_out or len(nodes) < 2:
        return
    for number, node in nodes.items():
        value = values[number]
        if value is None or not declared[number].endswith("?") or values.count(value) < 2:
            continue
        name = ctx.evaluate(node, scope.env)
        found = scope.find(name) if isinstance(name, str) else None
        if found is None or not found[0].left_out:
            continue
        message = f"`{name}` is left out and stands for its own first input, which `{item.key}` reads already"
        if not ctx.diagnostics.again("AS407", node.span, message):
            ctx.diagnostics.warning(
                "AS407",
                node.span,
                message,
                label=f"read as `{declared[number].removesuffix('?')}`",
                secondary=[Label(found[0].span, "left out")],
                help=f"null is an input that is not given: `$('{name}' if … else null)`, by what its `when` says",
            )
