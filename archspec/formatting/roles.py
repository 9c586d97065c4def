"""What the parts of a spec are, for their layout: in which order keys stand, and what always has lines of its own."""

from __future__ import annotations

from enum import Enum

from archspec.formatting.tree import Entry, Node
from archspec.graph.names import COMMON, STRUCTURES


class Role(Enum):
    """`TABLE`: a section of named values. `ITEMS`: a list of items, `ITEM` one of them, `REPLACEMENT` one under a path.
    `VALUE`: laid out by its length alone."""

    ROOT = "root"
    TABLE = "table"
    BLOCKS = "blocks"
    BLOCK = "block"
    ITEMS = "items"
    ITEM = "item"
    REPLACED = "replaced"
    REPLACEMENT = "replacement"
    STRUCTURE = "structure"
    BRANCHES = "branches"
    VALUE = "value"


# The first stand together at the top, each other section after an empty line.
HEADER = ("archspec", "name", "doc", "extends", "include")
SECTIONS = (
    "params", "inputs", "symbols", "blocks", "replace", "layers", "outputs", "budget", "init", "weights", "train",
    "runtime",
)  # fmt: skip
_ROOT = {
    **dict.fromkeys(("params", "inputs", "symbols", "train", "runtime"), Role.TABLE),
    "blocks": Role.BLOCKS,
    "layers": Role.ITEMS,
    "replace": Role.REPLACED,
}
_BLOCK = ("doc", "params", "inputs", "outputs", "init", "layers")
# In one line an item reads as a sentence; on several its wiring stands before a body that may be long.
_LINE = (
    "name", "inline", "register_buffer", "repeat", "merge", "route", "when", "forward", "requires_grad", "", "from",
    "outputs", "tie", "init", "parametrize", "doc",
)  # fmt: skip
_LINES = (
    "name", "doc", "inline", "register_buffer", "repeat", "merge", "route", "when", "forward", "requires_grad", "from",
    "", "outputs", "tie", "init", "parametrize",
)  # fmt: skip


def inner(role: Role, entry: Entry) -> Role:
    """The role of an entry's value."""
    value, key = entry.value, entry.name
    found = Role.VALUE
    if role is Role.ROOT:
        found = _ROOT.get(key, Role.VALUE)
    elif role is Role.BLOCKS:
        found = Role.BLOCK
    elif role is Role.BLOCK:
        found = Role.ITEMS if key == "layers" else Role.VALUE
    elif role is Role.ITEMS:
        found = Role.ITEM
    elif role is Role.REPLACED:
        block = bool(value.entries) and all(each.name in _BLOCK for each in value.entries)
        found = Role.ITEMS if value.kind == "sequence" else Role.BLOCK if block else Role.REPLACEMENT
    elif role in (Role.ITEM, Role.REPLACEMENT) and key in STRUCTURES:
        found = Role.ITEMS if value.kind == "sequence" else Role.STRUCTURE
    elif role is Role.STRUCTURE:
        found = Role.BRANCHES if key == "branches" else Role.ITEMS if key in ("body", "shortcut") else Role.VALUE
    elif role is Role.BRANCHES:
        found = Role.ITEMS
    return found if found in (Role.VALUE, Role.BRANCHES) or _KINDS.get(found, "mapping") == value.kind else Role.VALUE


_KINDS = {Role.ITEMS: "sequence"}  # of what a role is; others are mappings


def has_lines(role: Role, node: Node) -> bool:
    """Has each entry a line of its own, however short all are together?

    Sections, lists of items and items with such lists do, unless the writer put them on one line.
    """
    if role in (Role.ITEM, Role.REPLACEMENT):
        if role is Role.ITEM and len(node.entries) == 1:  # `- linear: 10`
            return not node.flow or not _structured(node)
        return _structured(node) and not node.flow
    return role in (Role.ROOT, Role.BLOCKS, Role.REPLACED) or (role is not Role.VALUE and not node.flow)


def _structured(node: Node) -> bool:
    return any(entry.name in STRUCTURES for entry in node.entries)


def ordered(role: Role, entries: list[Entry], *, lines: bool) -> list[Entry]:
    """The entries in the order of the layout; what has no place in it keeps its own."""
    if role is Role.ROOT:
        order = {key: place for place, key in enumerate((*HEADER, *SECTIONS))}
        order["replace"] = order["blocks"]  # either may come first
        return sorted(entries, key=lambda entry: order.get(entry.name, len(order)))
    if role is Role.BLOCK:
        return sorted(entries, key=lambda entry: _place(entry.name, _BLOCK))
    if role in (Role.ITEM, Role.REPLACEMENT):
        keys = _LINES if lines else _LINE
        return sorted(entries, key=lambda entry: _place(entry.name if entry.name in COMMON else "", keys))
    return entries


def _place(key: str, order: tuple[str, ...]) -> int:
    return order.index(key) if key in order else len(order)


def apart(role: Role, entry: Entry) -> bool:
    """Does an empty line part it from what is before, if one of the two takes several lines?"""
    return role is Role.BLOCKS or (role is Role.ROOT and entry.name not in HEADER)
