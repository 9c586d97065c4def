"""Every parameter and buffer of a model by its name in `state_dict()`, known without building it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from archspec.diagnostics.suggest import did_you_mean
from archspec.graph.ir import joined
from archspec.ops.base import Op, State
from archspec.shapes.state import held
from archspec.shapes.ties import tied_entries
from archspec.shapes.typed import Typed

MOST = 200_000  # names that are looked at one by one


class TooManyError(Exception):
    """The model has more parameters and buffers than MOST."""


class Entry(NamedTuple):
    """`state`: its shape and dtype, and whether it is a parameter. `op`: the op it belongs to, where that is known.

    `first`: the name of the tensor that it is, where it is tied; else its own.
    """

    name: str
    state: State
    op: Op | None
    first: str


class Table:
    """The entries, in the order of `state_dict()`; buffers that are not in it are left out."""

    def __init__(self, entries: dict[str, Entry]) -> None:
        self.entries = entries
        self.names: dict[str, list[str]] = {}  # of each tensor: all its names, by the first
        for name, entry in entries.items():
            self.names.setdefault(entry.first, []).append(name)

    def nearest(self, pattern: str) -> str | None:
        """What a pattern that matches nothing was probably meant to be: words for a message."""
        parts: dict[str, None] = {}
        paths: dict[str, None] = {}
        for name in self.entries:
            parts.update(dict.fromkeys(name.split(".")))
            path = name
            while path:
                paths[path] = None
                path = path.rpartition(".")[0]
        if not any(sign in pattern for sign in "*?["):
            return did_you_mean(pattern, paths) or self._some()
        for part in pattern.split("."):
            if part and part not in parts and not any(sign in part for sign in "*?["):
                return did_you_mean(part, parts) or self._some()
        return self._some()

    def _some(self) -> str:
        names = list(self.entries)
        if not names:
            return "the model has no parameters"
        return f"its parameters are {', '.join(names[:4])}{', …' if len(names) > 4 else ''}"


def table(typed: Typed) -> Table:
    """The table of a complete typed graph. Raises TooManyError."""
    entries: dict[str, Entry] = {}
    ties: dict[str, str] = {}
    for name, state, op in _walk(typed, "", ties):
        if state.persistent:
            if len(entries) >= MOST:
                raise TooManyError(f"a model with more than {MOST:,} parameters and buffers")
            entries[name] = Entry(name, state, op, name)
    for name in ties:
        first = name
        while first in ties:  # a block's own tie, and then one of what is around it
            first = ties[first]
        entries[name] = entries[name]._replace(first=first)
    return Table(entries)


def _walk(typed: Typed, prefix: str, ties: dict[str, str]) -> Iterator[tuple[str, State, Op]]:
    for done in typed.nodes:
        if done.node.shared is not None:
            continue
        for turn, (path, callee, inputs) in enumerate(zip(done.node.paths, done.calls, done.call_inputs, strict=True)):
            own = prefix + path
            ties.update({joined(own, name): prefix + target for name, target in tied_entries(done, turn).items()})
            if isinstance(callee, Typed):  # the body of a scan has the path ""
                for name, state, op in _walk(callee, f"{own}." if path else prefix, ties):
                    yield name, held(done, state), op
                continue
            for state in callee.state(*inputs):
                yield (f"{own}.{state.name}" if state.name else own), held(done, state), callee
