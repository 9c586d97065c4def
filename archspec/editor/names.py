"""What the names in a spec stand for, read off its YAML alone, so that it works while the spec is being written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from archspec.diagnostics.model import Span
from archspec.editor.tree import Step, at, text
from archspec.graph.names import BEFORE, COMMON, STRUCTURES, bound_names
from archspec.reading.nodes import Mapping, Node, Sequence


class Definition(NamedTuple):
    """A name and where it is given. `kind`: "value", "input", "parameter", "block" or "loop".

    `owner`: the path to the list or mapping that the name is one of. Items of one list that have a name in common (of
    which `when` leaves one) are one value.
    """

    name: str
    span: Span
    kind: str
    node: Node | None = None
    owner: tuple[Step, ...] = ()


def values_at(root: Node, path: tuple[Step, ...]) -> list[Definition]:
    """The values that an item at (or within) a path can read by name, the nearest last."""
    out: list[Definition] = []
    scope = _scope(path)
    if scope == ():
        out += _mapping(root, ("inputs",), "input")
    else:
        out += block_inputs(root, scope)
        if at(root, (*scope, "inputs")) is None and (owner := at(root, scope)) is not None:
            out.append(Definition("x", owner.span, "input", None, (*scope, "inputs")))
    for length in range(len(scope), len(path)):
        step, owner = path[length], at(root, path[:length])
        if isinstance(step, int) and isinstance(owner, Sequence):
            for item in owner.items[:step]:
                out += named(root, item, path[:length])
        elif step == "scan" and path[length + 1 : length + 2] in (("body",), ("stack",)):
            out += carries(root, path[: length + 1])
        elif step == "sequence" and isinstance(owner, Mapping) and "route" in owner.entries:
            out.append(Definition("x", owner.keys["route"], "value", None, path[: length + 1]))
    return out


def block_inputs(root: Node, block: tuple[Step, ...]) -> list[Definition]:
    """The inputs that the block at a path declares."""
    path = (*block, "inputs")
    return _mapping(root, path, "input") or _listed(root, path, "input")


def block_params(root: Node, block: tuple[Step, ...]) -> list[Definition]:
    """The parameters of the block at a path; of the spec, for ()."""
    return _mapping(root, (*block, "params"), "parameter")


def carries(root: Node, scan: tuple[Step, ...]) -> list[Definition]:
    """What the scan at a path names itself: slices, and what is carried."""
    node = at(root, scan)
    over = _mapping(root, (*scan, "over"), "value")
    if isinstance(node, Mapping) and "over" not in node.entries:
        over = [Definition("x", node.span, "value", None, scan)]  # the slice of what is read
    return [*over, *_mapping(root, (*scan, "carry"), "value")]


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
    out = block_params(root, ())
    if scope := _scope(path):
        out += block_params(root, scope)
    for length in range(1, len(path) + 1):
        item = at(root, path[:length])
        repeat = item.get("repeat") if isinstance(item, Mapping) else None
        if repeat is not None:
            owner = (*path[:length], "repeat")
            out.append(Definition("i", repeat.span, "loop", repeat, owner))
            out += [Definition(word, named.span, "loop", named, owner) for word, named in bound_names(repeat).items()]
    return out


def blocks(root: Node) -> list[Definition]:
    """The blocks of a file."""
    return _mapping(root, ("blocks",), "block")


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


def is_item(root: Node, path: tuple[Step, ...]) -> bool:
    """Does a path lead to an item?"""
    return bool(path) and isinstance(path[-1], int) and is_list_of_items(path[:-1]) and at(root, path) is not None


def is_list_of_items(path: tuple[Step, ...]) -> bool:
    """Does a list of items stand, or belong, at a path?"""
    words = [step for step in path if isinstance(step, str)]
    return bool(words) and (
        words[-1] in ("layers", "sequence", "residual", "body", "shortcut")
        or (len(words) > 1 and words[-2] == "branches")
        or (words[-1] == "branches" and isinstance(path[-1], int))
    )


def inner_names(root: Node, path: tuple[Step, ...]) -> list[Definition]:
    """The names in the list of items at a path, and in the unnamed structures of it."""
    out: list[Definition] = []
    shut: set[tuple[Step, ...]] = set()  # of named structures, whose names are behind a point
    for here, item in _items(at(root, path), path):
        if any(here[: len(outer)] == outer for outer in shut):
            continue
        own = named(root, item, here[:-1])
        out += own
        if own and text(item.get("name") if isinstance(item, Mapping) else None) is not None:
            shut.add(here)
    return out


def named(root: Node, item: Node, owner: tuple[Step, ...]) -> list[Definition]:
    """The names that an item of the list at `owner` gives: its own, and its outputs'.

    In the body of a scan an item that is called as what is carried is its next value: the name is the scan's.
    """
    if not isinstance(item, Mapping):
        return []
    found = []
    name, outputs = item.get("name"), item.get("outputs")
    if (word := text(name)) is not None and name is not None:
        found.append((word, name.span))
    if isinstance(outputs, Sequence):
        words = [(text(each), each.span) for each in outputs.items]
        found += [(word, span) for word, span in words if word is not None and word != "_"]
    carry = at(root, (*owner[:-1], "carry")) if owner[-2:] == ("scan", "body") else None
    carried = carry.entries if isinstance(carry, Mapping) else {}
    scan = (*owner[:-1], "carry")
    return [Definition(word, span, "value", item, scan if word in carried else owner) for word, span in found]


def _mapping(root: Node, path: tuple[Step, ...], kind: str) -> list[Definition]:
    node = at(root, path)
    if not isinstance(node, Mapping):
        return []
    entries = node.entries.items()
    return [Definition(name.removesuffix("?"), node.keys[name], kind, value, path) for name, value in entries]


def _listed(root: Node, path: tuple[Step, ...], kind: str) -> list[Definition]:
    node = at(root, path)
    found = node.items if isinstance(node, Sequence) else []
    words = ((text(each), each) for each in found)
    return [Definition(word.removesuffix("?"), each.span, kind, each, path) for word, each in words if word is not None]
