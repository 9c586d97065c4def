"""The edits that bring a text into the layout of `archspec fmt`, and those that repair all that is safe to repair."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import NamedTuple

from archspec.diagnostics.edits import applied, together
from archspec.diagnostics.model import Span, SpecError
from archspec.editor.analysis import Analysis
from archspec.formatting.format import FormattingError, format_text


class Replacement(NamedTuple):
    """The text of a span becomes another; its line breaks are `\n`."""

    span: Span
    text: str


def layout(text: str, file: str) -> list[Replacement]:
    """Of a text that reads as YAML; else, and where nothing is to change, none."""
    try:
        return changed_lines(text, format_text(text, file), file)
    except (SpecError, FormattingError):
        return []


def repaired(analysis: Analysis) -> list[Replacement]:
    """All safe repairs of the file together, where they leave fewer errors and findings than there were."""
    fixes = [d.fix for d in analysis.diagnostics if d.fix is not None and d.fix.safe]
    changes, _ = together(fixes, {analysis.file: analysis.text})
    if analysis.file not in changes:
        return []
    text = applied(analysis.text, changes[analysis.file])
    after = Analysis(text, analysis.file, analysis.base, texts=analysis.texts)
    better = len(after.diagnostics) < len(analysis.diagnostics) and _errors(after) <= _errors(analysis)
    return changed_lines(analysis.text, text, analysis.file) if better else []


def ignored(analysis: Analysis, code: str, line: int) -> list[Replacement]:
    """A comment behind a line (from 1) that says the warning there is meant; none where no comment can."""
    lines = analysis.lines
    row = lines[line - 1].rstrip()
    mark = "# archspec: ignore["
    if mark in row:
        head, _, rest = row.partition(mark)
        made = f"{head}{mark}{rest.replace(']', f', {code}]', 1)}"
    else:
        made = f"{row}  {mark}{code}]"
    text = "\n".join([*lines[: line - 1], made, *lines[line:]])
    after = Analysis(text, analysis.file, analysis.base, texts=analysis.texts)
    there = any(d.code == code and d.span.line == line for d in after.diagnostics)
    if there or len(after.diagnostics) >= len(analysis.diagnostics):
        return []
    return changed_lines(analysis.text, text, analysis.file)


def changed_lines(before: str, after: str, file: str) -> list[Replacement]:
    """The lines that differ, so that a cursor elsewhere stays where it is."""
    old, new = before.split("\n"), after.split("\n")
    out = []
    for kind, first, last, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        rows = new[start:end]
        if kind == "equal":
            continue
        if last < len(old):
            out.append(Replacement(Span(file, first + 1, 1, last + 1, 1), "".join(f"{row}\n" for row in rows)))
            continue
        behind = len(old), len(old[-1]) + 1  # the last line has no break behind it: the one before it goes along
        if first:
            span = Span(file, first, len(old[first - 1]) + 1, *behind)
            out.append(Replacement(span, "".join(f"\n{row}" for row in rows)))
        else:
            out.append(Replacement(Span(file, 1, 1, *behind), "\n".join(rows)))
    return out


def _errors(analysis: Analysis) -> int:
    return sum(d.is_error for d in analysis.diagnostics)
