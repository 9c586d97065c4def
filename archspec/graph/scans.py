"""`scan`: a body that is run for each slice of a dimension, with values carried from step to step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from archspec.diagnostics.model import Label, Span
from archspec.dims import Dim
from archspec.graph.context import FAILED, Context
from archspec.graph.ir import GraphInput, Node, Scan, Value
from archspec.graph.items import Item
from archspec.graph.names import Position, wrong_identifier
from archspec.graph.scope import Absent, Binding, Builder, Scope
from archspec.graph.wiring import read_name
from archspec.ops.kinds import show
from archspec.reading.nodes import Mapping, Scalar, Sequence
from archspec.reading.nodes import Node as YamlNode

KEYS = ("over", "carry", "body", "stack", "dim", "steps", "reverse")

Walk = Callable[[Context, Scope, "Value | Absent"], "Value | Absent"]


class _Named(NamedTuple):
    """A value of the graph around, by the name that the body reads it by. `value`: None in error (reported)."""

    name: str
    value: Value | None
    span: Span  # of the name in the body
    read_at: Span | None


class Built(NamedTuple):
    """The node's number in its graph, and the ties made in the body."""

    number: int
    ties: dict[str, tuple[str, Span]]


def reads_chain(value: YamlNode | None) -> bool:
    """Does a scan go over the value before it? (It says neither what it goes over nor how often it runs.)"""
    return not (isinstance(value, Mapping) and ("over" in value or "steps" in value))


def scan(
    ctx: Context,
    scope: Scope,
    item: Item,
    position: Position,
    env: dict[str, Any],
    start: Value | None,
    walk: Walk,
    builder: Builder,
) -> Built | None:
    """Add the scan to `builder`; None if something is wrong (reported). `start`: the value before, if it is read."""
    value = item.value
    assert isinstance(value, Mapping)
    items = value.entries["body"]
    assert isinstance(items, Sequence)
    here = scope if scope.builder is builder else Scope(builder, Sequence([], item.key_span), position, env, scope)
    over = _over(ctx, here, value, item, start)
    begin = value.get("carry")
    carry = _named(ctx, here, begin, "carry") if begin is not None else []
    options = _options(ctx, value, env)
    inner = Builder("scan", "scan", (builder.template, position), builder.plan, item.key_span, outer=here)
    inner.share_paths(builder)
    inner.inputs = [GraphInput(given.name, given.span) for given in (*(over or ()), *(carry or ()))]
    steps = Scope(inner, Sequence([], item.key_span), position, env, here)
    for number, each in enumerate(inner.inputs):
        steps.bind(ctx, each.name, Binding(Value(-1, number), each.span))
    if not inner.inputs and over is not None and carry is not None:
        help = "`carry: {h: start}`: `h` begins as `start`, and is given on by the item of the body that is called `h`"
        ctx.error("AS204", item.key_span, "a `scan` of `steps` needs `carry`", help=help)
        return None
    body = Scope(inner, items, (*position, "body"), env, steps)
    last = walk(ctx, body, Value(-1, 0))
    carried = [_next(ctx, body, each) for each in carry or ()]
    stacked = _stack(ctx, body, value.get("stack"), last)
    if over is None or carry is None or options is None or stacked is None or None in carried:
        return None
    given = [*over, *carry]
    if any(each.value is None for each in given):
        return None
    names = [each.name for each in carry]
    graph = inner.finish(
        [*stacked, *((n, v) for n, v in zip(names, carried, strict=True) if v is not None)], fed=len(given)
    )
    captured = inner.captured_inputs(len(given))
    made = Scan(len(over), len(carry), len(stacked), *options)
    node = Node(
        [graph],
        [""],
        (*(each.value for each in given), *captured),
        ("",),
        position or ("scan",),
        item.key_span,
        item.key_span,
        (*(each.read_at for each in given), *(each.span for each in graph.inputs[len(given) :])),
        raw=value,
        scan=made,
    )
    return Built(builder.add(node), inner.ties)


