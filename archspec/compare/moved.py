"""Modules that stand somewhere else now: in a sequence that was put around them, out of one, in another block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from archspec.compare.entries import Entry, Signatures, entries
from archspec.graph.ir import joined
from archspec.ops.base import Op

_MOST = 20_000  # modules that are looked at on each side


class Moved(NamedTuple):
    """A module with state, and its paths then and now, relative to the graphs that are looked at."""

    a: Entry
    b: Entry
    path_a: str
    path_b: str


class Moves(NamedTuple):
    """`accounted`: ids of entries of the two graphs all of whose state is among what has moved."""

    found: tuple[Moved, ...] = ()
    accounted: frozenset[int] = frozenset()


class _Place(NamedTuple):
    entry: Entry
    path: str


class Finder:
    """Finds moves by what modules are; state is what makes a module worth finding again."""

    def __init__(self, signatures: Signatures) -> None:
        self.signatures = signatures
        self._stateful: dict[int, bool] = {}
        self._keep: list[object] = []  # so that an id stays that of one callee

    def find(self, a: list[Entry], b: list[Entry]) -> Moves:
        """Of the entries that only one side has, what is the same module, whole or a part of them."""
        if not a or not b:
            return Moves()
        ours, theirs = list(self._places(a)), list(self._places(b))
        alike_a, alike_b = self._alike(ours), self._alike(theirs)
        found: list[Moved] = []
        for place in ours:
            if _inside(place.path, (move.path_a for move in found)):
                continue
            signature = self._signature(place)
            options = [
                other
                for other in alike_b.get(signature, ())
                if not _inside(other.path, (move.path_b for move in found))
            ]
            # A name that stays says that it is the same one; so does being the only one of its kind.
            named = [option for option in options if _last(option.path) == _last(place.path)]
            if not named and len(alike_a[signature]) == len(options) == 1:
                named = options
            if named:
                other = max(named, key=lambda option: _common(option.path, place.path))
                found.append(Moved(place.entry, other.entry, place.path, other.path))
        accounted = [e for e in a if self._accounted(e, {move.path_a for move in found})]
        accounted += [e for e in b if self._accounted(e, {move.path_b for move in found})]
        return Moves(tuple(found), frozenset(map(id, accounted)))

    def has_state(self, entry: Entry) -> bool:
        """Of its own: not that of another, called again."""
        if entry.shared:
            return False
        known = self._stateful.get(id(entry.callee))
        if known is None:
            if isinstance(entry.callee, Op):
                known = bool(entry.callee.state(*entry.inputs))
            else:
                known = any(map(self.has_state, entries(entry.callee)))
            self._stateful[id(entry.callee)] = known
            self._keep.append(entry.callee)
        return known

    def _alike(self, places: list[_Place]) -> dict[int, list[_Place]]:
        out: dict[int, list[_Place]] = {}
        for place in places:
            out.setdefault(self._signature(place), []).append(place)
        return out

    def _signature(self, place: _Place) -> int:
        return self.signatures.of(place.entry.callee, place.entry.inputs)

    def _places(self, top: list[Entry]) -> Iterator[_Place]:
        """The entries with state, and what is in them, outermost first."""
        todo = [_Place(entry, entry.path) for entry in top]
        left = _MOST
        while todo and left > 0:
            inner: list[_Place] = []
            for place in todo[:left]:
                left -= 1
                if self.has_state(place.entry):
                    yield place
                    if place.entry.inner is not None:
                        inner += [_Place(e, joined(place.path, e.path)) for e in entries(place.entry.inner)]
            todo = inner

    def _accounted(self, entry: Entry, moved: set[str]) -> bool:
        """Is everything with state in it among what has moved?"""
        if not self.has_state(entry):
            return False
        todo = [_Place(entry, entry.path)]
        while todo:
            place = todo.pop()
            if place.path in moved or not self.has_state(place.entry):
                continue
            if place.entry.inner is None:
                return False
            todo += [_Place(e, joined(place.path, e.path)) for e in entries(place.entry.inner)]
        return True


def _inside(path: str, moved: Iterable[str]) -> bool:
    return any(path == other or path.startswith(f"{other}.") for other in moved)


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _common(one: str, other: str) -> int:
    """How many parts at the end of two paths are the same."""
    parts = zip(reversed(one.split(".")), reversed(other.split(".")), strict=False)
    return next((n for n, (x, y) in enumerate(parts) if x != y), min(one.count("."), other.count(".")) + 1)
