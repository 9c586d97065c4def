"""Every code: what it means, a small spec that gives it, and the same spec repaired.

The entries lie in `entries/`, one module a family of codes, and are loaded when someone asks: a check needs none.
`archspec explain` and docs/errors/ show them, with what archspec says of the failing spec.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import NamedTuple

FAMILIES = {
    "1": ("reading",),
    "2": ("language", "names"),
    "3": ("shapes",),
    "4": ("unused", "architecture"),
    "5": ("training",),
    "6": ("budget",),
    "7": ("weights",),
    "9": ("tool",),
}
TITLES = {
    "1": "Files that cannot be read",
    "2": "The language",
    "3": "Sizes and dtypes",
    "4": "Warnings about the architecture",
    "5": "Training",
    "6": "Budgets",
    "7": "Parameters and weights",
    "9": "The command",
}
MODEL = "model.yaml"  # what the spec of an example is called


class Entry(NamedTuple):
    """`meaning`: a paragraph that says what the code means, an empty line, and one that says why it is so.

    `failing` gives exactly this code and `repaired` nothing at all; both are None where the cause is no spec.
    `warning`: the code is given as a warning (of AS503: as a warning too).
    `command`: what is typed to see it, where that is not `archspec check model.yaml`; `fixed`: what is typed instead,
    where the repair is one of the command line. `files`: further files of the example, by name.
    `output`: what it prints, where that cannot be found out by doing it here and now.
    """

    code: str
    title: str
    meaning: str
    repair: str
    failing: str | None = None
    repaired: str | None = None
    warning: bool = False
    command: str | None = None
    fixed: str | None = None
    files: Mapping[str, str] = MappingProxyType({})
    output: str | None = None

    @property
    def severity(self) -> str:
        """error, warning, or both"""
        if not self.warning:
            return "error"
        return "error or warning" if self.code == "AS503" else "warning"

    @property
    def shown(self) -> str | None:
        """The command of the example; None where there is none."""
        return self.command or (f"archspec check {MODEL}" if self.failing is not None else None)


def entries(family: str) -> dict[str, Entry]:
    """The entries whose codes begin with AS and this digit, in the order of their codes."""
    found: list[Entry] = []
    for name in FAMILIES.get(family, ()):
        found += import_module(f"archspec.diagnostics.entries.{name}").ENTRIES
    return {entry.code: entry for entry in sorted(found)}


def catalogue() -> dict[str, Entry]:
    """All entries, in the order of their codes."""
    return {code: entry for family in FAMILIES for code, entry in entries(family).items()}


def find(code: str) -> Entry | None:
    """The entry of a code as people write it (`AS302`, `as302` or `302`), or None where there is no such code."""
    digits = code.strip().upper().removeprefix("AS")
    return entries(digits[:1]).get(f"AS{digits}")
