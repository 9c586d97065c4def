"""One cause, one finding: a name that is known nowhere, wherever it is read; a fault of a block, for all its calls."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from archspec.diagnostics.model import Diagnostic, Fix, Label, Span

_NAMES = frozenset({"AS202", "AS203", "AS206", "AS209"})  # of ops, arguments, values and parameters that are not there
_SPELT = frozenset({"AS206", "AS208"})  # of a text, which an expression may spell otherwise in each call of a block
_SHOWN = 4  # further places, or further spellings


def merged(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The findings, in their order, with errors of one cause put together in the first of them.

    Of a name that is not known the further places become secondary, and its repair is that of all of them. Of sizes
    that do not fit in a block one call is told of, and how many more there are; of those that come from one item the
    others are labels of the first, and so is what another call of a block leads to which one call makes impossible; of
    a text that each call spells otherwise they are notes.
    """
    found = list(found)
    texts = sorted({d.span for d in found if d.code == "AS206"})
    here: dict[Any, list[Diagnostic]] = {}
    for number, d in enumerate(found):
        alone = not d.is_error or not (d.code in _SPELT or d.code.startswith("AS3"))
        span = _whole(d.span, texts) if d.code == "AS208" else d.span
        here.setdefault(number if alone else (d.code not in _SPELT and d.code, span), []).append(d)
    groups: dict[Any, list[Diagnostic]] = {}
    told: dict[Span, int] = {}  # by what may have caused it
    each = [same[0] if len(same) == 1 else _in_one_place(same) for same in here.values()]
    sole = {span: number for number, d in enumerate(each) if len(d.causes) == 1 for span in d.causes}
    placed: dict[int, Any] = {}  # by number: the key of its group
    following: list[tuple[int, int]] = []
    for number, d in enumerate(each):
        key: Any = number
        if (first := next((sole[span] for span in sorted(d.upstream) if span in sole), None)) is not None:
            following.append((number, first))
            continue
        if d.is_error and d.code in _NAMES:
            key = (d.code, d.message)
        elif d.causes:
            key = next((told[span] for span in sorted(d.causes) if span in told), number)
            told.update(dict.fromkeys(d.causes, number) if key == number else {})
        placed[number] = key
        groups.setdefault(key, []).append(d)
    for number, first in following:
        placed[number] = key = placed.get(first, number)
        groups.setdefault(key, []).append(each[number])
    return [group[0] if len(group) == 1 else _of_one_cause(group) for group in groups.values()]


def _in_one_place(group: list[Diagnostic]) -> Diagnostic:
    first, rest = group[0], group[1:]
    if first.code not in _SPELT:
        more = f"it does not fit in {_count(len(rest), 'more call')} either"
        return replace(first, notes=(*first.notes, more))
    told = [f"for another call: {d.message}" for d in rest[:_SHOWN]]
    left = len(rest) - len(told)
    notes = (*first.notes, *told, *([f"and so for {_count(left, 'more call')}"] if left else []))
    return replace(first, notes=notes, fix=None)


def _whole(part: Span, texts: list[Span]) -> Span:
    """Which of the texts, in their order, a place stands in; else the place."""
    number = bisect_right(texts, (part.file, part.line, part.col, math.inf, math.inf)) - 1
    whole = texts[number] if number >= 0 else part
    inside = (whole.file, whole.line) == (part.file, part.line)
    return whole if inside and (part.end_line, part.end_col) <= (whole.end_line, whole.end_col) else part


def _of_one_cause(group: list[Diagnostic]) -> Diagnostic:
    first, rest = group[0], group[1:]
    named = first.code in _NAMES
    labels = [Label(d.span, "and here" if named else d.message) for d in rest[:_SHOWN]]
    left = len(rest) - len(labels)
    notes = (*first.notes, f"and in {_count(left, 'more place')}") if left else first.notes
    fix = _fix(group) if named else first.fix
    return replace(first, secondary=(*first.secondary, *labels), notes=notes, fix=fix)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _fix(group: list[Diagnostic]) -> Fix | None:
    """The repairs of all; None where one has none."""
    fixes = [d.fix for d in group if d.fix is not None]
    if len(fixes) < len(group):
        return None
    edits = tuple(dict.fromkeys(edit for fix in fixes for edit in fix.edits))
    return Fix(fixes[0].title, edits, all(fix.safe for fix in fixes))
