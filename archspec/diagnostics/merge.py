"""One cause, one finding: a name that is known nowhere, wherever it is read; a fault of a block, for all its calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from archspec.diagnostics.model import Diagnostic, Fix, Label

_NAMES = frozenset({"AS202", "AS203", "AS206", "AS209"})  # of ops, arguments, values and parameters that are not there
_SHOWN = 4  # further places


def merged(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The findings, in their order, with errors of one cause put together in the first of them.

    Of a name that is not known the further places become secondary, and its repair is that of all of them. Of sizes
    that do not fit in a block one call is told of, and how many more there are.
    """
    groups: dict[Any, list[Diagnostic]] = {}
    for number, d in enumerate(found):
        key: Any = number
        if d.is_error and d.code in _NAMES:
            key = (d.code, d.message)
        elif d.is_error and d.code.startswith("AS3"):
            key = (d.code, d.span)
        groups.setdefault(key, []).append(d)
    return [group[0] if len(group) == 1 else _one(group) for group in groups.values()]


def _one(group: list[Diagnostic]) -> Diagnostic:
    first, rest = group[0], group[1:]
    if first.code not in _NAMES:
        more = f"it does not fit in {len(rest)} more {'call' if len(rest) == 1 else 'calls'} either"
        return replace(first, notes=(*first.notes, more))
    labels = [Label(d.span, "and here") for d in rest[:_SHOWN]]
    left = len(rest) - len(labels)
    notes = (*first.notes, f"and in {left} more {'place' if left == 1 else 'places'}") if left else first.notes
    return replace(first, secondary=(*first.secondary, *labels), notes=notes, fix=_fix(group))


def _fix(group: list[Diagnostic]) -> Fix | None:
    """The repairs of all; None where one has none."""
    fixes = [d.fix for d in group if d.fix is not None]
    if len(fixes) < len(group):
        return None
    edits = tuple(dict.fromkeys(edit for fix in fixes for edit in fix.edits))
    return Fix(fixes[0].title, edits, all(fix.safe for fix in fixes))
