"""`use: name`: call the modules of an earlier item again."""

from __future__ import annotations

from typing import NamedTuple

from archspec.diagnostics.model import Label, Span
from archspec.diagnostics.suggest import closest, did_you_mean, rename
from archspec.graph.context import FAILED, Context
from archspec.graph.forward import explain_later, likely_misnamed
from archspec.graph.inside import Inside, NotInside, find_inside
from archspec.graph.ir import Graph, Node, OpCall, Value
from archspec.graph.items import Item
from archspec.graph.labels import item_name, output_names, text_of
from archspec.graph.repeats import Turn, turns_of
from archspec.graph.results import bind, label_span, outputs_fit, pass_by, unknown_value
from archspec.graph.scope import Binding, Scope
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
    for word in ("merge", "route", "forward", "parametrize", "requires_grad", "register_buffer"):
        if (wrong := item.get(word)) is not None:
            ctx.error("AS201", wrong.span, f"`use` takes no `{word}`", help=f"write `{word}` on the item that is used")
    target = _find(ctx, scope, item)
    if target is None or not target.calls or name is FAILED or outputs is None or turns is None:
        return unknown_value(ctx, scope, item.node, item.position)
    number, calls, paths = target.number, target.calls, target.paths
    first, captured = calls[0], target.captured
    if isinstance(first, Graph):
        declared = tuple(given.name for given in first.inputs[: _fed(first)])
    else:
        declared = first.cls.inputs
    inputs = read_inputs(ctx, scope, item, declared, before)
    if inputs is None or not outputs_fit(ctx, item, first, outputs):
        return unknown_value(ctx, scope, item.node, item.position)
    start = next((value for value in (*inputs.values, *captured) if value is not None), None)
    if not turns:
        return pass_by(ctx, scope, item, name, outputs, start)
    repeated = target.repeated
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


class _Target(NamedTuple):
    """The modules meant: the number of the node that makes them, or what they are in, and their calls and paths.

    `captured`: values of this graph that the calls read besides what they are given.
    """

    number: int
    calls: list[OpCall | Graph]
    paths: list[str]
    captured: tuple[Value | None, ...] = ()
    repeated: bool = False
    carry: int = 1


def _find(ctx: Context, scope: Scope, item: Item) -> _Target | None:
    """What `use` names; None (reported, unless that item is in error)."""
    node = item.value
    assert node is not None
    name = ctx.evaluate(node, scope.env)
    if name is FAILED:
        return None
    if not isinstance(name, str):
        ctx.error("AS205", node.span, "`use` takes the name of an earlier item", help="`- use: encoder`")
        return None
    known = name  # the longest beginning that is a name here; the rest leads to a module inside of that item
    found = scope.find(name)
    while found is None and "." in known:
        known = known.rpartition(".")[0]
        found = scope.find(known)
    if found is None:
        _unknown(ctx, scope, name, node.span)
        return None
    binding, origin, turn = found
    if binding.unknown:
        return None
    if origin.builder is not scope.builder:
        if ctx.inspecting:  # where no list is put in place of its structure
            return None
        ctx.error(
            "AS206",
            node.span,
            f"`{known}` belongs to the list around this module, which cannot call it",
            secondary=[Label(binding.span, "it is this one")],
            help="`use` calls modules of the same module; move the two together",
        )
        return None
    if binding.step is None:
        where = Label(binding.span, "it is this one")
        ctx.error("AS206", node.span, f"`{known}` has no module to call again", secondary=[where])
        return None
    target = scope.builder.nodes[binding.step]
    which = target.paths.index(known) if target.repeated and known in target.paths else binding.tap
    if turn is not None:
        turns = list(binding.turns or ())
        if turn not in turns:
            ctx.error("AS206", node.span, f"there is no turn `{known}`", secondary=[Label(binding.span, "the repeat")])
            return None
        which = turns.index(turn)
    if known != name:
        return _inside(ctx, node.span, binding, target, which, name[len(known) + 1 :])
    first = target.calls[0] if target.calls else None
    if isinstance(first, OpCall):
        captured = target.inputs[len(target.inputs) - len(first.cls.ref_inputs) :]
    else:
        captured = target.inputs[_fed(first) :] if first is not None else ()
    if which is not None:
        return _Target(binding.step, [target.calls[which]], [target.paths[which]], captured)
    return _Target(binding.step, target.calls, target.paths, captured, target.repeated, target.carry)


