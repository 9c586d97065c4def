"""Walking a list: each item becomes a node that reads the value before it, or what `from` names."""

from __future__ import annotations

from typing import NamedTuple

from archspec.diagnostics.model import Span
from archspec.graph import blocks, structures
from archspec.graph.arguments import op_call
from archspec.graph.context import FAILED, Context
from archspec.graph.ir import Graph, Node, OpCall, Value
from archspec.graph.items import Item, read_item
from archspec.graph.labels import doc_of, item_name, output_names, text_of, ties_of
from archspec.graph.names import Position, is_named, name_of, snake_case
from archspec.graph.repeats import Turn, loop_names, turns_of
from archspec.graph.scope import Absent, Binding, Scope
from archspec.graph.structures import Captured, attach_ties
from archspec.graph.wiring import Chain, read_inputs
from archspec.source.nodes import Mapping
from archspec.source.nodes import Node as YamlNode


def walk(ctx: Context, scope: Scope, before: Chain) -> Chain:
    """Elaborate every item of the list; the last one's value."""
    for index, node in enumerate(scope.items.items):
        scope.current = index
        before = _item(ctx, scope, node, (*scope.position, index), before)
    return before


def _item(ctx: Context, scope: Scope, node: YamlNode, position: Position, before: Chain) -> Chain:
    item = read_item(ctx, node, position)
    if item is None:
        return unknown_value(ctx, scope, node, position)
    ctx.spend(item.key_span)
    if item.kind == "use":
        from archspec.graph.reuse import use_again

        return use_again(ctx, scope, item, before)
    if item.is_structure and scope.builder.plan.spliced and not is_named(node) and item.get("repeat") is None:
        return _spliced(ctx, scope, item, before)
    return _step(ctx, scope, item, before)


def _step(ctx: Context, scope: Scope, item: Item, before: Chain) -> Chain:
    """An item with modules of its own: an op, a block, or a structure that is a submodule."""
    name = item_name(ctx, scope, item)
    outputs = output_names(ctx, scope, item)
    inputs = read_inputs(ctx, scope, item, declared_inputs(ctx, item), before)
    tie = ties_of(ctx, scope, item)
    turns = turns_of(ctx, item, scope, name)
    if inputs is None or turns is None or name is FAILED or outputs is None or tie is None:
        return unknown_value(ctx, scope, item.node, item.position)
    start = next((value for value in inputs.values if value is not None), None)
    if not turns:
        return pass_by(ctx, scope, item, name, outputs, start)
    made = _calls(ctx, scope, item, turns, start)
    if made is None or not outputs_fit(ctx, item, made.calls[0], outputs):
        return unknown_value(ctx, scope, item.node, item.position)
    unique = all(scope.builder.claim(ctx, turn.path, label_span(item)) for turn in turns)
    node = Node(
        made.calls,
        [turn.path for turn in turns],
        (*inputs.values, *made.captured.values),
        tuple(text for text, _ in outputs) or (name or "",),
        item.position,
        item.key_span,
        label_span(item),
        (*inputs.spans, *(given.span for given in made.captured.inputs)),
        raw=item.value,
        repeated=item.get("repeat") is not None,
        doc=doc_of(ctx, item),
        when=item.get("when"),
        repeat=item.get("repeat"),
        auto=name is None,
    )
    number = scope.builder.add(node)
    attach_ties(scope.builder, number, {**made.ties, **tie})
    bind(ctx, scope, item, name, outputs, number, turns, start, quiet=not unique)
    return Value(number)


class Made(NamedTuple):
    calls: list[OpCall | Graph]
    captured: Captured
    ties: dict[str, tuple[str, Span]]


def _calls(ctx: Context, scope: Scope, item: Item, turns: list[Turn], start: Value | None) -> Made | None:
    """The call of each turn; made once where no turn can differ."""
    repeated = item.get("repeat") is not None
    same = not (ctx.mentions(item.value) & loop_names(item))
    calls: list[OpCall | Graph] = []
    captured = Captured()
    ties: dict[str, tuple[str, Span]] = {}
    for turn in turns if not same else turns[:1]:
        call: OpCall | Graph | None
        if item.kind == "op":
            call = op_call(ctx, item, turn.env)
        elif item.kind == "block":
            call = blocks.block_graph(ctx, item, turn.env, walk)
        else:
            inner = structures.nested(
                ctx, scope, item, _class_stem(item, turn.path), turn.env, walk, None if repeated else start, captured
            )
            call = None
            if inner is not None:
                call, captured = inner.graph, inner.captured
                ties.update(inner.ties)
        if call is None:
            return None
        ctx.spend(item.key_span)
        calls.append(call)
    for call in calls:  # turns that read less than a later one get its inputs too: all are called alike
        if isinstance(call, Graph) and call.kind == "sequence":
            call.inputs.extend(captured.inputs[len(call.inputs) - 1 :])
    return Made(calls * len(turns) if same else calls, captured, ties)


