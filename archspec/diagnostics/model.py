"""Diagnostics as data: where, how bad, what, why, and the repair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple


class Span(NamedTuple):
    """A stretch of a source file. Lines and columns count from 1; the end is exclusive."""

    file: str
    line: int
    col: int
    end_line: int
    end_col: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.col}"


class Severity(Enum):
    ERROR = "error"
    WARNING = "warning"


class Label(NamedTuple):
    """A span with a few words under it."""

    span: Span
    text: str


class Edit(NamedTuple):
    """Replace the text of a span; None removes the entry, item or comment that stands there, with its comma or line.

    `old`: what stands there, maybe quoted; where it is something else the edit is not made.
    """

    span: Span
    text: str | None
    old: str | None = None


class Fix(NamedTuple):
    """A repair: what it does, in the words of a help, and the edits that do it, all or none.

    `safe`: the spec says afterwards what it surely was meant to say, and a clean spec is the same model as before.
    What is likely, but the writer's to decide, is not safe.
    """

    title: str
    edits: tuple[Edit, ...]
    safe: bool = True


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `span` is where the repair most likely belongs.

    `causes`: items that may be at fault in its place; errors that have one in common are told of as one. `upstream`:
    items that those were made from; where one of them alone is at fault elsewhere, this error follows from it.
    """

    code: str
    message: str
    span: Span
    label: str = ""
    secondary: tuple[Label, ...] = ()
    trail: str | None = None
    help: str | None = None
    notes: tuple[str, ...] = ()
    severity: Severity = Severity.ERROR
    fix: Fix | None = None
    causes: frozenset[Span] = frozenset()
    upstream: frozenset[Span] = frozenset()

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR


OFTEN = 8  # findings of one code at one place: merge.py tells of the first, and counts the others
LONGEST = 1000  # characters of a message that are kept: values of a spec stand in some


class Diagnostics:
    """Collects findings; the same finding (code, place, message) is kept once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Span, str], Diagnostic] = {}
        self._places: Counter[tuple[str, Span]] = Counter()
        self.added = 0  # those that were known already counted too

    def add(self, diagnostic: Diagnostic) -> None:
        self.added += 1
        if len(diagnostic.message) > LONGEST:
            diagnostic = replace(diagnostic, message=f"{diagnostic.message[: LONGEST - 1]}…")
        key = (diagnostic.code, diagnostic.span, diagnostic.message)
        self._found.setdefault(key, diagnostic)
        self._places[diagnostic.code, diagnostic.span] += 1

    def again(self, code: str, span: Span, message: str) -> bool:
        """Is the finding kept already? Then it is counted once more, and nothing else of it need be worked out."""
        known = (code, span, message) in self._found
        self.added += known
        return known

    def often(self, code: str, span: Span) -> bool:
        """Are there so many of a kind here that nothing but the message of another need be worked out?"""
        return self._places[code, span] >= OFTEN

    def error(
        self,
        code: str,
        span: Span,
        message: str,
        *,
        label: str = "",
        secondary: Iterable[Label] = (),
        trail: str | None = None,
        help: str | None = None,
        notes: Iterable[str] = (),
        fix: Fix | None = None,
        causes: Iterable[Span] = (),
        upstream: Iterable[Span] = (),
    ) -> None:
        kind, by, of = Severity.ERROR, frozenset(causes), frozenset(upstream)
        self.add(Diagnostic(code, message, span, label, tuple(secondary), trail, help, tuple(notes), kind, fix, by, of))

    def warning(
        self,
        code: str,
        span: Span,
        message: str,
        *,
        label: str = "",
        secondary: Iterable[Label] = (),
        help: str | None = None,
        notes: Iterable[str] = (),
        fix: Fix | None = None,
    ) -> None:
        self.add(
            Diagnostic(code, message, span, label, tuple(secondary), None, help, tuple(notes), Severity.WARNING, fix)
        )

    def drop(self, follows: Callable[[Diagnostic], bool]) -> None:
        """Leave out what turns out to follow from another finding."""
        self._found = {key: d for key, d in self._found.items() if not follows(d)}

    @property
    def has_errors(self) -> bool:
        return any(d.is_error for d in self._found.values())

    def sorted(self) -> list[Diagnostic]:
        return sorted(self._found.values(), key=lambda d: (d.span.file, d.span.line, d.span.col, d.code))

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.sorted())

    def __len__(self) -> int:
        return len(self._found)


class SpecError(Exception):
    """A spec that cannot be used; `diagnostics` says why. `str()` is the rendered text."""

    def __init__(self, diagnostics: Iterable[Diagnostic], sources: dict[str, str] | None = None) -> None:
        self.diagnostics = list(diagnostics)
        self.sources = sources or {}
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        from archspec.diagnostics.text import render

        return "\n" + "\n".join(render(d, self.sources) for d in self.diagnostics)
