"""`merge` and `route`: a repeat whose turns do not follow one another, but all read the same and are joined."""

from __future__ import annotations

from typing import Any, NamedTuple

from archspec.diagnostics.model import Label, Span
from archspec.diagnostics.suggest import did_you_mean, rename
from archspec.graph.arguments import op_call
from archspec.graph.arity import counted, takes
from archspec.graph.context import Context
from archspec.graph.ir import GraphInput, Join, OpCall, Value
from archspec.graph.items import Item, read_merge
from archspec.graph.names import wrong_identifier
from archspec.graph.repeats import Turn
from archspec.graph.scope import Scope
from archspec.graph.wiring import Inputs, read_name
from archspec.ops.arithmetic import Arithmetic
from archspec.reading.nodes import Mapping, Scalar, Sequence
from archspec.reading.nodes import Node as YamlNode

_ROUTE = ("chosen", "weights", "over")
_FORM = "`route: {chosen: chosen, weights: weights}`"


class Slice(NamedTuple):
    """A value of which each turn reads one slice, by the name it has in the turn."""

    name: str
    value: Value | None
    span: Span
    read_at: Span


class Joining(NamedTuple):
    """`routed`: which rows go to which turn, and their weights; () for a merge."""

    merge: OpCall | None
    slices: list[Slice]
    routed: tuple[Value | None, ...]
    routed_spans: tuple[Span | None, ...]

    def left(self, declared: tuple[str, ...]) -> tuple[str, ...]:
        """The inputs that `from` gives."""
        own = {each.name for each in self.slices}
        return tuple(name for name in declared if name.strip("*?") not in own)

    def given(self, item: Item) -> list[GraphInput]:
        """What a sequence whose rows are routed reads by name: the rows as `x`, and slices."""
        if not (self.routed and item.kind == "sequence"):
            return []
        return [GraphInput("x", item.key_span), *(GraphInput(each.name, each.span) for each in self.slices)]

    def placed(self, inputs: Inputs, declared: tuple[str, ...]) -> tuple[Inputs, Join]:
        """All inputs of a turn in order, and how turns are joined."""
        names = [name.strip("*?") for name in declared]
        values, spans = list(inputs.values), list(inputs.spans)
        places: dict[str, int] = {}
        for each in sorted(self.slices, key=lambda s: names.index(s.name) if s.name in names else len(names)):
            at = names.index(each.name) if each.name in names else len(values)
            values.insert(at, each.value)
            spans.insert(at, each.read_at)
            places[each.name] = at
        join = Join(self.merge, tuple(sorted(places.values())), len(self.routed))
        return Inputs(tuple(values), tuple(spans)), join


def read_alike(ctx: Context, item: Item) -> bool:
    """Does `from` say the same for all turns? If not, it is reported."""
    source = item.get("from")
    if source is None or not ctx.mentions(source) & item.loop_names:
        return True
    help = "repeat a `sequence`, whose items may read another value in each turn"
    ctx.error("AS210", source.span, "all turns of a joined repeat read the same", help=help)
    return False


def gives_back_one(call: OpCall) -> bool:
    """Is what the op gives of a single value that value: the sum, the product of one?"""
    cls = call.cls
    return issubclass(cls, Arithmetic) and cls.inputs[0].startswith("*") and call.values.get(cls.scalar_name) is None


def read(ctx: Context, scope: Scope, item: Item, declared: tuple[str, ...], turns: list[Turn]) -> Joining | None:
    """How the turns are joined; None if that is wrong (reported). The item has `merge` or `route`."""
    merge, route = item.get("merge"), item.get("route")
    one = merge if merge is not None else route
    assert one is not None
    word = "merge" if merge is not None else "route"
    if item.get("repeat") is None:
        ctx.error("AS201", one.span, f"`{word}` joins the turns of a `repeat`, and there is none", help="`repeat: 4`")
        return None
    if merge is not None and route is not None:
        first = Label(merge.span, "the first")
        ctx.error("AS201", route.span, "the turns are joined by `merge` or by `route`, not by both", secondary=[first])
        return None
    if merge is not None:
        call = _merge(ctx, merge, item, scope.env, len(turns))
        return None if call is None else Joining(call, [], (), ())
    assert route is not None
    return _route(ctx, scope, item, declared, route)