def _spliced(ctx: Context, scope: Scope, item: Item, before: Chain) -> Chain:
    """An unnamed structure in a list of names: its items are the list's own."""
    outputs = output_names(ctx, scope, item)
    inputs = read_inputs(ctx, scope, item, ("x",), before)
    turns = turns_of(ctx, item, scope, "")
    tie = item.get("tie")
    if tie is not None:
        ctx.error(
            "AS201", tie.span, f"an unnamed `{item.key}` owns no parameter to tie", help="write `tie` on the op inside"
        )
    if inputs is None or outputs is None or turns is None:
        return unknown_value(ctx, scope, item.node, item.position)
    start = inputs.values[0]
    assert start is not None
    if not turns:
        return pass_by(ctx, scope, item, None, outputs, start)
    ctx.enter(item.key_span)
    value = structures.run(ctx, scope, item, item.position, scope.env, start, walk, scope.builder)
    ctx.leave()
    if value is None:
        return unknown_value(ctx, scope, item.node, item.position)
    if isinstance(value, Value):
        for text, span in outputs[:1]:
            scope.bind(ctx, text, Binding(value, span))
    return value


def declared_inputs(ctx: Context, item: Item) -> tuple[str, ...]:
    if item.op is not None:
        return item.op.inputs
    if item.kind == "block":
        return tuple(given.name for given in ctx.blocks[item.key].inputs())
    return ("x",)


def outputs_fit(ctx: Context, item: Item, call: OpCall | Graph, outputs: list[tuple[str, Span]]) -> bool:
    """Are there as many results as `outputs` names?"""
    if isinstance(call, Graph):
        count: int | None = len(call.outputs)
    else:
        count = result_count(call)
    if count is None or len(outputs) <= count:
        return True
    words = "one result" if count == 1 else f"{count} results"
    named = [text for text, _ in outputs]
    help = f"name it with `name: {named[0]}`" if count == 1 else None
    ctx.error("AS218", outputs[count][1], f"`{item.key}` has {words}, and `outputs` names {len(outputs)}", help=help)
    return False


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
    repeated = item.get("repeat") is not None
    numbers: tuple[int, ...] | range | None = None
    if repeated:
        numbers = tuple(turn.number for turn in turns)
        if numbers == tuple(range(len(numbers))):
            numbers = range(len(numbers))
    if name:
        scope.bind(ctx, name, Binding(Value(number), span, number, numbers, start), quiet=quiet)
    elif repeated and item.get("name") is not None:  # a name for each turn
        for k, turn in enumerate(turns):
            last = k == len(turns) - 1
            value = Value(number) if last else Value(number, -(k + 1))
            scope.bind(ctx, turn.path, Binding(value, span, number, tap=None if last else k), quiet=quiet)
    for k, (text, where) in enumerate(outputs):
        if text not in ("_", name):
            scope.bind(ctx, text, Binding(Value(number, k), where, number if not name and k == 0 else None))


def pass_by(
    ctx: Context, scope: Scope, item: Item, name: str | None, outputs: list[tuple[str, Span]], start: Value | None
) -> Chain:
    """An item left out: its value is its first input."""
    when = item.get("when") or item.get("repeat")
    where = when.span if when is not None else item.key_span
    value: Chain = Absent(where) if start is None else start
    if name:
        scope.bind(ctx, name, Binding(value, label_span(item)))
    for k, (text, span) in enumerate(outputs):
        if text not in ("_", name):
            scope.bind(ctx, text, Binding(value if k == 0 else Absent(where), span))
    return value


def unknown_value(ctx: Context, scope: Scope, node: YamlNode, position: Position) -> Value:
    """A node in error: it has no calls, and whatever is read of it is unknown."""
    name = name_of(node)
    if name is not None and "$" in name:
        name = None
    path = name or scope.builder.plan.auto.get(position) or "?"
    names: dict[str, Span] = {}
    if isinstance(node, Mapping):
        if name:
            names[name] = node.entries["name"].span
        outputs = node.entries.get("outputs")
        for inner in getattr(outputs, "items", ()):
            text = text_of(inner)
            if text and text != "_":
                names.setdefault(text, inner.span)
    number = scope.builder.add(Node([], [path], (), (name or "",), position, node.span, node.span))
    for text, span in names.items():
        if text not in scope.names:
            scope.names[text] = Binding(Value(number), span, number, unknown=True)
    return Value(number)


def _class_stem(item: Item, path: str) -> str:
    """What the class of a nested graph is called after."""
    words = [part for part in path.split(".") if not part.isdecimal()]
    return words[-1] if words else snake_case(item.key)
