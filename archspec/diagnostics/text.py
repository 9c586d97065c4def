"""Diagnostics for people: the lines at fault, what is wrong under them, how a value came about, what to do."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

from archspec.diagnostics.lines import lines_of
from archspec.diagnostics.model import Diagnostic, Label, Span

TAB = "    "
MAX_LINES = 12  # of one file, around the labels of one diagnostic
MAX_CHARACTERS = 2_000  # of a quoted line that are looked at, around the finding; and of a message
_CLIPPED = "…"

_COLORS = {
    "error": "\x1b[1;31m",
    "warning": "\x1b[1;33m",
    "frame": "\x1b[1;34m",
    "second": "\x1b[1;36m",
    "bold": "\x1b[1m",
}
_RESET = "\x1b[0m"


def render(d: Diagnostic, sources: Mapping[str, str] | None = None, *, color: bool = False, width: int = 120) -> str:
    """One diagnostic as text, without a line break at its end.

    `sources` holds the text of the files by name; a file that is missing there is named and not shown. `width` is the
    most columns a quoted line takes: longer ones are clipped around what is marked. Whatever the files hold, the
    result has no control character but line breaks (and the colours, if `color`).
    """
    return _Renderer(d, sources or {}, color, width).text()


def render_all(
    found: Iterable[Diagnostic], sources: Mapping[str, str] | None = None, *, color: bool = False, width: int = 120
) -> str:
    """All of them, an empty line between, and the summary at the end; "" for none."""
    listed = list(found)
    if not listed:
        return ""
    blocks = [render(d, sources, color=color, width=width) for d in listed]
    return "\n\n".join([*blocks, summary(listed)]) + "\n"


def summary(found: Iterable[Diagnostic]) -> str:
    """ "2 errors, 1 warning in 1 file"."""
    listed = list(found)
    errors = sum(d.is_error for d in listed)
    counts = [f"{n} {word}{'s' * (n != 1)}" for n, word in ((errors, "error"), (len(listed) - errors, "warning")) if n]
    files = len({d.span.file for d in listed})
    return f"{', '.join(counts)} in {files} file{'s' * (files != 1)}" if counts else "no errors"


def clean(text: str) -> str:
    """The text on one line with whatever could fool a terminal or a reader written out: `\\x1b`, `\\u202e`."""
    if len(text) > MAX_CHARACTERS:
        text = text[:MAX_CHARACTERS] + _CLIPPED
    if text.isprintable() and text.isascii():
        return text
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    if char == "\t":
        return TAB
    if char == "\n":
        return " "
    # Cc control, Cf format (bidi, zero width), Cs surrogate, Co private, Cn unassigned, Zl Zp line separators.
    if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        code = ord(char)
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return char


def columns(text: str) -> int:
    """The columns a text takes in a terminal (of what `clean` gives)."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char) or "\ufe00" <= char <= "\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


class _Mark:
    """A label on one line, its columns as they appear on the screen, from 0."""

    __slots__ = ("end", "primary", "start", "text")

    def __init__(self, start: int, end: int, text: str, primary: bool) -> None:
        self.start = start
        self.end = end
        self.text = text
        self.primary = primary