def _merge(ctx: Context, merge: YamlNode, item: Item, env: dict[str, Any], count: int) -> OpCall | None:
    op = read_merge(ctx, merge, (*item.position, "merge"), env)
    if op is None or op.op is None:
        return None
    call = op_call(ctx, op, env)
    if not op.op.bare():
        ctx.error("AS205", op.key_span, f"`merge` is an op without state; `{op.key}` may have some")
        return None
    if count and not takes(op.op.inputs, count):
        ctx.error("AS210", op.key_span, f"`{op.key}` reads {counted(op.op.inputs)}, and there are {count} turns")
        return None
    return call


def _route(ctx: Context, scope: Scope, item: Item, declared: tuple[str, ...], route: YamlNode) -> Joining | None:
    if not isinstance(route, Mapping):
        ctx.error("AS205", route.span, "`route` says which rows go to which turn", help=_FORM)
        return None
    healthy = True
    for key in route.entries:
        if key not in _ROUTE:
            fix = rename(key, [each for each in _ROUTE if each not in route], route.keys[key])
            help = did_you_mean(key, _ROUTE) or "keys: chosen, weights, over"
            ctx.error("AS201", route.keys[key], f"`route` has no key `{key}`", help=help, fix=fix)
            healthy = False
    if "chosen" not in route:
        what = "`route` needs `chosen`, the numbers of the turns that each row goes to"
        ctx.error("AS204", route.span, what, help=_FORM)
        return None
    values: list[Value | None] = []
    spans: list[Span | None] = []
    for key in ("chosen", "weights"):
        node = route.get(key)
        values.append(read_name(ctx, scope, node, key) if node is not None else None)
        spans.append(node.span if node is not None else None)
        healthy = healthy and (node is None or values[-1] is not None)
    over = route.get("over")
    slices = _over(ctx, scope, item, declared, over) if over is not None else []
    if slices is None or not healthy:
        return None
    return Joining(None, slices, tuple(values), tuple(spans))


def _over(ctx: Context, scope: Scope, item: Item, declared: tuple[str, ...], over: YamlNode) -> list[Slice] | None:
    """`{input of the turn: value}`, or a list of values that keep their names."""
    if item.kind in ("residual", "parallel", "scan"):
        ctx.error(
            "AS205", over.span, f"the slices of `over` are read in a block, an op or a `sequence`, not `{item.key}`"
        )
        return None
    entries: list[tuple[str, YamlNode, Span]] = []
    if isinstance(over, Mapping):
        entries = [(name, value, over.keys[name]) for name, value in over.entries.items()]
    elif isinstance(over, Sequence):
        entries = [
            (str(each.value).replace(".", "_"), each, each.span) for each in over.items if isinstance(each, Scalar)
        ]
    if not entries:
        ctx.error("AS205", over.span, "`over` takes names of values", help="`over: [w]`, or `over: {w: weights}`")
        return None
    names = [name.strip("*?") for name in declared]
    out: list[Slice] = []
    healthy = True
    for name, value, span in entries:
        wrong = wrong_identifier(name)
        if not wrong and not item.is_structure and name not in names[1:]:
            wrong = f"`{item.key}` has no such input besides the first"
        if not wrong and (any(name == each.name for each in out) or (item.is_structure and name == "x")):
            wrong = "it is there already"
        if wrong:
            ctx.error("AS205", span, f"a slice cannot be called `{name}`: {wrong}")
            healthy = False
            continue
        found = read_name(ctx, scope, value, "over")
        out.append(Slice(name, found, span, value.span))
        healthy = healthy and found is not None
    return out if healthy else None
