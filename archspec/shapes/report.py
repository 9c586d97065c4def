"""Turns an op's refusal into a diagnostic: both producers, the trail of sizes, and the calls that led there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archspec.diagnostics.model import Diagnostic, Diagnostics, Label, Span
from archspec.dims import Dim, symbol
from archspec.graph.ir import Graph, OpCall
from archspec.graph.names import STRUCTURES
from archspec.ops.kinds import BadValue
from archspec.ops.require import Mismatch
from archspec.ops.tensor import TensorType
from archspec.reading.nodes import Mapping, Scalar, Sequence
from archspec.reading.nodes import Node as YamlNode
from archspec.shapes.site import CallSite, called_here, turn_note
from archspec.shapes.typed import TypedNode

if TYPE_CHECKING:  # a check of a clean spec does without
    from archspec.shapes.origin import Origin
    from archspec.shapes.repair import Repair


def mismatch(diagnostics: Diagnostics, site: CallSite, refused: Mismatch) -> None:
    """The diagnostic for an op that refuses its inputs."""
    from archspec.shapes.origin import ancestors, origin
    from archspec.shapes.trail import trail

    node = site.typed.graph.nodes[site.number]
    types = _call_inputs(site)
    blamed = [i for i in refused.inputs if i < len(node.inputs) and node.inputs[i] is not None]
    span, label = node.span, ""
    secondary: list[Label] = []
    if refused.argument is not None:
        found = _argument(node.raw, refused.argument, node.calls[site.turn])
        span = found or span
        if blamed:
            secondary += [Label(s, str(types[i])) for i in blamed if (s := _read_at(node, i))]
    elif blamed and (first := _read_at(node, blamed[0])):
        span, label = first, str(types[blamed[0]])
        secondary += [Label(s, str(types[i])) for i in blamed[1:] if (s := _read_at(node, i))]
    elif len(blamed) == 1:
        label = f"reads {types[blamed[0]]}"
    refusal = refused.refusal
    code = "AS308" if refusal is not None and refusal.kind == "promise" else refused.code
    if diagnostics.often(code, span):
        diagnostics.error(code, span, refused.message)
        return
    origins = [
        origin(site.typed, site.parent, node.inputs[i], axis) for i, axis in zip(blamed, refused.axis, strict=False)
    ]
    steps = trail(site.typed, node.inputs, blamed[0] if blamed else 0)
    for made, axis in zip(origins, refused.axis, strict=False):
        told = made is not None and made.then is None and (steps or "").startswith(f"{made.name} [")
        if made is not None and (made.then is not None or (len(origins) > 1 and not (told and site.parent is None))):
            secondary += [made.label(axis), *made.calls]
    help, fix = refused.help, None
    if help is None and refused.code == "AS302" and len(origins) == len(refused.axis) == 2:
        repairs = _repair(site, blamed, types, refused.axis, (origins[0], origins[1]))
        help, fix = repairs or (None, None)
    secondary += called_here(site.parent)
    notes = turn_note(site)
    if refusal is not None and refusal.stretched:
        meant = "by stretching what is 1; if that is meant, `symbols` can promise it"
        notes = (f"they go together only where {refusal.stretched}, {meant}", *notes)
    if refusal is not None and refusal.kind in ("promise", "requirement"):
        notes = (str(refusal), *notes)
    diagnostics.error(
        code,
        span,
        refused.message,
        causes=_causes(site, blamed, origins),
        upstream=[*ancestors(site), *(span for made in origins if made is not None for span in made.upstream)],
        label=label,
        secondary=[s for s in dict.fromkeys(secondary) if s.span != span],
        trail=steps,
        help=help,
        notes=notes,
        fix=fix,
    )


def _causes(site: CallSite, blamed: list[int], origins: list[Origin | None]) -> list[Span]:
    """The item itself, and those that may have made what it reads wrong."""
    from archspec.shapes.origin import cut, place

    node = site.typed.graph.nodes[site.number]
    cuts = [cut(site.typed, site.parent, node.inputs[i]) for i in blamed]
    made = [each.span for each in origins if each is not None and each.done is not None]
    if len(blamed) == 1:  # one history says less than two that clash
        made = []
    return [place(node), *made, *(span for span in cuts if span is not None)]


def _repair(
    site: CallSite,
    blamed: list[int],
    types: tuple[Any, ...],
    axes: tuple[int, ...],
    origins: tuple[Origin | None, Origin | None],
) -> Repair | None:
    from archspec.shapes.repair import repair

    inputs = site.typed.graph.nodes[site.number].inputs
    a, b = inputs[blamed[0]], inputs[blamed[1]]
    assert a is not None
    assert b is not None
    return repair(site.typed, (a, b), (types[blamed[0]], types[blamed[1]]), (axes[0], axes[1]), origins)


def bad_value(diagnostics: Diagnostics, site: CallSite, call: OpCall, bad: BadValue) -> None:
    """The diagnostic for an argument that turns out wrong once the sizes of a block's inputs are known."""
    node = site.typed.graph.nodes[site.number]
    span = node.span
    if bad.path:
        span = _argument(node.raw, str(bad.path[0]), call, bad.path[1:]) or span
        message = f"`{bad.path[0]}` of `{call.cls.name}`: {bad.message}"
    else:
        message = bad.message
    diagnostics.error("AS205", span, message, help=bad.help, secondary=called_here(site.parent), notes=turn_note(site))


