"""How a value came about: the values before it, and where a size changed on the way."""

from __future__ import annotations

from typing import Any

from archspec.graph.ir import OpCall, Value
from archspec.shapes.typed import UNKNOWN, Typed

_SHOWN = 7  # steps of a trail


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


def back(typed: Typed, value: Value | None) -> Value | None:
    """The value the producer of `value` read first."""
    if value is None or value.node < 0:
        return None
    return next((v for v in typed.graph.nodes[value.node].inputs if v is not None), None)


def trail(typed: Typed, inputs: tuple[Value | None, ...], number: int) -> str | None:
    """`image [B, 3, 32, 32] → stem [B, 64, 32, 32] → norm`: sizes are shown where they change."""
    if number >= len(inputs):
        return None
    steps: list[tuple[str, Any]] = []
    value = inputs[number]
    while value is not None:
        steps.append(named(typed, value))
        value = back(typed, value)
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
