"""Every code: what it means, a small spec that gives it, and the same spec repaired.

The entries lie in `entries/`, one module a family of codes, and are loaded when someone asks: a check needs none.
"""

from __future__ import annotations

from importlib import import_module
from textwrap import fill
from typing import NamedTuple

WIDTH = 100  # columns of a page

FAMILIES = {"1": "reading", "2": "language", "3": "shapes", "4": "unused", "5": "training", "9": "tool"}


class Entry(NamedTuple):
    """`failing` gives exactly this code and `repaired` nothing at all; both are None where the cause is no spec.

    `warning`: the code is given as a warning (of AS503: as a warning too).
    """

    code: str
    title: str
    meaning: str
    repair: str
    failing: str | None = None
    repaired: str | None = None
    warning: bool = False


def entries(family: str) -> dict[str, Entry]:
    """The entries whose codes begin with AS and this digit."""
    name = FAMILIES.get(family)
    if name is None:
        return {}
    found: tuple[Entry, ...] = import_module(f"archspec.diagnostics.entries.{name}").ENTRIES
    return {entry.code: entry for entry in found}


def catalogue() -> dict[str, Entry]:
    """All entries, in the order of their codes."""
    return {code: entry for family in FAMILIES for code, entry in sorted(entries(family).items())}


def explain(code: str) -> str | None:
    """A page about a code (`AS302`, `as302` or `302`), or None where there is no such code."""
    digits = code.strip().upper().removeprefix("AS")
    entry = entries(digits[:1]).get(f"AS{digits}")
    return None if entry is None else _page(entry)


def _page(entry: Entry) -> str:
    parts = [f"{entry.code}: {entry.title}", fill(entry.meaning.strip(), WIDTH)]
    if entry.failing is not None:
        parts += ["For example:", _indent(entry.failing)]
    parts.append(fill(entry.repair.strip(), WIDTH))
    if entry.repaired is not None:
        parts.append(_indent(entry.repaired))
    return "\n\n".join(parts) + "\n"


def _indent(spec: str) -> str:
    # A character that is not text would reach the terminal: it is written as YAML's own escape.
    shown = "".join(c if c.isprintable() or c == "\n" else f"\\u{ord(c):04x}" for c in spec.strip("\n"))
    return "\n".join(f"    {line}".rstrip() for line in shown.split("\n"))