def _fed(graph: Graph) -> int:
    return len(graph.inputs) if graph.fed is None else graph.fed


def _unknown(ctx: Context, scope: Scope, name: str, span: Span) -> None:
    """Report a name of which no beginning is a name here."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        if explain_later(ctx, scope, ".".join(parts[:end]), span, reads=False):
            return
    if likely_misnamed(scope, name):
        return
    known = [each for each in scope.visible() if (at := scope.find(each)) and at[0].step is not None]
    inside = [".".join((each, *parts[1:])) for each in known] if len(parts) > 1 else []
    help = did_you_mean(name, [*known, *inside])
    if help is None and known:
        help = f"items here: {', '.join(f'`{each}`' for each in known[:12])}"
    fix = rename(name, [*known, *inside], span)
    ctx.error("AS206", span, f"there is no earlier item `{name}`", help=help, fix=fix)


def _inside(ctx: Context, span: Span, binding: Binding, target: Node, which: int | None, rest: str) -> _Target | None:
    """A module inside an item of this list, at the path `rest` from it; None (reported)."""
    if not target.calls:
        return None
    assert binding.step is not None
    where = [Label(binding.span, f"`{target.label}`")]
    if which is None and target.repeated:
        turns = binding.turns or range(len(target.calls))
        help = f"name one of its turns: `{target.label}.{turns[0]}.{rest}`"
        ctx.error(
            "AS206", span, f"`{target.label}` is repeated, and `{rest}` is in each turn", secondary=where, help=help
        )
        return None
    path = target.paths[which or 0]
    found = find_inside(target.calls[which or 0], rest)
    if not isinstance(found, Inside):
        _nothing_inside(ctx, span, path, rest, found, where)
        return None
    whole = len(found.calls) > 1
    why = _bound_to_its_list(found, whole=whole)
    if why is not None:
        ctx.error("AS206", span, f"`{path}.{rest}` cannot be called from here: {why}", secondary=where)
        return None
    paths = [f"{path}.{each}" for each in found.paths]
    return _Target(binding.step, found.calls, paths, (), whole, found.node.carry if whole else 1)


def _nothing_inside(ctx: Context, span: Span, path: str, rest: str, found: NotInside, where: list[Label]) -> None:
    end = f"{path}.{found.at}" if found.at else path
    help = fix = None
    if isinstance(found.call, OpCall):
        message = f"`{end}` is an op, which has no modules inside"
        help = f"a parameter is shared by `tie: {{weight: {path}.{rest}}}` on an op with a weight"
    elif found.call.later is not None:
        message = f"what `{end}` has inside depends on sizes, and cannot be called from here"
    else:
        left = f"{path}.{rest}"[len(end) + 1 :]
        message = f"there is no module `{left}` in `{end}`"
        names = ", ".join(f"`{each}`" for each in found.known[:8])
        help = did_you_mean(left, found.known) or f"its modules are {names}{', …' if len(found.known) > 8 else ''}"
        options = [f"{end}.{each}" for each in closest(left, found.known)]
        fix = rename(f"{path}.{rest}", options, span)
    ctx.error("AS206", span, message, secondary=where, help=help, fix=fix)


def _bound_to_its_list(found: Inside, *, whole: bool) -> str | None:
    """Why a module further in cannot be called from outside; None if it can."""
    node = found.node
    if node.buffer is not None:
        return "it is a buffer, which is computed once"
    if node.join is not None and whole:
        return "its turns are joined; name one of them"
    for call in found.calls:
        if isinstance(call, OpCall) and any(value is not None for value in node.inputs[len(call.cls.inputs) :]):
            return "it reads another value of the list it stands in"
        if isinstance(call, Graph) and _fed(call) < len(call.inputs):
            return "it reads values of the list it stands in besides its input"
    return None