def _over(ctx: Context, here: Scope, value: Mapping, item: Item, start: Value | None) -> list[_Named] | None:
    over, steps = value.get("over"), value.get("steps")
    if over is not None and steps is not None:
        where = Label(over.span, "the sizes of these say how many steps there are")
        ctx.error("AS205", value.keys["steps"], "`steps` goes with a scan over nothing", secondary=[where])
        return None
    if over is not None:
        return _named(ctx, here, over, "over")
    if steps is not None:
        return []
    return [_Named("x", start, item.key_span, None)] if start is not None else None


def _named(ctx: Context, here: Scope, node: YamlNode, what: str) -> list[_Named] | None:
    """`{name in the body: value}`, or for `over` a list of values that keep their names."""
    entries: list[tuple[str, YamlNode, Span]] = []
    if isinstance(node, Mapping):
        entries = [(name, value, node.keys[name]) for name, value in node.entries.items()]
    elif what == "over" and isinstance(node, (Sequence, Scalar)):
        nodes = node.items if isinstance(node, Sequence) else [node]
        entries = [(_own_name(each), each, each.span) for each in nodes]
    if not entries:
        form = "`over: [x]`, or `over: {step: x}`" if what == "over" else "`carry: {h: start}`"
        ctx.error("AS205", node.span, f"`{what}` takes names of values", help=form)
        return None
    out: list[_Named] = []
    healthy = True
    for name, value, span in entries:
        found = read_name(ctx, here, value, what)
        wrong = wrong_identifier(name) if found is not None else None
        if wrong:
            ctx.error("AS205", span, f"a value of the body cannot be called `{name}`: {wrong}")
            healthy = False
        out.append(_Named(name, found, span, value.span))
    return out if healthy else None


def _own_name(node: YamlNode) -> str:
    return str(node.value).replace(".", "_") if isinstance(node, Scalar) else ""


def _next(ctx: Context, body: Scope, given: _Named) -> Value | None:
    """The carried value of the next step: that of the body's item of the same name."""
    found = body.names.get(given.name)
    if found is None:
        ctx.error(
            "AS206",
            given.span,
            f"`{given.name}` is carried, and no item of the body gives its next value",
            help=f"name the item that does so `{given.name}`, or its result: `outputs: [{given.name}]`",
        )
        return None
    if isinstance(found.value, Absent):
        if not ctx.inspecting:
            ctx.error(
                "AS206",
                found.span,
                f"`{given.name}` has no value here: its `when` is false and it reads nothing",
                secondary=[Label(found.value.span, "left out")],
            )
        return None
    return found.value


def _stack(ctx: Context, body: Scope, node: YamlNode | None, last: Value | Absent) -> list[tuple[str, Value]] | None:
    """The values of each step that are kept, with their names."""
    body.current = len(body.items.items)
    if node is None:
        if isinstance(last, Absent):
            if not ctx.inspecting:
                help = "name the values to stack: `stack: [h]`"
                ctx.error("AS206", last.span, "the last value of the list is left out, so the list has none", help=help)
            return None
        return [("step", last)]
    if not isinstance(node, Sequence):
        ctx.error("AS205", node.span, "`stack` takes a list of names", help="`stack: [h]`; `stack: []` for none")
        return None
    out = [(_own_name(each), read_name(ctx, body, each, "stack")) for each in node.items]
    known = [(name, value) for name, value in out if value is not None]
    return known if len(known) == len(out) else None


def _options(ctx: Context, value: Mapping, env: dict[str, Any]) -> tuple[int, bool, Any] | None:
    """dim, reverse, steps."""
    dim, reverse, steps = 1, False, None
    healthy = True
    for key, node in value.entries.items():
        if key not in ("dim", "reverse", "steps"):
            continue
        found = ctx.evaluate(node, env)
        if found is FAILED:
            healthy = False
        elif key == "dim" and type(found) is int:
            dim = found
        elif key == "reverse" and isinstance(found, bool):
            reverse = found
        elif key == "steps" and (isinstance(found, Dim) or (type(found) is int and found > 0)):
            steps = found
        else:
            titles = {"dim": "an integer", "reverse": "true or false", "steps": "a positive integer"}
            ctx.error("AS205", node.span, f"`{key}` takes {titles[key]}, got {show(found)}", value_of=node)
            healthy = False
    return (dim, reverse, steps) if healthy else None
