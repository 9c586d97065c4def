"""The top-level entries of a text, each read by itself: one that stands where it stood is not read again.

A line that begins with a word and a colon begins an entry, if what stands before it is complete. Where that does not
read by itself, or is no matter of one entry (anchors, directives, a second document), or anything is to be said of it,
the text is read as a whole: these are the same nodes, or none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from archspec.diagnostics.model import Span
from archspec.reading.nodes import Mapping
from archspec.reading.store import Store

MAX_SECTIONS = 1024
MOST = 32  # of one text; a spec has fewer
MAX_TEXT = 1 << 22  # characters of them together

_ENTRY = re.compile(r"[A-Za-z_][\w-]*:(?: |$)")
_ANCHOR = re.compile(r"(?:^|[\s\[{,:])&")


class _Key(NamedTuple):
    file: str
    line: int
    text: str


_sections: Store[_Key, Mapping] = Store(MAX_SECTIONS, MAX_TEXT, lambda key: len(key.text))


def read_sections(text: str, file: str, read: Callable[[str, int, list[str]], Mapping | None]) -> Mapping | None:
    """The mapping that a text is, if that can be told of its parts. `read`: the same of a part of it, which begins at
    a line; and all lines."""
    if text.startswith(("---", "...", "%")) or _of_the_whole(text):
        return None
    lines = text.split("\n")
    starts = [n for n, line in enumerate(lines) if line[:1].isalpha() and _ENTRY.match(line)]
    if not 0 < len(starts) <= MOST or any(line.lstrip()[:1] not in ("", "#") for line in lines[: starts[0]]):
        return None
    root = Mapping({}, {}, Span(file, 1, 1, 1, 1))
    for begin, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        part = "\n".join(lines[begin:end]) + ("\n" if end < len(lines) else "")
        section = _section(_Key(file, begin + 1, part), lines, read)
        if section is None or not root.entries.keys().isdisjoint(section.entries):
            return None
        root.entries.update(section.entries)
        root.keys.update(section.keys)
        start = section.span if begin == starts[0] else root.span
        root.span = start._replace(end_line=section.span.end_line, end_col=section.span.end_col)
    return root


def _of_the_whole(text: str) -> bool:
    if any(mark in text for mark in ("\n---", "\n...", "\n%", "\t")):
        return True
    return "&" in text and _ANCHOR.search(text) is not None


def _section(key: _Key, lines: list[str], read: Callable[[str, int, list[str]], Mapping | None]) -> Mapping | None:
    found = _sections.get(key)
    if found is None:
        found = read(key.text, key.line, lines)
        if found is not None:
            _sections.put(key, found)
    return found


def forget() -> None:
    """Begin anew."""
    _sections.clear()
