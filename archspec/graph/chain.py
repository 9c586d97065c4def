"""Walking a list: each item becomes a node that reads the value before it, or what `from` names."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from archspec.diagnostics.model import Span
from archspec.graph import blocks, joins, structures
from archspec.graph.arguments import op_call
from archspec.graph.buffers import alone, read_buffer
from archspec.graph.chosen import with_op
from archspec.graph.context import FAILED, Context
from archspec.graph.fed import read_fed
from archspec.graph.initial import InitRule, read_init
from archspec.graph.inline import read_inline
from archspec.graph.inspect import inspect_item
from archspec.graph.ir import Graph, GraphInput, Join, Node, OpCall, Value
from archspec.graph.items import Item, read_item
from archspec.graph.joins import Joining
from archspec.graph.labels import evaluated_name, item_name, output_names, text_of, ties_of
from archspec.graph.names import Position, snake_case, spliceable
from archspec.graph.repeats import Turn, read_flag, turns_of
from archspec.graph.results import (
    bind,
    carry_of,
    hand_out,
    label_span,
    outputs_fit,
    pass_by,
    too_many_outputs,
    unknown_value,
)
from archspec.graph.reuse import use_again
from archspec.graph.scope import Absent, Binding, Scope
from archspec.graph.steps import step
from archspec.graph.structures import Captured, attach_ties
from archspec.graph.wiring import NOTHING, Chain, Inputs, read_inputs
from archspec.reading.nodes import Mapping
from archspec.reading.nodes import Node as YamlNode


def walk(ctx: Context, scope: Scope, before: Chain) -> Chain:
    """Elaborate every item of the list; the last one's value."""
    outlive = scope.parent is None and not scope.position and scope.builder.kind == "root"
    for index, node in enumerate(scope.items.items):
        scope.current, known = index, len(scope.names)
        position = (*scope.position, index)
        if outlive and type(node) is Mapping and node.kept is not None:
            before = step(ctx, scope, node, position, before, _item)
        else:
            before = _item(ctx, scope, node, position, before)
        if scope.turn_of:
            hand_out(ctx, scope, node, known)
    return before


def _item(ctx: Context, scope: Scope, node: YamlNode, position: Position, before: Chain) -> Chain:
    chosen = with_op(ctx, node, scope.env)
    again = id(chosen) in ctx.items
    item = read_item(ctx, chosen, position) if chosen is not None else None
    if item is None:
        return unknown_value(ctx, scope, node, position)
    if again:
        ctx.spend(item.key_span)
    if item.plain:
        return _op(ctx, scope, item, before)
    inline = read_inline(ctx, item)
    if item.kind == "use":
        return use_again(ctx, scope, item, before)
    if item.is_structure and scope.builder.plan.spliced and spliceable(item.node):
        if item.get("register_buffer") is not None:  # which asks for a name
            return _step(ctx, scope, item, before)
        return _spliced(ctx, scope, item, before)
    return _step(ctx, scope, item, before, inline)


def _op(ctx: Context, scope: Scope, item: Item, before: Chain) -> Chain:
    """An op with nothing but a name and inputs: what `_step` comes to, for what most items are."""
    assert item.op is not None
    written = item.common.get("name")
    name = None if written is None else evaluated_name(ctx, scope, written, scope.env)
    inputs = read_inputs(ctx, scope, item, item.op.inputs, before)
    call = op_call(ctx, item, scope.env)
    if call is None or inputs is None or name is FAILED:
        called = [name] if isinstance(name, str) else []
        return unknown_value(ctx, scope, item.node, item.position, called=called, misnamed=name is FAILED)
    span = item.key_span if written is None else written.span
    path = name if name is not None else scope.builder.plan.auto.get(item.position, item.key)
    unique = scope.builder.claim(ctx, path, span, bare=call.bare())
    node = Node(
        [call],
        [path],
        inputs.values,
        (name or "",),
        item.position,
        item.key_span,
        span,
        inputs.spans,
        raw=item.value,
        doc=text_of(item.get("doc")),
        auto=name is None,
    )
    value = Value(scope.builder.add(node))
    if name:
        start = next((value for value in inputs.values if value is not None), None)
        scope.bind(ctx, name, Binding(value, span, value.node, None, start), quiet=not unique)
    return value


