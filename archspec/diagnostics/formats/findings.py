"""Diagnostics as the reader of a repository meets them: at a place in a file, each once, and told apart for good."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from archspec.diagnostics.edits import concrete
from archspec.diagnostics.formats.paths import path
from archspec.diagnostics.lines import words_of
from archspec.diagnostics.model import Diagnostic, Span
from archspec.diagnostics.outcome import Outcome


class Finding(NamedTuple):
    """`span` lies in a file. `fingerprint` is the same after other lines were added or removed.

    `edits`: the repair, if there is one, as texts that replace exact spans.
    """

    diagnostic: Diagnostic
    span: Span
    fingerprint: str
    edits: tuple[tuple[Span, str], ...] = ()


def findings(outcome: Outcome, root: str) -> list[Finding]:
    """The diagnostics of one spec, in their order."""
    seen: dict[str, int] = {}
    out = []
    for diagnostic in outcome.diagnostics:
        span = in_file(diagnostic.span, outcome.file)
        line = words_of(outcome.sources.get(diagnostic.span.file, ""), diagnostic.span.line)
        words = "\0".join((path(span.file, root), diagnostic.code, diagnostic.message, line))
        again = seen[words] = seen.get(words, -1) + 1
        digest = hashlib.sha256(f"{words}\0{again}".encode("utf-8", "surrogateescape")).hexdigest()
        edits = concrete(diagnostic.fix, outcome.sources) if diagnostic.fix is not None else None
        out.append(Finding(diagnostic, span, digest, tuple(edits or ())))
    return out


def all_findings(outcomes: Iterable[Outcome], root: str) -> list[Finding]:
    """Of several specs; what is wrong in a file that several of them are made of is one finding."""
    seen: set[tuple[str, Span, str]] = set()
    out = []
    for outcome in outcomes:
        for found in findings(outcome, root):
            key = (found.diagnostic.code, found.span, found.diagnostic.message)
            if key not in seen:
                seen.add(key)
                out.append(found)
    return out


def in_file(span: Span, spec: str) -> Span:
    """The span; the first line of the spec for what was given on the command line (`--set`), which is no file."""
    return Span(spec, 1, 1, 1, 1) if span.file.startswith("--") and span.file != spec else span