def too_complex(diagnostics: Diagnostics, site: CallSite, call: OpCall) -> None:
    """The diagnostic for sizes whose formulas have grown past what can be decided."""
    node = site.typed.graph.nodes[site.number]
    message = f"the sizes at `{call.cls.name}` have become formulas too long to compute with"
    help = "give some of the sizes in `inputs` as numbers"
    diagnostics.error("AS310", node.span, message, help=help, secondary=called_here(site.parent), notes=turn_note(site))


def too_long(diagnostics: Diagnostics, graph: Graph, site: CallSite | None = None) -> None:
    """The diagnostic for a spec that asks for more decisions about sizes than a check makes. `site`: the last one."""
    span, what = graph.inputs[0].span, "what the sizes must meet"
    if site is not None and isinstance(call := site.node.calls[site.turn], OpCall):
        span, what = site.node.span, f"what `{call.cls.name}` and the ops before it ask of the sizes"
    help = "give some of the sizes in `inputs` as numbers, or promise less of them in `symbols`"
    labels = called_here(site.parent) if site is not None else []
    diagnostics.error("AS310", span, f"{what} takes too long to work out", help=help, secondary=labels)


def too_few(diagnostics: Diagnostics, site: CallSite, count: int) -> None:
    """The diagnostic for more names than an op has results, where its arguments and the sizes decide how many."""
    call, names = site.node.calls[site.turn], len(site.node.names)
    what = call.cls.name if isinstance(call, OpCall) else site.node.label
    words = f"`{what}` has {'one result' if count == 1 else f'{count} results'} here, and `outputs` names {names}"
    given = _call_inputs(site)[0] if _call_inputs(site) else None
    label = "" if given is None else f"reads {given}"
    diagnostics.error(
        "AS218", site.node.span, words, label=label, secondary=called_here(site.parent), notes=turn_note(site)
    )


def unreachable(diagnostics: Diagnostics, site: CallSite, size: str, whole: Dim | None = None) -> None:
    """The diagnostic for an argument that names a size which no tensor at hand has; `whole`: all that it asks for."""
    node, around = site.node, site
    while around.parent is not None and around.parent.node.inline:
        around = around.parent
    graph = around.typed.graph
    where = f"no input of `{graph.name}` has it" if graph.kind == "block" else "no input has it by itself"
    help = f"pass in a tensor that has the size {size}, or declare an input with {size} standing alone"
    if whole is not None and graph.kind in STRUCTURES and _at_hand_around(around, whole):
        size = str(whole)
        where = f"the `{graph.kind}` it stands in is a module of its own, and reads nothing that has it"
        repeated = around.parent is not None and around.parent.node.repeated
        joined = around.parent is not None and around.parent.node.join is not None
        free = "let a name in it go by the turn, as `name: x$i` does" if repeated or joined else "leave out its name"
        help = f"{free}, and its items are those of the list around; or read a value in it that has the size"
    message = f"the size {size} is not to be had here: {where}"
    diagnostics.error("AS306", node.span, message, help=help, secondary=called_here(site.parent), notes=turn_note(site))


def _at_hand_around(site: CallSite, size: Dim) -> bool:
    """Has the module that a structure stands in a tensor from which the size can be read?"""
    around = site.parent
    while around is not None:
        near = {axis for kind in around.typed.inputs if isinstance(kind, TensorType) for axis in kind.shape}
        if size in near or all(symbol(name) in near for name in size.symbols):
            return True
        around = around.parent if around.typed.graph.kind in STRUCTURES else None
    return False


