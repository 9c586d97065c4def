"""Edits of a text at spans: made exact, put together where they do not overlap, applied. Nothing else is touched."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from archspec.diagnostics.model import Edit, Fix, Span

_BREAK = re.compile(r"\r\n|\n|\r")
_BLANK = " \t"
_DASHES = re.compile(r"[ \t]*(?:-[ \t]+)+")


class Change(NamedTuple):
    """Characters `start` to `end` (exclusive) of a text become `text`."""

    start: int
    end: int
    text: str


class Text:
    """A file's text as it is (a byte order mark, any line breaks), by lines and columns as spans count them."""

    def __init__(self, text: str) -> None:
        self.text = text
        start = 1 if text.startswith("\ufeff") else 0
        breaks = [found.span() for found in _BREAK.finditer(text)]
        self.starts = [start, *(end for _, end in breaks)]
        self.ends = [*(begin for begin, _ in breaks), len(text)]

    def at(self, line: int, col: int) -> int:
        """The index of a place; one behind the last line is the end. Raises ValueError where there is none."""
        if not 1 <= line <= len(self.starts):
            raise ValueError(f"no line {line}")
        return min(self.starts[line - 1] + col - 1, self.ends[line - 1])

    def change(self, edit: Edit) -> Change | None:
        """The edit as an exact change; None where it cannot be made here."""
        try:
            start = self.at(edit.span.line, edit.span.col)
            end = self.at(edit.span.end_line, edit.span.end_col)
        except ValueError:
            return None
        if end < start or (edit.old is not None and self.text[start:end].strip("\"'") != edit.old):
            return None
        if edit.text is not None:
            return Change(start, end, edit.text.replace("\n", self.newline))
        return self._removal(start, end, edit.span)

    @property
    def newline(self) -> str:
        """The line break of the text: that of its first line."""
        found = _BREAK.search(self.text)
        return found.group() if found else "\n"

    # -- removing ----------------------------------------------------------------------------------------------

    def _removal(self, start: int, end: int, span: Span) -> Change | None:
        before = self.text[self.starts[span.line - 1] : start]
        after = self.text[end : self.ends[span.end_line - 1]]
        comment = self.text[start : start + 1] == "#"
        if comment and before.strip(_BLANK):
            return Change(start - len(before) + len(before.rstrip(_BLANK)), end, "")
        if not before.strip(_BLANK) and _ends_line(after):
            first = self._dash_above(span)
            return self._lines(first, span.end_line) if first is not None else None
        dashes = _DASHES.fullmatch(before)
        if dashes and _ends_line(after):
            return self._item(start, span, before)
        return self._from_flow(start, end)

    def _dash_above(self, span: Span) -> int | None:
        """The line of a lone dash whose item begins at the span, below it, and is all of it; else the span's line.

        None where several dashes stand there.
        """
        above = next((n for n in range(span.line - 1, 0, -1) if self._line(n) and not self._line(n).startswith("#")), 0)
        below = next((n for n in range(span.end_line + 1, len(self.starts) + 1) if self._line(n)), 0)
        dashes = self._line(above).split(" #")[0].split() if above else []
        if dashes and set(dashes) == {"-"} and self._indent(above) < span.col - 1:
            if len(dashes) > 1:
                return None
            return span.line if below and self._indent(below) >= span.col - 1 else above
        return span.line

    def _lines(self, first: int, last: int) -> Change:
        end = self.starts[last] if last < len(self.starts) else len(self.text)
        start = self.starts[first - 1]
        if end == len(self.text) and last == len(self.starts) and first > 1:
            start = self.ends[first - 2]  # the last line has no break: the one before it goes
        return Change(start, end, "")

    def _item(self, start: int, span: Span, before: str) -> Change | None:
        """An entry or item behind a dash: the first key of an item that has more keys leaves the dash to the next."""
        following = [n for n in range(span.end_line + 1, len(self.starts) + 1) if self._line(n)]
        code = next((n for n in following if not self._line(n).startswith("#")), None)
        if code is not None and self._indent(code) == len(before):
            first = following[0]  # a comment above the next key moves up to the dash
            return Change(start, self.starts[first - 1] + self._indent(first), "")
        return self._lines(span.line, span.end_line) if before.count("-") == 1 else None

    def _line(self, number: int) -> str:
        return self.text[self.starts[number - 1] : self.ends[number - 1]].strip(_BLANK)

    def _indent(self, line: int) -> int:
        text = self.text[self.starts[line - 1] : self.ends[line - 1]]
        return len(text) - len(text.lstrip(_BLANK))

    def _from_flow(self, start: int, end: int) -> Change | None:
        """From between brackets or braces, with the comma behind it, or else the one before."""
        after = end
        while after < len(self.text) and self.text[after].isspace():
            after += 1
        if self.text[after : after + 1] == ",":
            after += 1
            line = self.line_of(after)
            first, last = self.starts[line], self.ends[line]
            if first <= start and not (self.text[first:start] + self.text[after:last]).strip():
                return self._lines(line + 1, line + 1)
            while self.text[after : after + 1] in (" ", "\t"):
                after += 1
            return Change(start, after, "")
        if self.text[after : after + 1] not in ("}", "]"):
            return None
        before = start
        while before > 0 and self.text[before - 1].isspace():
            before -= 1
        if self.text[before - 1 : before] == ",":
            return Change(before - 1, end, "")
        return Change(before, after, "") if self.text[before - 1 : before] in ("{", "[") else None

    def line_of(self, index: int) -> int:
        """The number of the line, from 0, in which an index lies."""
        return max(bisect_right(self.starts, index) - 1, 0)


