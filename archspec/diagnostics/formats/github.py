"""Workflow commands of GitHub Actions: each finding is an annotation at its line in a pull request.

Properties and message are escaped as GitHub's runner undoes it (`%`, line breaks, and `:` and `,` in properties), and
nothing else is printed: no name in a spec can end a command, or begin another one.
"""

from __future__ import annotations

from collections.abc import Sequence

from archspec.diagnostics.formats.findings import all_findings
from archspec.diagnostics.formats.paths import path, utf8
from archspec.diagnostics.model import Diagnostic
from archspec.diagnostics.outcome import Outcome
from archspec.diagnostics.text import clean


def text(outcomes: Sequence[Outcome], *, version: str, root: str, strict: bool = False) -> str:
    lines = []
    for found in all_findings(outcomes, root):
        span, d = found.span, found.diagnostic
        properties = {"title": f"archspec {d.code}", "file": utf8(path(span.file, root)), "line": span.line}
        properties["endLine"] = max(span.end_line, span.line)
        properties["col"] = span.col
        if span.end_line == span.line:  # GitHub takes columns of one line only
            properties["endColumn"] = max(span.end_col, span.col)
        shown = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
        lines.append(f"::{d.severity.value} {shown}::{_data(message(d))}\n")
    return "".join(lines)


def message(d: Diagnostic) -> str:
    """What is wrong, how it came about and what to do, a line each, without what could fool a reader."""
    parts = [d.message, d.label, *(f"note: {note}" for note in d.notes)]
    if d.span.file.startswith("--"):
        parts.append(f"note: it is about {d.span.file}")
    if d.trail:
        parts.append(f"trail: {d.trail}")
    if d.help:
        parts.append(f"help: {d.help}")
    return "\n".join(clean(utf8(part)) for part in parts if part)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
