"""The inferred shape behind every line that holds an item."""

from __future__ import annotations

from typing import NamedTuple

from archspec.diagnostics.model import Span
from archspec.editor.analysis import Analysis
from archspec.editor.names import call_of, items
from archspec.editor.types import shown
from archspec.graph.names import STRUCTURES
from archspec.reading.nodes import Node


class Hint(NamedTuple):
    """Text to show behind a place (line and column from 1); `tooltip`: the whole of it."""

    line: int
    col: int
    text: str
    tooltip: str


def hints(analysis: Analysis, first: int = 1, last: int = 1 << 30) -> list[Hint]:
    """A hint at the end of each line from `first` to `last` on which an item (or the head of one) ends."""
    if analysis.stale or analysis.root is None:
        return []
    lines = analysis.lines
    out: dict[int, tuple[tuple[int, int], Hint]] = {}  # by line: the item that ends last
    for _, item in items(analysis.root):
        known = analysis.type_of(item)
        call = call_of(item)
        if known is None or call is None:
            continue
        line = _line(item.span, call)
        if not first <= line <= last or line > len(lines):
            continue
        text = shown(known.outputs) + (" …" if known.several else "")
        tooltip = ", ".join(map(str, known.outputs))
        if known.several:
            tooltip += " here, and other types where it is used elsewhere"
        hint = Hint(line, len(lines[line - 1].rstrip()) + 1, f"→ {text}", tooltip)
        end = (item.span.end_line, item.span.end_col)
        if line not in out or end >= out[line][0]:
            out[line] = end, hint
    return [out[line][1] for line in sorted(out)]


def _line(span: Span, call: tuple[str, Node | None, Span]) -> int:
    """The line of the hint: an item's last; of a structure that of its key, as its items have lines of their own."""
    if call[0] in STRUCTURES and span.end_line > span.line:
        return call[2].line
    return span.end_line - 1 if span.end_col == 1 and span.end_line > span.line else span.end_line