def declared(
    diagnostics: Diagnostics,
    graph: Graph,
    number: int,
    given: TensorType,
    call: CallSite | None,
    axis: int | None = None,
) -> None:
    """The diagnostic for a block called with another type than it declares."""
    wanted = graph.inputs[number]
    span: Span = wanted.span
    notes: tuple[str, ...] = ()
    secondary = [Label(wanted.span, "declared here")]
    if call is not None:
        node = call.typed.graph.nodes[call.number]
        span = _read_at(node, number) or node.span
        notes = turn_note(call)
        secondary += called_here(call.parent)
    own = str(wanted.type).replace(f"{graph.name}.", "")
    if wanted.open:
        own = own.replace("[", "[*, " if wanted.type is not None and wanted.type.rank else "[*", 1)
    code, message = "AS302", f"`{graph.name}` declares its input `{wanted.name}` as {own}, got {given}"
    if axis is not None:
        message += f" (dimension {axis} differs)"
    elif wanted.type is not None:
        code = "AS303" if given.rank == wanted.type.rank else "AS301"
    secondary = [s for s in secondary if s.span != span]
    diagnostics.error(code, span, message, label=str(given), secondary=secondary, notes=notes)


def shared(diagnostics: Diagnostics, site: CallSite, first: TypedNode, turn: int) -> None:
    """The diagnostic for `use` of a module on an input that it is not built for, which is that of `first`'s turn."""
    node = site.typed.graph.nodes[site.number]
    given, built = _call_inputs(site)[0], first.call_inputs[turn][0]
    message = f"`{first.node.label}` is built for {built}, and is used again on {given}"
    secondary = [Label(first.node.key_span, str(built)), *called_here(site.parent)]
    diagnostics.error("AS302", node.span, message, label=str(given), secondary=secondary, notes=turn_note(site))


def sizes_inside(diagnostics: Diagnostics, site: CallSite, sizes: Iterable[str]) -> None:
    """The diagnostic for `use` of a module further in that is written over sizes known only when the model runs."""
    node = site.typed.graph.nodes[site.number]
    words = " and ".join(f"`${name.rpartition('.')[2]}`" for name in sorted(sizes))
    message = f"`{node.paths[site.turn]}` is written over {words} of its block, known only when the model runs there"
    diagnostics.error("AS306", node.span, message, secondary=called_here(site.parent))


def carried(diagnostics: Diagnostics, site: CallSite, name: str, number: int, types: tuple[Any, Any], at: Span) -> None:
    """The diagnostic for a carried value whose type is another after a step than before it. `at`: where it is made."""
    node = site.typed.graph.nodes[site.number]
    before, after = types
    code = "AS301" if before.rank != after.rank else "AS303" if before.shape == after.shape else "AS302"
    message = f"`{name}` is {before} when a step begins and {after} when it ends"
    help = "a value that is carried keeps its type: begin with one of the type that a step gives on"
    secondary = [Label(at, f"here it becomes {after}")]
    span = _read_at(node, number) or node.span
    diagnostics.error(
        code,
        span,
        message,
        label=str(before),
        secondary=[*secondary, *called_here(site.parent)],
        help=help,
        notes=turn_note(site),
    )


def routed(diagnostics: Diagnostics, site: CallSite, message: str) -> None:
    """The diagnostic for a turn that cannot do with whatever number of rows is routed to it."""
    node = site.typed.graph.nodes[site.number]
    help = "what stands in a `route` works row by row"
    diagnostics.error("AS306", node.span, message, help=help, secondary=called_here(site.parent), notes=turn_note(site))


def refused_of_none(diagnostics: Diagnostics, refused: Diagnostic) -> None:
    """The diagnostic for what stands in a turn, and does not go with no rows at all."""
    message = f"a turn that no row chooses reads none: {refused.message}"
    help = "what stands in a `route` goes with any number of rows"
    diagnostics.add(replace(refused, code="AS306", message=message, help=help, fix=None))


def _call_inputs(site: CallSite) -> tuple[Any, ...]:
    calls = site.typed.nodes[site.number].call_inputs
    return calls[site.turn]


def _read_at(node: Any, number: int) -> Span | None:
    return node.input_spans[number] if number < len(node.input_spans) else None


def _argument(raw: YamlNode | None, name: str, call: Any, path: tuple[str | int, ...] = ()) -> Span | None:
    if isinstance(raw, Mapping):
        found = raw.get(name)
    else:  # a lone value is the first argument
        args = list(call.cls.args) if isinstance(call, OpCall) else []
        found = raw if args and args[0] == name else None
    for step in path:
        if isinstance(found, Sequence) and isinstance(step, int) and step < len(found.items):
            found = found.items[step]
        elif isinstance(found, Mapping) and isinstance(step, str) and step in found:
            found = found.entries[step]
    return found.span if found is not None and not (isinstance(found, Scalar) and found.value is None) else None
