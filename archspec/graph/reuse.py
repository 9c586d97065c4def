"""`use: name`: call the modules of an earlier item again."""

from __future__ import annotations

from archspec.diagnostics.model import Label
from archspec.diagnostics.suggest import did_you_mean, rename
from archspec.graph.context import FAILED, Context
from archspec.graph.forward import explain_later, likely_misnamed
from archspec.graph.ir import Graph, Node, Value
from archspec.graph.items import Item
from archspec.graph.labels import item_name, output_names, text_of
from archspec.graph.repeats import Turn, turns_of
from archspec.graph.results import bind, label_span, outputs_fit, pass_by, unknown_value
from archspec.graph.scope import Scope
from archspec.graph.wiring import Chain, read_inputs


def use_again(ctx: Context, scope: Scope, item: Item, before: Chain) -> Chain:
    """A node that shares the modules of another."""
    name = item_name(ctx, scope, item)
    outputs = output_names(ctx, scope, item)
    turns = turns_of(ctx, item, scope, name)
    tie = item.get("tie")
    if tie is not None:
        ctx.error("AS201", tie.span, "`use` owns no parameter to tie", help="write `tie` on the item that is used")
    init = item.get("init")
    if init is not None:
        ctx.error("AS201", init.span, "`use` owns no parameter", help="write `init` on the item that is used")
    for word in ("merge", "route", "parametrize", "register_buffer"):
        if (wrong := item.get(word)) is not None:
            ctx.error("AS201", wrong.span, f"`use` takes no `{word}`", help=f"write `{word}` on the item that is used")
    found = _find(ctx, scope, item)
    if found is None or name is FAILED or outputs is None or turns is None:
        return unknown_value(ctx, scope, item.node, item.position)
    number, which = found
    target = scope.builder.nodes[number]
    calls = target.calls if which is None else [target.calls[which]]
    paths = target.paths if which is None else [target.paths[which]]
    if not calls:
        return unknown_value(ctx, scope, item.node, item.position)
    first = calls[0]
    if isinstance(first, Graph):
        fed = len(first.inputs) if first.fed is None else first.fed
        captured = target.inputs[fed:]
        declared = tuple(given.name for given in first.inputs[:fed])
    else:
        refs = len(first.cls.ref_inputs)
        captured, declared = target.inputs[len(target.inputs) - refs :], first.cls.inputs
    inputs = read_inputs(ctx, scope, item, declared, before)
    if inputs is None or not outputs_fit(ctx, item, first, outputs):
        return unknown_value(ctx, scope, item.node, item.position)
    start = next((value for value in (*inputs.values, *captured) if value is not None), None)
    if not turns:
        return pass_by(ctx, scope, item, name, outputs, start)
    repeated = target.repeated and which is None
    node = Node(
        calls * len(turns),
        paths * len(turns),
        (*inputs.values, *captured),
        tuple(text for text, _ in outputs) or (name or "",),
        item.position,
        item.key_span,
        label_span(item),
        (*inputs.spans, *(None,) * len(captured)),
        repeated=repeated or item.get("repeat") is not None,
        carry=target.carry if repeated else 1,
        shared=number,
        doc=text_of(item.get("doc")),
        when=item.get("when"),
        repeat=item.get("repeat"),
        auto=name is None,
    )
    at = scope.builder.add(node)
    every = turns if not repeated else [Turn(k, {}, "") for k in range(len(node.calls))]
    bind(ctx, scope, item, name, outputs, at, every, start)
    return Value(at)


def _find(ctx: Context, scope: Scope, item: Item) -> tuple[int, int | None] | None:
    """Number of the node meant, and of the turn if one of a repeat's; None (reported, unless that item is in error)."""
    node = item.value
    assert node is not None
    name = ctx.evaluate(node, scope.env)
    if name is FAILED:
        return None
    if not isinstance(name, str):
        ctx.error("AS205", node.span, "`use` takes the name of an earlier item", help="`- use: encoder`")
        return None
    found = scope.find(name)
    if found is None and explain_later(ctx, scope, name, node.span, reads=False):
        return None
    if found is None and likely_misnamed(scope, name):
        return None
    if found is None:
        known = [each for each in scope.visible() if (at := scope.find(each)) and at[0].step is not None]
        help = did_you_mean(name, known)
        if help is None and known:
            help = f"items here: {', '.join(f'`{each}`' for each in known[:12])}"
        fix = rename(name, known, node.span)
        ctx.error("AS206", node.span, f"there is no earlier item `{name}`", help=help, fix=fix)
        return None
    binding, origin, turn = found
    if binding.unknown:
        return None
    if origin.builder is not scope.builder:
        ctx.error(
            "AS206",
            node.span,
            f"`{name}` belongs to the list around this module, which cannot call it",
            secondary=[Label(binding.span, "it is this one")],
            help="`use` calls modules of the same module; move the two together",
        )
        return None
    if binding.step is None:
        where = Label(binding.span, "it is this one")
        ctx.error("AS206", node.span, f"`{name}` has no module to call again", secondary=[where])
        return None
    if turn is None:
        return binding.step, binding.tap
    turns = list(binding.turns or ())
    if turn not in turns:
        ctx.error("AS206", node.span, f"there is no turn `{name}`", secondary=[Label(binding.span, "the repeat")])
        return None
    return binding.step, turns.index(turn)
