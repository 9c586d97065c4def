"""Blocks and items that stand where they stood, in the same words, are the same nodes as in an earlier reading.

An editor reads a file again at every change, and most of it is untouched. Whatever a stage has worked out of a block or
of an item of `layers` it may leave on the node (`Mapping.kept`). Those of one form, which say the same though they may
stand elsewhere or have other comments, share it: what depends on places too has to say which nodes it was worked out
of.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

from archspec.diagnostics.model import Span
from archspec.reading.nodes import Kept, Mapping, Node, Scalar, Sequence
from archspec.reading.store import Store

MAX_BLOCKS = 1024  # and items
MAX_ITEMS = 256  # of one list, for it to be kept by them
MAX_TEXT = 1 << 22  # characters of them together

_Key = tuple[Span, Span, str]
_blocks: Store[_Key, Mapping] = Store(MAX_BLOCKS, MAX_TEXT, lambda key: len(key[2]))
_forms: WeakValueDictionary[Any, Kept] = WeakValueDictionary()


def keep(root: Mapping, lines: list[str]) -> None:
    """Put the nodes of an earlier reading in the place of equal ones. (Only for a file without anchors: an alias
    means another value where its anchor does.)"""
    blocks = root.get("blocks")
    if isinstance(blocks, Mapping):
        for name, node in blocks.entries.items():
            if isinstance(node, Mapping):
                blocks.entries[name] = _kept(node, blocks.keys[name], lines)
    layers = root.get("layers")
    if isinstance(layers, Sequence) and len(layers.items) <= MAX_ITEMS:
        last = 0
        for number, node in enumerate(layers.items):
            if type(node) is Mapping and node.span.line > last:  # else the lines of one are those of many
                layers.items[number] = _kept(node, node.span, lines)
            last = node.span.end_line


def _kept(node: Mapping, name: Span, lines: list[str]) -> Mapping:
    """A value that begins and ends at the same places of the same lines is the same value. `name`: the place of its
    key, or its own."""
    span = node.span
    text = "\n".join(lines[span.line - 1 : span.end_line])
    key = (name, span, text)
    found = _blocks.get(key)
    if found is None:
        found = node
        said = form(node)
        kept = _forms.get(said)
        if kept is None:
            kept = _forms[said] = Kept()
        found.kept = kept
        _blocks.put(key, found)
    return found


def form(node: Node) -> tuple[Any, ...]:
    """What a node says, apart from its place: equal values of other types differ, and so do `8` and `010`."""
    if type(node) is Scalar:
        value, span = node.value, node.span
        width = span.end_col - span.col
        if type(value) is str:
            return (value, width, node.plain)
        return (type(value), repr(value), width)
    if type(node) is Mapping:
        widths = [span.end_col - span.col for span in node.keys.values()]
        return ("{", *node.entries, *widths, *map(form, node.entries.values()))
    assert type(node) is Sequence
    return ("[", *map(form, node.items))


def forget() -> None:
    """Begin anew."""
    _blocks.clear()
    _forms.clear()
