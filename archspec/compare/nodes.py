"""The steps that two typed graphs differ in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from archspec.compare.entries import Entry, Signatures, arguments, entries
from archspec.compare.match import Origins, Pairs, match
from archspec.compare.model import ADDED, CHANGED, MOVED, REMOVED, RESHAPED, Change, NodeChange
from archspec.compare.moved import Finder, Moves
from archspec.cost.totals import Costs
from archspec.graph.context import freeze
from archspec.graph.ir import joined
from archspec.ops.base import Op
from archspec.ops.kinds import show
from archspec.shapes.typed import Typed


class Level(NamedTuple):
    """Two graphs side by side: their entries, those that are one step, and those that are elsewhere now."""

    a: list[Entry]
    b: list[Entry]
    pairs: Pairs
    moves: Moves


class Nodes:
    """Compares graphs, each pair of them once."""

    def __init__(self, costs_a: Costs, costs_b: Costs) -> None:
        self.costs = (costs_a, costs_b)
        self.signatures = Signatures()
        self.finder = Finder(self.signatures)
        self._levels: dict[tuple[int, int], Level] = {}
        self._changes: dict[tuple[int, int], list[NodeChange]] = {}
        self._keep: list[Any] = []  # so that an id stays that of one graph

    def level(self, a: Typed, b: Typed) -> Level:
        found = self._levels.get((id(a), id(b)))
        if found is None:
            ours, theirs = entries(a), entries(b)
            pairs = match(ours, theirs, self.signatures)
            moves = self.finder.find(
                [entry for entry in ours if entry.number not in pairs.to_b],
                [entry for entry in theirs if entry.number not in pairs.to_a],
            )
            found = self._levels[id(a), id(b)] = Level(ours, theirs, pairs, moves)
            self._keep += (a, b)
        return found

    def changes(self, a: Typed, b: Typed) -> list[NodeChange]:
        """In the order of the second graph; what was removed stands where it was."""
        found = self._changes.get((id(a), id(b)))
        if found is None:
            same = a.inputs == b.inputs and self.signatures.of(a, ()) == self.signatures.of(b, ())
            found = self._changes[id(a), id(b)] = [] if same else list(self._of_level(self.level(a, b), a, b))
        return found

    def _of_level(self, level: Level, a: Typed, b: Typed) -> Iterator[NodeChange]:
        sides = (
            Origins(level.a, level.pairs.to_b, dict(zip(level.pairs.to_b, level.pairs.to_b, strict=True)), _names(a)),
            Origins(level.b, level.pairs.to_a, level.pairs.to_a, _names(b)),
        )
        done = level.moves.accounted
        for run in _runs(level):
            before, after = run[0]
            if after is None or before is None:
                only = [entry for pair in run for entry in pair if entry is not None]
                if not done.issuperset(map(id, only)):
                    yield self._alone(REMOVED if after is None else ADDED, only)
            else:
                yield from self._both(run, before, after, sides)
        for move in level.moves.found:
            cost = self._parameters(0, move.a), self._parameters(1, move.b)
            depth = move.path_b.count(".")
            yield NodeChange(MOVED, move.path_b, move.path_a, move.b.kind, 1, depth, (), _types(move.b), cost)

    def _alone(self, status: str, run: list[Entry]) -> NodeChange:
        side = 0 if status == REMOVED else 1
        cost = sum(self._parameters(side, entry) for entry in run)
        first = run[0]
        parameters = (cost, 0) if status == REMOVED else (0, cost)
        return NodeChange(status, _path(run), None, first.kind, len(run), 0, (), _types(first), parameters)

    def _both(
        self,
        run: list[tuple[Entry | None, Entry | None]],
        before: Entry,
        after: Entry,
        sides: tuple[Origins, Origins],
    ) -> Iterator[NodeChange]:
        """A run of equal turns that both models have."""
        befores, afters = [x for x, _ in run if x is not None], [y for _, y in run if y is not None]
        old, new = _path(befores), _path(afters)
        changes = [*_own(before, after), *_reads(before, after, sides)]
        parameters = (
            sum(self._parameters(0, entry) for entry in befores),
            sum(self._parameters(1, entry) for entry in afters),
        )
        reshaped = _types(before) != _types(after)
        if reshaped:
            changes.append(Change("output", ", ".join(_types(before)), ", ".join(_types(after))))
        renamed = old != new and (before.named or after.named or self.finder.has_state(before))
        if changes or renamed:
            status = MOVED if renamed else RESHAPED if reshaped and len(changes) == 1 else CHANGED
            path = old if renamed else None
            yield NodeChange(status, new, path, after.kind, len(run), 0, tuple(changes), _types(after), parameters)
        if before.inner is not None and after.inner is not None:
            for inner in self.changes(before.inner, after.inner):
                yield inner._replace(
                    path=joined(old if inner.status == REMOVED else new, inner.path),
                    before=None if inner.before is None else joined(old, inner.before),
                    times=inner.times * len(run),
                    depth=inner.depth + 1,
                    parameters=(inner.parameters[0] * len(run), inner.parameters[1] * len(run)),
                )

    def _parameters(self, side: int, entry: Entry) -> int:
        if entry.shared:
            return 0
        return self.costs[side].of_call(entry.done, entry.callee, entry.inputs, entry.outputs).parameters


def _runs(level: Level) -> Iterator[list[tuple[Entry | None, Entry | None]]]:
    """Pairs in the order of the second graph, removed entries where they were; equal turns of a repeat together."""
    run: list[tuple[Entry | None, Entry | None]] = []
    for pair in _in_order(level):
        if run and _same_turn(run[-1], pair):
            run.append(pair)
            continue
        if run:
            yield run
        run = [pair]
    if run:
        yield run


def _in_order(level: Level) -> Iterator[tuple[Entry | None, Entry | None]]:
    removed = [entry for entry in level.a if entry.number not in level.pairs.to_b]
    for after in level.b:
        number = level.pairs.to_a.get(after.number)
        while number is not None and removed and removed[0].number < number:
            yield removed.pop(0), None
        yield (None if number is None else level.a[number]), after
    for before in removed:
        yield before, None


def _same_turn(last: tuple[Entry | None, Entry | None], pair: tuple[Entry | None, Entry | None]) -> bool:
    for one, other in zip(last, pair, strict=True):
        if one is None or other is None:
            if one is not other:
                return False
        elif (one.done, one.callee, one.inputs, one.outputs, one.turn + 1) != (
            other.done, other.callee, other.inputs, other.outputs, other.turn,
        ):  # fmt: skip
            return False
    return True


def _path(run: list[Entry]) -> str:
    first, last = run[0].label, run[-1].label
    return first if first == last else f"{first} … {last.rpartition('.')[2]}"


def _types(entry: Entry) -> tuple[str, ...]:
    return tuple(map(str, entry.outputs))


def _own(a: Entry, b: Entry) -> Iterator[Change]:
    """What a step is, apart from what it reads."""
    if isinstance(a.callee, Op) and isinstance(b.callee, Op) and a.callee.name == b.callee.name:
        yield from _values(arguments(a.callee), arguments(b.callee))
    elif a.kind != b.kind:
        yield Change("op", a.kind, b.kind)
    elif a.inner is not None and b.inner is not None:
        yield from _values(a.inner.params, b.inner.params)
    if a.done.steps != b.done.steps:
        yield Change("steps", str(a.done.steps), str(b.done.steps))
    if a.shared != b.shared:
        words = {False: "its own", True: "those of another"}
        yield Change("modules", words[a.shared], words[b.shared])
    for word in ("forward", "requires_grad"):
        before, after = getattr(a.done.node, word), getattr(b.done.node, word)
        if before != after:
            yield Change(word, show(before), show(after))
    if a.done.node.tie != b.done.node.tie:
        yield Change("tie", show(dict(a.done.node.tie)), show(dict(b.done.node.tie)))


def _values(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys((*a, *b)):
        if name not in a or name not in b or freeze(a[name]) != freeze(b[name]):
            yield Change(name, show(a[name]) if name in a else "-", show(b[name]) if name in b else "-")


def _reads(a: Entry, b: Entry, sides: tuple[Origins, Origins]) -> Iterator[Change]:
    """Other values than before, seen past what was added or removed between."""
    if [sides[0].of(source) for source in a.reads] != [sides[1].of(source) for source in b.reads]:
        before, after = (", ".join(map(side.words, entry.reads)) for side, entry in zip(sides, (a, b), strict=True))
        if before != after:
            yield Change("reads", before, after)


def _names(typed: Typed) -> list[str]:
    return [given.name for given in typed.graph.inputs]
