"""The values an item gives: how many, what they are called, and what stands for them if it is left out or in error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archspec.diagnostics.model import Diagnostics, Span
from archspec.graph.context import FAILED, Context
from archspec.graph.ir import Graph, Node, OpCall, Value
from archspec.graph.items import Item, as_meant
from archspec.graph.labels import text_of
from archspec.graph.names import Position, inner_lists, loop_names, name_key, name_of, written_names
from archspec.graph.repeats import Turn
from archspec.graph.scope import Absent, Binding, Scope
from archspec.graph.wiring import Chain
from archspec.ops.kinds import show
from archspec.reading.expressions import evaluate
from archspec.reading.nodes import Mapping
from archspec.reading.nodes import Node as YamlNode
from archspec.reading.nodes import Sequence as YamlSequence

UNNAMED = "?"  # the path of an item in error of which no name is known


def outputs_fit(ctx: Context, item: Item, call: OpCall | Graph, outputs: list[tuple[str, Span]]) -> bool:
    """Are there as many results as `outputs` names?"""
    if item.get("merge") is not None or item.get("route") is not None:
        count: int | None = 1
    elif isinstance(call, Graph):
        count = len(call.outputs)
    else:
        count = result_count(call)
    if count is None or len(outputs) <= count:
        return True
    too_many_outputs(ctx, item, count, outputs)
    return False


def too_many_outputs(ctx: Context, item: Item, count: int, outputs: list[tuple[str, Span]]) -> None:
    words = "one result" if count == 1 else f"{count} results"
    named = [text for text, _ in outputs]
    help = f"name it with `name: {named[0]}`" if count == 1 else None
    ctx.error("AS218", outputs[count][1], f"`{item.key}` has {words}, and `outputs` names {len(outputs)}", help=help)


def result_count(call: OpCall) -> int | None:
    """How many tensors an op gives; None where only its arguments or the sizes decide."""
    result = call.op.result if call.op is not None else call.cls.result
    return None if any(name.startswith("*") for name in result) else len(result)


def label_span(item: Item) -> Span:
    name = item.get("name")
    return name.span if name is not None else item.key_span


def bind(
    ctx: Context,
    scope: Scope,
    item: Item,
    name: str | None,
    outputs: list[tuple[str, Span]],
    number: int,
    turns: list[Turn],
    start: Chain | None,
    *,
    quiet: bool = False,
) -> None:
    """Give the new node's values their names. `quiet`: that the name is taken has been reported."""
    span = label_span(item)
    node = scope.builder.nodes[number]
    repeated = node.repeated
    step = None if node.inline else number
    numbers: tuple[int, ...] | range | None = None
    if node.join is not None:  # a joined repeat is one value, and its turns are not read
        if name:
            scope.bind(ctx, name, Binding(Value(number), span), quiet=quiet)
        for k, (text, where) in enumerate(outputs):
            if text != "_" and (k > 0 or text != name):
                scope.bind(ctx, text, Binding(Value(number, k), where))
        return
    if repeated:
        numbers = tuple(turn.number for turn in turns)
        if numbers == tuple(range(len(numbers))):
            numbers = range(len(numbers))
    if name:
        scope.bind(ctx, name, Binding(Value(number), span, step, numbers, start), quiet=quiet)
    elif repeated and item.get("name") is not None:  # a name for each turn
        for k, turn in enumerate(turns):
            last = k == len(turns) - 1
            value = Value(number) if last else Value(number, -(k + 1))
            scope.bind(ctx, turn.path, Binding(value, span, number, tap=None if last else k), quiet=quiet)
    for k, (text, where) in enumerate(outputs):
        if text != "_" and (k > 0 or text != name):
            scope.bind(ctx, text, Binding(Value(number, k), where, step if not name and k == 0 else None))


def hand_out(ctx: Context, scope: Scope, node: YamlNode, known: int) -> None:
    """Names that go by the turn are those of the list around too: bind there what the item just walked has bound.

    `known`: how many names the list had before it.
    """
    if not isinstance(node, Mapping) or scope.parent is None or len(scope.names) == known:
        return
    node = as_meant(ctx, node)
    outputs = node.get("outputs")
    written = [node.get("name"), *(outputs.items if isinstance(outputs, YamlSequence) else ())]
    by_turn = scope.turn_of - loop_names(node.get("repeat"))
    fixed = {text_of(each) for each in written if not ctx.mentions(each) & by_turn}
    if all(text_of(each) in fixed for each in written):
        return
    for name in list(scope.names)[known:]:
        if name not in fixed:
            scope.parent.bind(ctx, name, scope.names[name])


