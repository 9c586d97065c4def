"""The graph stage: parameters evaluated, repeats unrolled, blocks instantiated, names resolved.

It owns everything inside items; the schema stage owns the document around them (which keys there are and what they
hold), and what that stage refuses is passed over here in silence.
"""

from __future__ import annotations

from typing import Any

from archspec.diagnostics.model import Diagnostics, Label
from archspec.dims import symbol
from archspec.graph import unused
from archspec.graph.blocks import drop_followers, read_blocks
from archspec.graph.chain import walk
from archspec.graph.context import FAILED, Context, LimitReachedError
from archspec.graph.facts import read_facts
from archspec.graph.initial import read_init
from archspec.graph.inspect import inspect_blocks
from archspec.graph.ir import Elaboration, GraphInput, Value
from archspec.graph.labels import text_of
from archspec.graph.limits import check_size
from archspec.graph.names import TYPES, Plan, wrong_input
from archspec.graph.outputs import read_outputs
from archspec.graph.overrides import apply_overrides, given_params
from archspec.graph.params import bind_params, read_params
from archspec.graph.scope import Binding, Builder, Scope
from archspec.graph.ties import check_ties
from archspec.graph.typetext import read_type, symbols_in_text, symbols_of
from archspec.reading.nodes import Mapping, Sequence


def elaborate(root: Mapping, overrides: dict[str, Any], diagnostics: Diagnostics) -> Elaboration | None:
    """The spec as a graph; None only where nothing can be gone on with: no inputs or layers, an expansion too large."""
    try:
        return _elaborate(root, overrides, diagnostics)
    except LimitReachedError:
        return None


def _elaborate(root: Mapping, overrides: dict[str, Any], diagnostics: Diagnostics) -> Elaboration | None:
    ctx = Context(root, diagnostics, {})
    root = apply_overrides(root, overrides, diagnostics)
    params = _params(ctx, root, overrides)
    ctx.env = params
    inputs, types = _inputs(ctx, root, params)
    facts = read_facts(ctx, root.get("symbols"), symbols_of(types), params)
    read_blocks(ctx, root.get("blocks"))
    layers = root.get("layers")
    if not inputs or not isinstance(layers, Sequence):
        return None
    builder = Builder("root", text_of(root.get("name")), ("root",), Plan([((), layers)]), root.span)
    builder.inputs = inputs
    scope = Scope(builder, layers, (), ctx.env)
    for number, given in enumerate(inputs):
        scope.names[given.name] = Binding(Value(-1, number), given.span)
    ctx.tensors = frozenset(given.name for given in inputs)
    last = walk(ctx, scope, Value(-1, 0))
    named, spans = read_outputs(ctx, scope, root.get("outputs"), last, root.span) or ([], [])
    begins = read_init(ctx, root.get("init"), ctx.env)
    graph = builder.finish(named, params=params, doc=text_of(root.get("doc")), output_spans=spans, init=begins)
    inspect_blocks(ctx, walk)
    drop_followers(ctx)
    check_size(ctx, graph)
    check_ties(ctx, graph)
    unused.warn(ctx, root, graph)
    return Elaboration(graph, types, facts.values, facts.spans, params, graph.name, graph.doc, root, ctx.env, ctx)


def _params(ctx: Context, root: Mapping, overrides: dict[str, Any]) -> dict[str, Any]:
    declared = read_params(ctx, root.get("params"))
    given = given_params(ctx, declared, overrides)
    for name, param in declared.items():
        if param.type is not None and name not in given:
            ctx.error(
                "AS204",
                param.span,
                f"the parameter `{name}` has no value",
                label=f"{param.type}, and no default",
                help=f"give it with --set {name}={TYPES[param.type]}, or write a default here",
            )
    return bind_params(ctx, declared, given, {})


def _inputs(ctx: Context, root: Mapping, params: dict[str, Any]) -> tuple[list[GraphInput], list[Any]]:
    """The root's inputs and their types; the symbols of the types join `ctx.env`."""
    node = root.get("inputs")
    inputs: list[GraphInput] = []
    types: list[Any] = []
    if not isinstance(node, Mapping):
        return inputs, types
    symbols: dict[str, Any] = {}
    for name, text in node.entries.items():
        wrong = wrong_input(name)
        if wrong:
            ctx.error("AS205", node.keys[name], f"an input cannot be called `{name}`: {wrong}")
        found = read_type(ctx, text, params)
        inputs.append(GraphInput(name, node.keys[name], found, text))
        types.append(found)
        if found is None:
            symbols.update(dict.fromkeys(symbols_in_text(text), FAILED))
        for each in symbols_of([found]):
            symbols[each] = symbol(each)
            if each in params:
                declared = root.get("params")
                assert isinstance(declared, Mapping)
                ctx.error(
                    "AS207",
                    text.span,
                    f"`{each}` is a size here and a parameter too",
                    secondary=[Label(declared.keys[each], "the parameter")],
                    help=f"write `${each}` for the parameter's value, or rename one",
                )
    ctx.env = {**symbols, **params}
    return inputs, types
