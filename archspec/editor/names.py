"""What the names in a spec stand for, read off its YAML alone, so that it works while the spec is being written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from archspec.diagnostics.model import Span
from archspec.editor.tree import Step, at, text
from archspec.graph.names import BEFORE, COMMON, STRUCTURES, bound_names
from archspec.reading.nodes import Mapping, Node, Sequence


class Definition(NamedTuple):
    """A name and where it is given. `kind`: "value", "input", "parameter", "block" or "loop"."""

    name: str
    span: Span
    kind: str
    node: Node | None = None


def values_at(root: Node, path: tuple[Step, ...]) -> list[Definition]:
    """The values that an item at (or within) a path can read by name, the nearest last."""
    out: list[Definition] = []
    scope = _scope(path)
    if scope == ():
        out += _mapping(at(root, ("inputs",)), "input")
    else:
        given = at(root, (*scope, "inputs"))
        out += _mapping(given, "input") or _listed(given, "input")
        if given is None and (owner := at(root, scope)) is not None:
            out.append(Definition("x", owner.span, "input"))
    for length in range(len(scope), len(path)):
        step, owner = path[length], at(root, path[:length])
        if isinstance(step, int) and isinstance(owner, Sequence):
            for item in owner.items[:step]:
                out += _named(item)
    return out


def before(root: Node, path: tuple[Step, ...]) -> Definition | None:
    """What `_` stands for in the `from` of the item at a path: what the item before gives, or what the list begins
    with."""
    number, owner = path[-1] if path else None, at(root, path[:-1])
    if not isinstance(number, int) or not isinstance(owner, Sequence):
        return None
    span = owner.items[min(number, len(owner.items)) - 1].span if number and owner.items else owner.span
    return Definition(BEFORE, span, "the value before")


def parameters_at(root: Node, path: tuple[Step, ...]) -> list[Definition]:
    """The parameters that an expression at a path can read, the root's first."""
    out = _mapping(at(root, ("params",)), "parameter")
    if scope := _scope(path):
        out += _mapping(at(root, (*scope, "params")), "parameter")
    for length in range(1, len(path) + 1):
        item = at(root, path[:length])
        repeat = item.get("repeat") if isinstance(item, Mapping) else None
        if repeat is not None:
            out.append(Definition("i", repeat.span, "loop", repeat))
            out += [Definition(word, named.span, "loop", named) for word, named in bound_names(repeat).items()]
    return out


def blocks(root: Node) -> list[Definition]:
    """The blocks of a file."""
    return _mapping(at(root, ("blocks",)), "block")


def last(found: list[Definition], name: str) -> Definition | None:
    """The definition that a name has where several are visible."""
    return next((d for d in reversed(found) if d.name == name), None)


def items(root: Node) -> Iterator[tuple[tuple[Step, ...], Node]]:
    """Every item of every list, with its path, outermost first."""
    starts: list[tuple[Step, ...]] = [("layers",)]
    blocks_ = at(root, ("blocks",))
    if isinstance(blocks_, Mapping):
        starts += [("blocks", name, "layers") for name in blocks_.entries]
    for start in starts:
        yield from _items(at(root, start), start)


def _items(node: Node | None, path: tuple[Step, ...]) -> Iterator[tuple[tuple[Step, ...], Node]]:
    if isinstance(node, Sequence):
        for number, item in enumerate(node.items):
            here = (*path, number)
            if isinstance(item, Sequence):
                yield from _items(item, here)
                continue
            yield here, item
            if isinstance(item, Mapping):
                for word in STRUCTURES:
                    yield from _items(item.get(word), (*here, word))
    elif isinstance(node, Mapping):
        for key, value in node.entries.items():
            if key in ("body", "shortcut", "branches", "layers") or path[-1] == "branches":
                yield from _items(value, (*path, key))


def call_of(item: Node) -> tuple[str, Node | None, Span] | None:
    """The op, block or structure of an item: its name, its arguments, and where the name stands."""
    word = text(item)
    if word is not None:
        return word, None, item.span
    if isinstance(item, Mapping):
        for key, value in item.entries.items():
            if key not in COMMON:
                return key, value, item.keys[key]
    return None


def _scope(path: tuple[Step, ...]) -> tuple[Step, ...]:
    """The block around a path, or () for the root."""
    return path[:2] if len(path) > 2 and path[0] == "blocks" else ()


def _named(item: Node) -> list[Definition]:
    """The names that an item gives: its own, its outputs', and those in an unnamed structure around nothing."""
    if not isinstance(item, Mapping):
        return []
    out = []
    name, outputs = item.get("name"), item.get("outputs")
    if (word := text(name)) is not None and name is not None:
        out.append(Definition(word, name.span, "value", item))
    if isinstance(outputs, Sequence):
        words = [(text(each), each.span) for each in outputs.items]
        out += [Definition(word, span, "value", item) for word, span in words if word is not None and word != "_"]
    return out


def _mapping(node: Node | None, kind: str) -> list[Definition]:
    if not isinstance(node, Mapping):
        return []
    entries = node.entries.items()
    return [Definition(name.removesuffix("?"), node.keys[name], kind, value) for name, value in entries]


def _listed(node: Node | None, kind: str) -> list[Definition]:
    found = node.items if isinstance(node, Sequence) else []
    words = ((text(each), each) for each in found)
    return [Definition(word.removesuffix("?"), each.span, kind, each) for word, each in words if word is not None]
