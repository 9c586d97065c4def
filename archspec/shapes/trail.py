"""How a value came about: the values before it, and where a size changed on the way."""

from __future__ import annotations

from typing import Any, NamedTuple

from archspec.dims import Size
from archspec.graph.ir import Node, OpCall, Value
from archspec.shapes.typed import UNKNOWN, Typed

_SHOWN = 7  # steps of a trail


class Change(NamedTuple):
    """The node at which the size of an axis went from `then` to `now`."""

    node: Node
    then: Size
    now: Size


def named(typed: Typed, value: Value) -> tuple[str, Any]:
    """What to call a value, and its type."""
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


def change(typed: Typed, value: Value | None, axis: int) -> Change | None:
    """Where, on the way to `value`, the size of this axis last changed."""
    while value is not None and value.node >= 0:
        before = _back(typed, value)
        if before is None:
            return None
        now, then = typed.type_of(value), typed.type_of(before)
        if now is UNKNOWN or then is UNKNOWN or now.rank != then.rank or not -now.rank <= axis < now.rank:
            return None
        if now.shape[axis] != then.shape[axis]:
            return Change(typed.graph.nodes[value.node], then.shape[axis], now.shape[axis])
        value = before
    return None


def trail(typed: Typed, inputs: tuple[Value | None, ...], number: int) -> str | None:
    """`image [B, 3, 32, 32] → stem [B, 64, 32, 32] → norm`: sizes are shown where they change."""
    if number >= len(inputs):
        return None
    steps: list[tuple[str, Any]] = []
    value = inputs[number]
    while value is not None:
        steps.append(named(typed, value))
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
    if len(shown) > _SHOWN:
        shown = [shown[0], "…", *shown[-(_SHOWN - 2) :]]
    return " → ".join(shown)