def pass_by(
    ctx: Context,
    scope: Scope,
    item: Item,
    name: str | None,
    outputs: list[tuple[str, Span]],
    start: Value | None,
    forward: YamlNode | None = None,
    step: int | None = None,
) -> Chain:
    """An item left out: its value is its first input.

    `forward`: what leaves it out, if `when` does not; then `step` makes its modules, which `use` may call.
    """
    when = item.get("when") or item.get("repeat")
    where = when.span if when is not None else item.key_span
    nothing = Absent(where)
    if forward is not None:
        where = forward.span
        nothing = Absent(where, "its `forward` is false and it reads nothing", "that forward leaves out")
    value: Chain = nothing if start is None else start
    if name:
        scope.bind(ctx, name, Binding(value, label_span(item), step, left_out=True))
    for k, (text, span) in enumerate(outputs):
        if text not in ("_", name):
            scope.bind(ctx, text, Binding(value if k == 0 else nothing, span, left_out=True))
    return value


def unknown_value(
    ctx: Context,
    scope: Scope,
    node: YamlNode,
    position: Position,
    *,
    called: Sequence[str] = (),
    misnamed: bool = False,
) -> Value:
    """A node in error: it has no calls, and whatever is read of it is unknown.

    `called`: what its name comes to, a turn of a repeat at a time, where that has been worked out.
    """
    names: dict[str, Span] = {}
    name: str | None = None
    if isinstance(node, Mapping):
        if name_of(node) is not None:
            written = node.entries[name_key(node) or "name"]
            name = called[0] if called else _spelt(scope, written, "repeat" in node.entries)
            names = dict.fromkeys((name, *called) if name else (), written.span)
        outputs = node.entries.get("outputs")
        for inner in getattr(outputs, "items", ()):
            text = _spelt(scope, inner)
            if text and text != "_":
                names.setdefault(text, inner.span)
        if name_of(node) is None:  # a structure whose turns would have given the list their names
            inside = (written for _, items, _ in inner_lists(node) for _, written, _ in written_names(items))
            scope.unspelt += [each for each in inside if "$" in each]
    path = name or scope.builder.plan.auto.get(position) or UNNAMED
    number = scope.builder.add(Node([], [path], (), (name or "",), position, node.span, node.span))
    # Nothing may have been said of it here, and with the cause gone it is not in error. (In what is left out values are
    # unknown as a rule, and nothing hides a mistake as long as none is found.)
    if ctx.frames and (not ctx.inspecting or ctx.diagnostics.added):
        ctx.frames[-1].uses = None
    chosen = isinstance(node, Mapping) and "when" in node.entries  # it may be the one that is left out
    for text, span in names.items():
        if text not in scope.names or scope.names[text].left_out:
            scope.names[text] = Binding(Value(number), span, number, unknown=True, misnamed=misnamed, left_out=chosen)
    return Value(number)


def _spelt(scope: Scope, written: YamlNode, by_turn: bool = False) -> str:
    """What a name of an item in error comes to; empty, and noted in the scope, where its expressions do not tell.

    `by_turn`: of a repeat whose turns are not known, whose variables would be those of a repeat around it.
    """
    text = text_of(written)
    if "$" not in text:
        return text
    name = None if by_turn else evaluate(written, scope.env, Diagnostics())  # what is wrong with it is reported
    if isinstance(name, str):
        return name
    scope.unspelt.append(text)
    return ""


def carry_of(ctx: Context, item: Item, scope: Scope, inputs: tuple[Any, ...] | None, calls: list[Any]) -> int | None:
    """How many values each turn hands on to the next; None if wrong (reported)."""
    repeat = item.get("repeat")
    node = repeat.get("carry") if isinstance(repeat, Mapping) else None
    if node is None:
        return 1
    carry = ctx.evaluate(node, scope.env)
    if carry is FAILED:
        return None
    joined = next((key for key in ("merge", "route") if item.get(key) is not None), None)
    if joined is not None:
        ctx.error("AS205", node.span, f"`carry` is for turns that follow one another; `{joined}` joins them")
        return None
    if isinstance(carry, bool) or not isinstance(carry, int) or carry < 1:
        ctx.error("AS205", node.span, f"`carry` takes a count, 1 or more, got {show(carry)}", value_of=node)
        return None
    counts = [result_count(call) if isinstance(call, OpCall) else len(call.outputs) for call in calls]
    least = min((count for count in counts if count is not None), default=carry)
    read = carry if inputs is None else sum(value is not None for value in inputs[:carry])
    for count, what in ((least, "gives"), (read, "reads")):
        if count < carry:
            values = "value" if count == 1 else "values"
            ctx.error("AS205", node.span, f"`carry: {carry}`, but `{item.key}` {what} {count} {values}")
            return None
    return carry