def _step(ctx: Context, scope: Scope, item: Item, before: Chain, inline: bool | None = False) -> Chain:
    """An item with modules of its own: an op, a block, or a structure that is a submodule; or an `inline` block."""
    name = item_name(ctx, scope, item)
    outputs = output_names(ctx, scope, item)
    declared = declared_inputs(ctx, item)
    parametrize = item.get("parametrize")
    if parametrize is not None and item.op is None:
        help = "write it on the op inside whose parameter it is"
        ctx.error("AS201", parametrize.span, f"`parametrize` is for an op, and `{item.key}` is none", help=help)
    turns = turns_of(ctx, item, scope, name)
    called = [name] if isinstance(name, str) else []
    if name is None and item.get("name") is not None:
        called = [turn.path for turn in turns or ()]
    buffer = read_buffer(ctx, item)
    forward = _in_forward(ctx, item, scope)
    requires_grad = _requires_grad(ctx, item, scope)
    joining: Joining | None = None
    inputs: Inputs | None = None
    fed: list[tuple[Value | None, ...]] | None = None
    ctx.leaving_out = not turns  # or it is not known whether: its `when` is in error
    if item.get("merge") is None and item.get("route") is None:
        inputs, fed = read_fed(ctx, scope, item, declared, before, turns)
    else:
        joining = joins.read(ctx, scope, item, declared, turns or [])
        if not joins.read_alike(ctx, item):
            joining = None
        turns = turns if joining is not None else None
        inputs = read_inputs(ctx, scope, item, joining.left(declared), before) if joining is not None else None
    ctx.leaving_out = False
    tie = ties_of(ctx, scope, item)
    start = next((value for value in inputs.values if value is not None), None) if inputs is not None else None
    repeat = item.get("repeat")
    if repeat is not None and inputs is not None and start is None:
        what = f"`repeat` hands a value on from turn to turn, and `{item.key}` reads none"
        ctx.error("AS205", repeat.span, what, help="repeat a `sequence` that holds it")
        turns = None
    start = None if start == NOTHING else start
    made: Made | None = None
    if turns:  # what is wrong inside is reported even where the item's own words are wrong
        names = declared if joining is None else joining.left(declared)
        absent = _absent(item, names, inputs)
        made = _calls(ctx, scope, item, turns, start, joining.given(item) if joining else [], absent)
    else:
        inspect_item(ctx, scope, item, walk)
    if (
        inputs is None
        or turns is None
        or name is FAILED
        or outputs is None
        or tie is None
        or inline is None
        or forward is None
        or requires_grad is None
    ):
        return unknown_value(ctx, scope, item.node, item.position, called=called, misnamed=name is FAILED)
    if not turns:
        return pass_by(ctx, scope, item, name, outputs, start)
    if (
        made is None
        or buffer is FAILED
        or not alone(ctx, buffer, made.captured)
        or not outputs_fit(ctx, item, made.calls[0], outputs)
    ):
        return unknown_value(ctx, scope, item.node, item.position, called=called)
    join: Join | None = None
    if joining is not None:
        inputs, join = joining.placed(inputs, declared)
    if item.kind == "block":  # its graph has no input for what is left out
        given = [(value, span) for value, span in zip(*inputs, strict=True) if value is not None]
        inputs = Inputs(tuple(value for value, _ in given), tuple(span for _, span in given))
        fed = [tuple(value for value in each if value is not None) for each in fed] if fed is not None else None
    routed = joining.routed if joining is not None else ()
    bare = all(isinstance(call, OpCall) and call.bare() for call in made.calls)
    carry = carry_of(ctx, item, scope, inputs.values, made.calls)
    if carry is None:
        return unknown_value(ctx, scope, item.node, item.position, called=called)
    hides = next(iter(sorted(ctx.mentions(item.get("name")) & item.loop_names & scope.turn_of)), None)
    claim = partial(scope.builder.claim, ctx, span=label_span(item), bare=bare, hides=hides)
    # A misspelt word may make a module of what was none to the plan: its name is not the spec's own.
    planned = item.get("name") is not None or item.position in scope.builder.plan.auto
    unique = inline or not planned or all(claim(turn.path) for turn in turns)
    node = Node(
        made.calls,
        [""] if inline else [turn.path for turn in turns],
        (*inputs.values, *made.captured.values, *routed),
        tuple(text for text, _ in outputs) or (name or "",),
        item.position,
        item.key_span,
        label_span(item),
        (*inputs.spans, *(given.span for given in made.captured.inputs), *(joining.routed_spans if joining else ())),
        raw=item.value,
        repeated=item.get("repeat") is not None,
        carry=carry,
        doc=text_of(item.get("doc")),
        when=item.get("when"),
        repeat=item.get("repeat"),
        auto=name is None,
        init=_begins(ctx, item, turns),
        join=join,
        buffer=buffer,
        forward=forward,
        requires_grad=requires_grad,
        inline=inline,
    )
    number = scope.builder.add(node)
    if fed is not None:
        scope.builder.feed(number, fed)
    attach_ties(scope.builder, number, {**made.ties, **tie})
    if not forward:
        return pass_by(ctx, scope, item, name, outputs, start, item.get("forward"), number)
    bind(ctx, scope, item, name, outputs, number, turns, start, quiet=not unique)
    return Value(number)