@lru_cache(4)
def indexed(text: str) -> Text:
    """The lines of a text, found once for all edits of it."""
    return Text(text)


def _ends_line(after: str) -> bool:
    rest = after.lstrip(_BLANK)
    return not rest or (rest.startswith("#") and rest != after)


def exact(fix: Fix, sources: Mapping[str, str]) -> dict[str, list[Change]] | None:
    """The changes of a fix by file; None where one of them cannot be made."""
    out: dict[str, list[Change]] = {}
    for edit in fix.edits:
        file = edit.span.file
        if file not in sources:
            return None
        change = indexed(sources[file]).change(edit)
        if change is None:
            return None
        out.setdefault(file, []).append(change)
    return out


def together(fixes: Iterable[Fix], sources: Mapping[str, str]) -> tuple[dict[str, list[Change]], list[Fix]]:
    """The changes of as many of the fixes as do not overlap, the first first; and which fixes those are.

    Equal fixes count once: a fault in a block is found wherever the block is used.
    """
    chosen: dict[str, list[Change]] = {}  # in order
    taken: list[Fix] = []
    for fix in dict.fromkeys(fixes):
        changes = exact(fix, sources)
        if changes is None or any(_overlaps(each, chosen.get(f, ())) for f, own in changes.items() for each in own):
            continue
        for file, own in changes.items():
            for each in own:
                insort(chosen.setdefault(file, []), each)
        taken.append(fix)
    return chosen, taken


def _overlaps(change: Change, others: Sequence[Change]) -> bool:
    """Does a change touch one of others, which are in order and do not overlap? Neighbours touch: the comma between two
    removed entries belongs to both."""
    at = bisect_left(others, change)
    near = others[max(at - 1, 0) : at + 2]
    return any(change.start <= other.end and other.start <= change.end for other in near)


def applied(text: str, changes: Iterable[Change]) -> str:
    """The text with the changes made; they do not overlap."""
    parts: list[str] = []
    at = 0
    for change in sorted(changes):
        parts += text[at : change.start], change.text
        at = change.end
    return "".join([*parts, text[at:]])


def concrete(fix: Fix, sources: Mapping[str, str]) -> list[tuple[Span, str]] | None:
    """The fix as replacements of exact spans, for other programs; None where it cannot be made."""
    changes = exact(fix, sources)
    if changes is None:
        return None
    out = []
    for file, own in changes.items():
        text = indexed(sources[file])
        for change in own:
            start, end = _place(text, change.start), _place(text, change.end)
            out.append((Span(file, *start, *end), change.text))
    return out


def _place(text: Text, index: int) -> tuple[int, int]:
    line = text.line_of(index)
    return line + 1, index - text.starts[line] + 1
