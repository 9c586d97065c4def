"""The types that the items of a spec were found to have, by their place in the text."""

from __future__ import annotations

from typing import Any, NamedTuple

from archspec.diagnostics.model import Span
from archspec.shapes.typed import UNKNOWN, Typed, TypedNode


class ItemType(NamedTuple):
    """What an item reads and gives, the first time it is used; `several`: elsewhere it is another type.

    `done` is the typed node.
    """

    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    several: bool
    done: TypedNode


def item_types(typed: Typed | None) -> dict[Span, ItemType]:
    """{where the op or block of an item is named: its types} of a spec, as far as they are known, in all its files."""
    found: dict[Span, ItemType] = {}
    if typed is not None:
        _collect(typed, found, set())
    return found


def _collect(typed: Typed, found: dict[Span, ItemType], seen: set[int]) -> None:
    if id(typed) in seen:
        return
    seen.add(id(typed))
    for done in typed.nodes:
        outputs = tuple(done.outputs)
        if outputs and UNKNOWN not in outputs:
            span = done.node.span
            before = found.get(span)
            if before is None:
                found[span] = ItemType(done.inputs, outputs, False, done)
            elif _words(before.outputs) != _words(outputs):
                found[span] = before._replace(several=True)
        for callee in done.calls:
            if isinstance(callee, Typed):
                _collect(callee, found, seen)


def _words(outputs: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(map(str, outputs))


def shown(outputs: tuple[Any, ...], *, longest: int = 60) -> str:
    """`[B, 64, H, W]`, with the dtype where it is not float32; several with commas."""
    words = []
    for output in outputs:
        text = str(output)
        words.append(text.removeprefix("float32") or text)
    line = ", ".join(words)
    return line if len(line) <= longest else line[: longest - 1] + "…"
