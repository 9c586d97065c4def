"""The outline of a spec: its blocks and items, nested as they are written."""

from __future__ import annotations

from typing import NamedTuple

from archspec.diagnostics.model import Span
from archspec.editor.analysis import Analysis
from archspec.editor.names import call_of, items
from archspec.editor.tree import Step, at, text
from archspec.editor.types import shown
from archspec.reading.nodes import Mapping


class Entry(NamedTuple):
    """`name_span` lies within `span`."""

    name: str
    kind: str  # "block" or "item"
    detail: str
    span: Span
    name_span: Span
    children: list[Entry]


def outline(analysis: Analysis) -> list[Entry]:
    """Blocks, then the items of `layers`."""
    root = analysis.root
    if root is None:
        return []
    out: list[Entry] = []
    made: dict[tuple[Step, ...], Entry] = {}
    blocks = at(root, ("blocks",))
    if isinstance(blocks, Mapping):
        for name, node in blocks.entries.items():
            span = blocks.keys[name]
            entry = Entry(name, "block", "", _around(span, node.span), span, [])
            made["blocks", name] = entry
            out.append(entry)
    for path, item in items(root):
        call = call_of(item)
        if call is None:
            continue
        written = text(item.get("name")) if isinstance(item, Mapping) else None
        types = analysis.type_of(item)
        detail = call[0] if written else ""
        if types is not None:
            detail = f"{detail} → {shown(types.outputs)}".strip()
        entry = Entry(written or call[0], "item", detail, item.span, call[2], [])
        made[path] = entry
        parent = next((made[path[:n]] for n in range(len(path) - 1, 0, -1) if path[:n] in made), None)
        (out if parent is None else parent.children).append(entry)
    return out


def _around(one: Span, other: Span) -> Span:
    return Span(one.file, one.line, one.col, other.end_line, other.end_col)
