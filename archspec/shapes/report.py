"""Turns an op's refusal into a diagnostic: both producers, the trail of sizes, and the calls that led there."""

from __future__ import annotations

from typing import Any, NamedTuple

from archspec.diagnostics.model import Diagnostics, Label, Span
from archspec.dims import Constraints
from archspec.graph.ir import Graph, OpCall, Value
from archspec.ops.kinds import BadValue
from archspec.ops.require import Mismatch
from archspec.ops.tensor import TensorType
from archspec.reading.nodes import Mapping, Scalar, Sequence
from archspec.reading.nodes import Node as YamlNode
from archspec.shapes.typed import UNKNOWN, Typed, TypedNode

_TRAIL = 7  # steps shown


class CallSite(NamedTuple):
    """Which call of which node, and the call that led into this graph."""

    typed: Typed
    number: int
    turn: int
    parent: CallSite | None


def mismatch(diagnostics: Diagnostics, constraints: Constraints, site: CallSite, refused: Mismatch) -> None:
    """The diagnostic for an op that refuses its inputs."""
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
    for i, axis in zip(blamed, refused.axis, strict=False):
        changed = _change(site.typed, node.inputs[i], axis)
        if changed is not None:
            secondary.append(changed)
            break
    notes = _context(site)
    code = refused.code
    if code in ("AS302", "AS304", "AS305") and constraints.contradiction in ("promise", "requirement"):
        notes = (constraints.explain(), *notes)
        code = "AS308" if constraints.contradiction == "promise" else code
    trail = next((t for i in blamed[:1] or [0] if (t := _trail(site.typed, node.inputs, i))), None)
    diagnostics.error(
        code,
        span,
        refused.message,
        label=label,
        secondary=[s for s in secondary if s.span != span],
        trail=trail,
        help=refused.help,
        notes=notes,
    )


def bad_value(diagnostics: Diagnostics, site: CallSite, call: OpCall, bad: BadValue) -> None:
    """The diagnostic for an argument that turns out wrong once the sizes of a block's inputs are known."""
    node = site.typed.graph.nodes[site.number]
    span = node.span
    if bad.path:
        span = _argument(node.raw, str(bad.path[0]), call, bad.path[1:]) or span
        message = f"`{call.cls.name}`: `{bad.path[0]}`: {bad.message}"
    else:
        message = bad.message
    diagnostics.error("AS205", span, message, help=bad.help, notes=_context(site))


def too_complex(diagnostics: Diagnostics, site: CallSite, call: OpCall) -> None:
    """The diagnostic for sizes whose formulas have grown past what can be decided."""
    node = site.typed.graph.nodes[site.number]
    message = f"the sizes at `{call.cls.name}` have become formulas too long to compute with"
    help = "give some of the sizes in `inputs` as numbers"
    diagnostics.error("AS310", node.span, message, help=help, notes=_context(site))


def unreachable(diagnostics: Diagnostics, site: CallSite, size: str) -> None:
    """The diagnostic for an argument that names a size which no tensor at hand has."""
    graph = site.typed.graph
    node = graph.nodes[site.number]
    where = f"no input of `{graph.name}` has it" if graph.kind == "block" else "no input has it by itself"
    help = f"pass in a tensor that has the size {size}, or declare an input with {size} standing alone"
    message = f"the size {size} is not to be had here: {where}"
    diagnostics.error("AS306", node.span, message, help=help, notes=_context(site))


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
        notes = _context(call)
    own = str(wanted.type).replace(f"{graph.name}.", "")
    code, message = "AS302", f"`{graph.name}` declares its input `{wanted.name}` as {own}, got {given}"
    if axis is not None:
        message += f" (dimension {axis} differs)"
    elif wanted.type is not None:
        code = "AS303" if given.rank == wanted.type.rank else "AS301"
    secondary = [s for s in secondary if s.span != span]
    diagnostics.error(code, span, message, label=str(given), secondary=secondary, notes=notes)


def shared(diagnostics: Diagnostics, site: CallSite, first: TypedNode) -> None:
    """The diagnostic for `use` of a module on an input that it is not built for."""
    node = site.typed.graph.nodes[site.number]
    given, built = _call_inputs(site)[0], first.call_inputs[site.turn][0]
    message = f"`{first.node.label}` is built for {built}, and is used again on {given}"
    secondary = [Label(first.node.key_span, str(built))]
    diagnostics.error("AS302", node.span, message, label=str(given), secondary=secondary, notes=_context(site))


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


def _context(site: CallSite) -> tuple[str, ...]:
    notes = []
    node = site.typed.graph.nodes[site.number]
    if node.repeated:
        notes.append(f"in turn {site.turn} of {len(node.calls)} of `{node.label}`")
    parent = site.parent
    while parent is not None:
        node = parent.typed.graph.nodes[parent.number]
        callee = node.calls[parent.turn]
        what = f"a `{callee.name}`" if isinstance(callee, Graph) and callee.kind == "block" else "a sequence"
        notes.append(f"in `{node.paths[parent.turn]}`, {what} called at {node.span}")
        parent = parent.parent
    return tuple(notes)


def _source(typed: Typed, value: Value) -> tuple[str, Any]:
    if value.node < 0:
        return typed.graph.inputs[value.output].name, typed.type_of(value)
    node = typed.graph.nodes[value.node]
    name = node.names[value.output] if value.output < len(node.names) else ""
    if not name:
        name = node.label
        if node.auto and isinstance(node.calls[0], OpCall):
            name = node.calls[0].cls.name
    return name, typed.type_of(value)


def _back(typed: Typed, value: Value | None) -> Value | None:
    """The value the producer of `value` read first."""
    if value is None or value.node < 0:
        return None
    return next((v for v in typed.graph.nodes[value.node].inputs if v is not None), None)


def _change(typed: Typed, value: Value | None, axis: int) -> Label | None:
    """Where, on the way to `value`, the size of this axis last changed."""
    while value is not None and value.node >= 0:
        before = _back(typed, value)
        if before is None:
            return None
        now, then = typed.type_of(value), typed.type_of(before)
        if now is UNKNOWN or then is UNKNOWN or now.rank != then.rank or not -now.rank <= axis < now.rank:
            return None
        if now.shape[axis] != then.shape[axis]:
            node = typed.graph.nodes[value.node]
            where = node.raw.span if isinstance(node.raw, Mapping) else node.span
            return Label(where, f"here dimension {axis} goes from {then.shape[axis]} to {now.shape[axis]}")
        value = before
    return None


def _trail(typed: Typed, inputs: tuple[Value | None, ...], number: int) -> str | None:
    """`image [B, 3, 32, 32] → stem [B, 64, 32, 32] → norm`: sizes are shown where they change."""
    if number >= len(inputs):
        return None
    steps: list[tuple[str, Any]] = []
    value = inputs[number]
    while value is not None:
        steps.append(_source(typed, value))
        value = _back(typed, value)
    steps.reverse()
    if not steps:
        return None
    shown, last = [], None
    for name, kind in steps:
        if kind is UNKNOWN:
            return None
        shape = f"[{', '.join(map(str, kind.shape))}]"
        shown.append(name if shape == last else f"{name} {shape}")
        last = shape
    if len(shown) > _TRAIL:
        shown = [shown[0], "…", *shown[-(_TRAIL - 2) :]]
    return " → ".join(shown)