class _Renderer:
    def __init__(self, d: Diagnostic, sources: Mapping[str, str], color: bool, width: int) -> None:
        self.d = d
        self.sources = sources
        self.color = color
        self.width = max(width, 40)

    def paint(self, kind: str, text: str) -> str:
        return f"{_COLORS[kind]}{text}{_RESET}" if self.color and text else text

    def text(self) -> str:
        d = self.d
        kind = d.severity.value
        head = self.paint(kind, f"{kind}[{clean(d.code)}]") + self.paint("bold", f": {clean(d.message)}")
        labels = [(Label(d.span, d.label), True), *((label, False) for label in d.secondary)]
        files = list(dict.fromkeys(label.span.file for label, _ in labels))
        shown = {file: [(x, primary) for x, primary in labels if x.span.file == file] for file in files}
        deepest = max((self.last_line(x.span) for x, _ in labels if self.source(x.span.file)), default=1)
        gutter = len(str(deepest))
        out = [head]
        for number, file in enumerate(files):
            first = shown[file][0][0].span
            where = f"{clean(file)}:{first.line}:{first.col}"
            out.append(" " * gutter + self.paint("frame", "--> " if number == 0 else "::: ") + where)
            out += self.snippet(file, shown[file], gutter)
        bar = " " * gutter + " " + self.paint("frame", "=") + " "
        tail: list[tuple[str, str]] = [("trail", d.trail or ""), ("help", d.help or "")]
        tail += [("note", note) for note in d.notes]
        tail.append(("more", f"archspec explain {d.code}"))
        out += [f"{bar}{self.paint('bold', word)}: {clean(text)}" for word, text in tail if text]
        return "\n".join(out)

    def source(self, file: str) -> list[str]:
        return lines_of(self.sources.get(file) or "")

    def last_line(self, span: Span) -> int:
        return min(max(span.line, span.end_line), max(len(self.source(span.file)), 1))

    # -- one file ----------------------------------------------------------------------------------------------

    def snippet(self, file: str, labels: list[tuple[Label, bool]], gutter: int) -> list[str]:
        source = self.source(file)
        rows: dict[int, list[tuple[int, int, str, bool]]] = {}
        for label, primary in labels:
            if 1 <= label.span.line <= len(source):
                first, start, end = self.first_line(label.span, source)
                rows.setdefault(first, []).append((start, end, label.text, primary))
        if not rows:
            return []
        frame = self.paint("frame", "|")
        out = [" " * gutter + " " + frame]
        before = 0
        for number in sorted(rows)[:MAX_LINES]:
            if before and number > before + 1:
                if number == before + 2:
                    out.append(self.quote(before + 1, source[before], gutter, frame))
                else:
                    out.append(self.paint("frame", "..."))
            out += self.marked(number, source[number - 1], rows[number], gutter, frame)
            before = number
        return out

    def first_line(self, span: Span, source: list[str]) -> tuple[int, int, int]:
        """A span of several lines is marked on its first: line, and columns from 0 (end exclusive)."""
        line = source[span.line - 1]
        start = min(max(span.col - 1, 0), len(line))
        end = min(max(span.end_col - 1, 0), len(line)) if span.end_line == span.line else len(line.rstrip())
        return span.line, start, max(end, start)

    def quote(self, number: int, line: str, gutter: int, frame: str) -> str:
        shown = clean(line.rstrip())
        room = self.width - gutter - 3
        if columns(shown) > room:
            shown = _cut(shown, 0, room - 1)[0] + _CLIPPED
        return f"{self.paint('frame', str(number).rjust(gutter))} {frame} {shown}".rstrip()

    def marked(
        self, number: int, line: str, spans: list[tuple[int, int, str, bool]], gutter: int, frame: str
    ) -> list[str]:
        """The line, and under it its labels."""
        marks = []
        if len(line) > MAX_CHARACTERS:
            centre = next((start for start, _, _, primary in spans if primary), spans[0][0])
            base = min(max(centre - MAX_CHARACTERS // 4, 0), len(line) - MAX_CHARACTERS)
            line = line[base : base + MAX_CHARACTERS]
            spans = [
                (s - base, min(e - base, len(line)), text, p) for s, e, text, p in spans if 0 <= s - base < len(line)
            ]
        for start, end, text, primary in spans:
            left = columns(clean(line[:start]))
            marks.append(_Mark(left, left + max(columns(clean(line[start:end])), 1), clean(text), primary))
        shown = clean(line.rstrip())
        shown, shift = self.clip(shown, marks)
        for mark in marks:
            mark.start = max(mark.start - shift, 0)
            mark.end = max(mark.end - shift, mark.start + 1)
            limit = max(columns(shown), mark.start + 1)
            mark.end = min(mark.end, limit)
        out = [f"{self.paint('frame', str(number).rjust(gutter))} {frame} {shown}".rstrip()]
        under = " " * gutter + " " + frame + " "
        return out + [(under + row).rstrip() for row in self.underline(marks)]

    def clip(self, shown: str, marks: list[_Mark]) -> tuple[str, int]:
        """The part of a line that fits, around its marks, and how many columns are gone on the left."""
        room = self.width - 6
        total = columns(shown)
        if total <= room:
            return shown, 0
        primary = next((mark for mark in marks if mark.primary), marks[0])
        first = min(mark.start for mark in marks)
        last = max(mark.end for mark in marks)
        if last - first > room - 10:
            first, last = primary.start, min(primary.end, primary.start + room - 10)
        start = 0 if last < room - 1 else max(min(first - 8, last + 8 - room), 0)
        if last - start > room - 2:
            start = max(last - room + 2, 0)
        cut, begin = _cut(shown, start, room - 2)
        left = _CLIPPED if begin > 0 else ""
        right = _CLIPPED if begin + columns(cut) < total else ""
        return left + cut + right, begin - columns(left)

    def underline(self, marks: list[_Mark]) -> list[str]:
        """Rows of carets (the finding) and dashes (what relates to it), then words; the last beside their mark."""
        marks = sorted(marks, key=lambda m: (m.start, not m.primary))
        row: list[tuple[str, str]] = [(" ", "")] * max(mark.end for mark in marks)
        for mark in sorted(marks, key=lambda m: m.primary):
            for at in range(mark.start, mark.end):
                row[at] = ("^" if mark.primary else "-", self.kind(mark))
        rows = [row]
        worded = [mark for mark in marks if mark.text]
        if worded and worded[-1].end == len(row):
            last = worded.pop()
            rows[0] = row + [(c, self.kind(last)) for c in " " + last.text]
        # The words of the others begin under their marks, those further right first, so that none covers another.
        for mark in reversed(worded):
            below: list[tuple[str, str]] = [(" ", "")] * mark.start
            for other in worded:
                if other.start < mark.start:
                    below[other.start] = ("|", self.kind(other))
            rows.append(below + [(c, self.kind(mark)) for c in mark.text])
        return [self.join(cells) for cells in rows]

    def kind(self, mark: _Mark) -> str:
        return self.d.severity.value if mark.primary else "second"

    def join(self, cells: list[tuple[str, str]]) -> str:
        if not self.color:
            return "".join(char for char, _ in cells).rstrip()
        out, now = [], ""
        for char, kind in cells:
            if kind != now and not (char == " " and not kind):
                out.append((_RESET if now else "") + (_COLORS[kind] if kind else ""))
                now = kind
            out.append(char)
        return "".join(out).rstrip() + (_RESET if now else "")


def _cut(text: str, start: int, room: int) -> tuple[str, int]:
    """At most `room` columns of a text from column `start` on, and the column at which they begin."""
    if text.isascii():
        return text[start : start + room], start if start < len(text) else 0
    at, begin, used = 0, -1, 0
    out: list[str] = []
    for char in text:
        wide = _columns(char)
        if at >= start:
            if begin < 0:
                begin = at
            if used + wide > room:
                break
            out.append(char)
            used += wide
        at += wide
    return "".join(out), max(begin, 0)