def _in_forward(ctx: Context, item: Item, scope: Scope) -> bool | None:
    """Does forward run the item? None if what it says is wrong (reported)."""
    node = item.get("forward")
    forward = read_flag(ctx, node, scope.env, "forward")
    if node is not None and item.op is not None and item.op.bare():
        help = "`when` leaves out an item altogether"
        ctx.error("AS201", node.span, f"`{item.key}` keeps nothing that is there without forward", help=help)
        return None
    return forward


def _requires_grad(ctx: Context, item: Item, scope: Scope) -> bool | None:
    """Does training change the item's parameters? None if what it says is wrong (reported)."""
    node = item.get("requires_grad")
    if node is None or item.op is None or (item.op.attribute == "module" and not item.op.bare()):
        return read_flag(ctx, node, scope.env, "requires_grad")
    if "requires_grad" in item.op.args:
        help = f"write it there: `{item.key}: {{..., requires_grad: false}}`"
        ctx.error("AS201", node.span, f"`requires_grad` is an argument of `{item.key}`", help=help)
    else:
        ctx.error("AS201", node.span, f"`{item.key}` has no parameters")
    return None


def _absent(item: Item, declared: tuple[str, ...], inputs: Inputs | None) -> frozenset[str]:
    """The inputs of a block that a call leaves out."""
    if item.kind != "block" or inputs is None:
        return frozenset()
    both = zip(declared, inputs.values, strict=True)
    return frozenset(name.removesuffix("?") for name, value in both if value is None)


def _begins(ctx: Context, item: Item, turns: list[Turn]) -> list[tuple[InitRule, ...]] | None:
    """How the parameters of each turn begin."""
    node = item.get("init")
    if node is None:
        return None
    if not isinstance(node, Mapping):
        help = "name the parameter: `init: {weight: {normal: {std: 0.02}}}`"
        ctx.error("AS205", node.span, "`init` takes a mapping", help=help)
        return None
    if not ctx.mentions(node) & item.loop_names:
        return [read_init(ctx, node, turns[0].env)] * len(turns)
    return [read_init(ctx, node, turn.env) for turn in turns]


def declared_inputs(ctx: Context, item: Item) -> tuple[str, ...]:
    if item.op is not None:
        return item.op.inputs
    if item.kind == "block":
        return tuple(f"{given.name}?" if given.optional else given.name for given in ctx.blocks[item.key].inputs())
    return ("x",) if structures.reads_chain(item) else ()


class Made(NamedTuple):
    calls: list[OpCall | Graph]
    captured: Captured
    ties: dict[str, tuple[str, Span]]


def _calls(
    ctx: Context,
    scope: Scope,
    item: Item,
    turns: list[Turn],
    start: Value | None,
    given: list[GraphInput],
    absent: frozenset[str],
) -> Made | None:
    """The call of each turn; made once where no turn can differ. `given`: inputs that a sequence reads by name."""
    # A structure that reads its input by name too may take both for one, unless turns or a `use` feed it others.
    alone = item.get("repeat") is None and not ctx.may_be_reused(text_of(item.get("name")))
    chain = start if alone else None
    same = not (ctx.mentions(item.value) & item.loop_names)
    calls: list[OpCall | Graph] = []
    captured = Captured()
    ties: dict[str, tuple[str, Span]] = {}
    for turn in turns if not same else turns[:1]:
        call: OpCall | Graph | None
        if item.kind == "op":
            call = op_call(ctx, item, turn.env)
        elif item.kind == "block":
            call = blocks.block_graph(ctx, item, turn.env, walk, absent)
        else:
            stem = _class_stem(item, turn.path)
            inner = structures.nested(ctx, scope, item, stem, turn.env, walk, chain, captured, given)
            call = None
            if inner is not None:
                call, captured = inner.graph, inner.captured
                ties.update(inner.ties)
        if call is None:
            return None
        if len(turns) > 1:
            ctx.spend(item.key_span)
        calls.append(call)
    for call in calls:  # turns that read less than a later one get its inputs too: all are called alike
        if isinstance(call, Graph) and call.kind == "sequence":
            call.inputs.extend(captured.inputs[len(call.inputs) - (call.fed or 0) :])
    return Made(calls * len(turns) if same else calls, captured, ties)


