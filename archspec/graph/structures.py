"""`sequence`, `residual`, `parallel` and `scan`: run inside the graph around them, or as a graph of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from archspec.diagnostics.model import Span
from archspec.diagnostics.suggest import did_you_mean, rename
from archspec.graph import scans
from archspec.graph.arguments import op_call
from archspec.graph.arity import counted, takes
from archspec.graph.context import Context
from archspec.graph.ir import Graph, GraphInput, Node, OpCall, Value, joined
from archspec.graph.items import Item, read_merge
from archspec.graph.joins import gives_back_one
from archspec.graph.names import Plan, Position, inner_lists, wrong_path
from archspec.graph.scope import Absent, Binding, Builder, Scope
from archspec.ops.registry import find
from archspec.reading.nodes import Mapping, Sequence
from archspec.reading.nodes import Node as YamlNode

Walk = Callable[[Context, Scope, "Value | Absent"], "Value | Absent"]
PARTS = {"residual": ("body", "shortcut"), "parallel": ("branches", "merge"), "scan": scans.KEYS}


class Captured(NamedTuple):
    """Values of the graph around that a nested graph reads besides its input, in the order of its further inputs."""

    values: tuple[Value, ...] = ()
    inputs: tuple[GraphInput, ...] = ()


class Nested(NamedTuple):
    graph: Graph
    captured: Captured
    ties: dict[str, tuple[str, Span]]


def run(
    ctx: Context,
    scope: Scope,
    item: Item,
    position: Position,
    env: dict[str, Any],
    start: Value | None,
    walk: Walk,
    builder: Builder,
    given: Iterable[GraphInput] = (),
    turn_of: frozenset[str] = frozenset(),
) -> Value | Absent | None:
    """Build the structure's steps in `builder` from its input `start`; its value, or None (reported).

    `start` is None for a scan that reads no value of the chain, and for a sequence that is computed once. `given`:
    inputs that a sequence reads by name. `turn_of`: see `Scope`.
    """
    lists = {
        where: Scope(builder, items, (*position, *where), env, scope, turn_of)
        for where, items, _ in inner_lists(item.node)
    }
    if not _well_formed(ctx, item):
        return None
    if item.kind == "scan":
        built = scans.scan(ctx, scope, item, position, env, start, walk, builder)
        if built is None:
            return None
        attach_ties(builder, built.number, built.ties)
        return Value(built.number)
    value: Value | Absent | None
    if start is None:
        nothing = Absent(item.key_span, "a buffer is computed from nothing", "there is none")
        value = walk(ctx, lists[("body",)], nothing)
    elif item.kind == "sequence":
        for number, each in enumerate(given):
            lists[("body",)].bind(ctx, each.name, Binding(Value(-1, number), each.span))
        value = walk(ctx, lists[("body",)], start)
    elif item.kind == "residual":
        value = _residual(ctx, lists, item, position, start, walk, builder)
    else:
        value = _parallel(ctx, lists, item, position, env, start, walk, builder)
    if item.get("name") is None and item.get("repeat") is not None:  # they may have been names of the list around
        unspelt = [name for inner in lists.values() for name in inner.unspelt]
        scope.unspelt += [name for name in unspelt if name not in scope.unspelt]
    return value


def nested(
    ctx: Context,
    scope: Scope,
    item: Item,
    name: str,
    env: dict[str, Any],
    walk: Walk,
    chain: Value | None,
    known: Captured,
    given: list[GraphInput],
) -> Nested | None:
    """A structure as a graph of its own. `known`: what earlier turns of the same item captured; `given`: see `run`.

    `chain` is its input as a value of the graph around; None in a repeat, whose turns have different ones.
    """
    ctx.enter(item.key_span)
    lists = [(where, items) for where, items, branch in inner_lists(item.node) if branch is None]
    template = (scope.builder.template, item.position)
    plan = Plan(lists, indexed=item.kind == "sequence")
    fed = int(reads_chain(item))
    builder = _nested_builder(scope, name, template, plan, item.key_span, chain, known, fed, given)
    last = run(ctx, scope, item, (), env, Value(-1, 0) if fed else None, walk, builder, given)
    ctx.leave()
    params = {name: env[name] for name in sorted(ctx.mentions(item.value)) if name in env}
    return None if last is None else _finish(ctx, builder, last, params, len(given) or fed)


def reads_chain(item: Item) -> bool:
    """Does a structure read the value before it? (All do but a scan that names what it goes over,
    and what is made a buffer of.)"""
    if item.get("register_buffer") is not None:
        return False
    return item.kind != "scan" or scans.reads_chain(item.value)


def _nested_builder(
    scope: Scope,
    name: str,
    template: Any,
    plan: Plan,
    span: Span,
    chain: Value | None,
    known: Captured,
    fed: int = 1,
    given: Iterable[GraphInput] = (),
) -> Builder:
    builder = Builder("sequence", name, template, plan, span, outer=scope)
    builder.inputs = [*given] or [GraphInput("x", span)] * fed
    builder.captured = {value: number for number, value in enumerate(known.values, start=len(builder.inputs))}
    builder.inputs += known.inputs
    if chain is not None:
        builder.captured.setdefault(chain, 0)
    return builder


def _finish(ctx: Context, builder: Builder, last: Value | Absent, params: dict[str, Any], fed: int = 1) -> Nested:
    if isinstance(last, Absent):
        ctx.error("AS206", last.span, "the last value of the list is left out, so the list has none")
        last = Value(builder.add(Node([], ["?"], (), ("",), ("end",), last.span, last.span)))
    captured = Captured(builder.captured_inputs(fed), tuple(builder.inputs[fed:]))
    outputs = results(builder, last)
    named = [("output" if len(outputs) == 1 else f"output_{k}", value) for k, value in enumerate(outputs)]
    return Nested(builder.finish(named, params=params, fed=fed), captured, builder.ties)


def results(builder: Builder, last: Value) -> list[Value]:
    """All values of a structure whose first is `last`: a scan has several."""
    node = builder.nodes[last.node] if last.node >= 0 else None
    if node is None or node.scan is None or last.output:
        return [last]
    return [Value(last.node, k) for k in range(node.scan.stack + node.scan.carry)]


_WHOLE = {
    "residual": "a list of items, or {body: [...], shortcut: [...]}",
    "parallel": "{branches: ..., merge: ...}",
    "scan": "{carry: {h: start}, body: [...]}, and more",
}


def _well_formed(ctx: Context, item: Item) -> bool:
    value, key = item.value, item.key
    if isinstance(value, Sequence) and key in ("sequence", "residual"):
        return True
    if key == "sequence":
        assert value is not None
        help = "put a dash before each item: `- linear: 10`" if isinstance(value, Mapping) else "`sequence: [...]`"
        ctx.error("AS205", value.span, "`sequence` takes a list of items", help=help)
        return False
    assert value is not None
    parts = PARTS[key]
    if not isinstance(value, Mapping):
        ctx.error("AS205", value.span, f"`{key}` takes {_WHOLE[key]}")
        return False
    healthy = True
    for name, given in value.entries.items():
        if name not in parts:
            ctx.error(
                "AS201",
                value.keys[name],
                f"`{key}` has no key `{name}`",
                help=did_you_mean(name, parts) or f"keys: {', '.join(parts)}",
                fix=rename(name, [part for part in parts if part not in value], value.keys[name]),
            )
            healthy = False
        elif name in ("body", "shortcut") and not isinstance(given, Sequence):
            ctx.error("AS205", given.span, f"`{name}` takes a list of items")
            healthy = False
    needed = parts if key == "parallel" else ("body",)
    for name in needed:
        if name not in value.entries and healthy:
            how = "`merge` says how the branches are joined: `merge: {concat: {dim: 1}}`"
            ctx.error("AS204", item.key_span, f"`{key}` needs `{name}`", help=how if name == "merge" else None)
            healthy = False
    return healthy


def _residual(
    ctx: Context,
    lists: dict[Position, Scope],
    item: Item,
    position: Position,
    start: Value,
    walk: Walk,
    builder: Builder,
) -> Value | None:
    body = walk(ctx, lists[("body",)], start)
    shortcut = walk(ctx, lists[("shortcut",)], start) if ("shortcut",) in lists else start
    if not isinstance(body, Value) or not isinstance(shortcut, Value):
        absent = body if isinstance(body, Absent) else shortcut
        assert isinstance(absent, Absent)
        ctx.error("AS206", absent.span, "the last value of the list is left out, so there is nothing to add")
        return None
    add = find("add")
    assert add is not None
    here = (*position, "add")
    node = Node(
        [OpCall(add, {}, add.parse({}))],
        ["add"],
        (body, shortcut),
        ("",),
        here,
        item.key_span,
        item.key_span,
        (None, None),
        auto=True,
    )
    return Value(builder.add(node))


def _parallel(
    ctx: Context,
    lists: dict[Position, Scope],
    item: Item,
    position: Position,
    env: dict[str, Any],
    start: Value,
    walk: Walk,
    builder: Builder,
) -> Value | None:
    assert isinstance(item.value, Mapping)
    branches, merge = item.value.entries["branches"], item.value.entries["merge"]
    values: list[Value | Absent | None] = []
    spans: list[Span] = []
    if isinstance(branches, Mapping):
        for name, branch in branches.entries.items():
            spans.append(branches.keys[name])
            scope = lists.get(("branch", name))
            if not isinstance(branch, Sequence) or scope is None:
                ctx.error("AS205", branch.span, f"the branch `{name}` takes a list of items")
                values.append(None)
                continue
            values.append(
                _named_branch(ctx, scope, item, position, env, name, start, walk, builder, branches.keys[name])
            )
    elif isinstance(branches, Sequence):
        for number, branch in enumerate(branches.items):
            spans.append(branch.span)
            if not isinstance(branch, Sequence):
                ctx.error("AS205", branch.span, "a branch is a list of items", help="`branches: [[relu], [sigmoid]]`")
                values.append(None)
                continue
            values.append(walk(ctx, lists[("branch", number)], start))
    else:
        ctx.error("AS205", branches.span, "`branches` takes a mapping of names to lists, or a list of lists")
        return None
    if not values:
        ctx.error("AS205", branches.span, "`branches` is empty")
    for k, value in enumerate(values):
        if isinstance(value, Absent):
            ctx.error("AS206", value.span, "the last value of the branch is left out, so there is nothing to merge")
            values[k] = None
    if not values or None in values:
        _merge_call(ctx, merge, position, env, len(values))
        return None
    known = [value for value in values if isinstance(value, Value)]
    return join(ctx, merge, position, env, known, spans, builder)


def join(
    ctx: Context,
    merge: YamlNode,
    position: Position,
    env: dict[str, Any],
    values: list[Value],
    spans: list[Span],
    builder: Builder,
) -> Value | None:
    """The step that puts values together as `merge` says, or None (reported). `spans`: where each comes from."""
    call = _merge_call(ctx, merge, position, env, len(values))
    if call is None:
        return None
    merged, merge_item = call
    if len(values) == 1 and gives_back_one(merged):
        return values[0]
    node = Node(
        [merged],
        [merge_item.key],
        tuple(values),
        ("",),
        (*position, "merge"),
        merge_item.key_span,
        merge_item.key_span,
        tuple(spans),
        raw=merge_item.value,
        auto=True,
    )
    return Value(builder.add(node))


def _merge_call(
    ctx: Context, merge: YamlNode, position: Position, env: dict[str, Any], count: int
) -> tuple[OpCall, Item] | None:
    item = read_merge(ctx, merge, (*position, "merge"), env)
    if item is None or item.op is None:
        return None
    call = op_call(ctx, item, env)
    if call is not None and count and not takes(item.op.inputs, count):
        what = f"`{item.key}` reads {counted(item.op.inputs)}"
        ctx.error("AS210", item.key_span, f"{what}, and there are {count} branches")
        return None
    return None if call is None else (call, item)


def _named_branch(
    ctx: Context,
    scope: Scope,
    item: Item,
    position: Position,
    env: dict[str, Any],
    name: str,
    start: Value,
    walk: Walk,
    builder: Builder,
    span: Span,
) -> Value | None:
    """A branch with a name is a submodule, as `{name: a, sequence: [...]}` is."""
    wrong = wrong_path(name)
    if wrong:
        ctx.error("AS205", span, f"a branch cannot be called `{name}`: {wrong}")
        return None
    outer = scope.parent
    assert outer is not None
    here = (*position, "branch", name)
    if outer.builder is not builder:  # the parallel is a graph of its own, and the branch stands in that one
        outer = Scope(builder, scope.items, here, env, outer)
    plan = Plan([((), scope.items)], indexed=True)
    inner = _nested_builder(outer, name, (builder.template, here), plan, span, start, Captured())
    last = walk(ctx, Scope(inner, scope.items, (), env, outer), Value(-1, 0))
    params = {each: env[each] for each in sorted(ctx.mentions(scope.items)) if each in env}
    nested_graph = _finish(ctx, inner, last, params)
    builder.claim(ctx, name, span)
    node = Node(
        [nested_graph.graph],
        [name],
        (start, *nested_graph.captured.values),
        ("",),
        here,
        span,
        span,
        (None, *(given.span for given in nested_graph.captured.inputs)),
    )
    number = builder.add(node)
    attach_ties(builder, number, nested_graph.ties)
    return Value(number)


def attach_ties(builder: Builder, number: int, ties: dict[str, tuple[str, Span]]) -> None:
    """Hand ties made inside a node's modules to the block or root, from whose paths their targets are counted."""
    node = builder.nodes[number]
    for own, (target, span) in ties.items():
        if builder.kind in ("sequence", "scan"):
            for path in node.paths:
                builder.ties[joined(path, own)] = (target, span)
        else:
            node.tie[own] = target
            node.tie_spans[own] = span