def _spliced(ctx: Context, scope: Scope, item: Item, before: Chain) -> Chain:
    """An unnamed structure in a list of names: its items are the list's own."""
    outputs = output_names(ctx, scope, item)
    turns = turns_of(ctx, item, scope, "")
    ctx.leaving_out = not turns  # or it is not known whether: its `when` is in error
    inputs = read_inputs(ctx, scope, item, ("x",), before)
    ctx.leaving_out = False
    tie = item.get("tie")
    if tie is not None:
        ctx.error(
            "AS201", tie.span, f"an unnamed `{item.key}` owns no parameter to tie", help="write `tie` on the op inside"
        )
    begins = item.get("init")
    if begins is not None:
        help = "write `init` on the items inside, or give it a name"
        ctx.error("AS201", begins.span, f"an unnamed `{item.key}` has no parameters of its own", help=help)
    for word in ("forward", "requires_grad"):
        if (wrong := item.get(word)) is not None:
            help = f"write `{word}` on the items inside, or give it a name"
            ctx.error("AS201", wrong.span, f"an unnamed `{item.key}` keeps nothing of its own", help=help)
    start = None
    if inputs is None:
        start = unknown_value(ctx, scope, item.node, item.position)
    elif inputs.values and inputs.values[0] != NOTHING:
        start = inputs.values[0]
    if not turns:
        inspect_item(ctx, scope, item, walk)
    joined = item.get("merge") is not None or item.get("route") is not None
    if joined and joins.read(ctx, scope, item, ("x",), turns or []) is None:
        turns = None
    if outputs is None or turns is None:
        return unknown_value(ctx, scope, item.node, item.position)
    if not turns:
        return pass_by(ctx, scope, item, None, outputs, start)
    ctx.enter(item.key_span)
    value = _turns_in_place(ctx, scope, item, turns, start)
    ctx.leave()
    if value is None:
        return unknown_value(ctx, scope, item.node, item.position)
    values: list[Chain] = [*structures.results(scope.builder, value)] if isinstance(value, Value) else [value]
    if len(outputs) > len(values):
        too_many_outputs(ctx, item, len(values), outputs)
    for (text, span), each in zip(outputs, values, strict=False):
        if text != "_" and isinstance(value, Value):
            scope.bind(ctx, text, Binding(each, span))
    if item.kind == "scan" and isinstance(value, Value):
        scope.builder.nodes[value.node].names = tuple(text for text, _ in outputs) or ("",)
    return value


def _turns_in_place(
    ctx: Context, scope: Scope, item: Item, turns: list[Turn], start: Value | None
) -> Value | Absent | None:
    """The steps of a structure, or of every turn of one that is repeated, as steps of the graph around."""
    merge, repeated = item.get("merge"), item.get("repeat") is not None
    value: Value | Absent | None = start
    values: list[Value] = []
    for turn in turns:
        if isinstance(value, Absent):
            ctx.error("AS206", value.span, "the last value of the list is left out, so the next turn has none to read")
            return None
        position = (*item.position, turn.number) if repeated else item.position
        read = value if merge is None else start
        turn_of = item.loop_names if repeated else frozenset()
        value = structures.run(ctx, scope, item, position, turn.env, read, walk, scope.builder, turn_of=turn_of)
        if value is None:
            return None
        if isinstance(value, Value):
            values.append(value)
    if merge is None or not repeated or isinstance(value, Absent):
        return value
    spans = [item.key_span] * len(values)
    return structures.join(ctx, merge, item.position, scope.env, values, spans, scope.builder)


def _class_stem(item: Item, path: str) -> str:
    """What the class of a nested graph is called after."""
    words = [part for part in path.split(".") if not part.isdecimal()]
    return words[-1] if words else snake_case(item.key)
