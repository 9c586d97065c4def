"""Which step of one graph is which of another.

A name that was written is the same step in both. Steps without one are told by what stands around them, as lines of a
text are. What is left over on both sides of one gap, of the same kind, has been renamed there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher

from archspec.compare.entries import Entry, Signatures

_MANY = 4_000  # entries of a graph; beyond, they are told by their paths alone, as alignment is quadratic


class Pairs:
    """Entries of both sides that are one step, by their numbers."""

    def __init__(self) -> None:
        self.to_b: dict[int, int] = {}
        self.to_a: dict[int, int] = {}

    def add(self, a: int, b: int) -> None:
        self.to_b[a] = b
        self.to_a[b] = a


def match(a: Sequence[Entry], b: Sequence[Entry], signatures: Signatures) -> Pairs:
    """The pairs of two graphs."""
    pairs = Pairs()
    if len(a) > _MANY or len(b) > _MANY:
        _by_key(a, b, pairs, lambda entry: entry.path)
        return pairs
    keys_a, keys_b = [_key(entry) for entry in a], [_key(entry) for entry in b]
    blocks = SequenceMatcher(None, keys_a, keys_b, autojunk=False).get_matching_blocks()
    for start_a, start_b, length in blocks:
        for k in range(length):
            pairs.add(start_a + k, start_b + k)
    # a name that was written means the same wherever it stands
    _by_key(a, b, pairs, lambda entry: entry.path if entry.named else None)
    done_a = done_b = 0
    for start_a, start_b, length in blocks:
        _renamed(*_left(list(a[done_a:start_a]), list(b[done_b:start_b]), pairs), pairs, signatures)
        done_a, done_b = start_a + length, start_b + length
    return pairs


def _key(entry: Entry) -> tuple[bool, str]:
    return (True, entry.path) if entry.named else (False, entry.kind)


def _by_key(a: Sequence[Entry], b: Sequence[Entry], pairs: Pairs, key: Callable[[Entry], str | None]) -> None:
    free = {key(entry): entry.number for entry in b if entry.number not in pairs.to_a}
    for entry in a:
        found = free.get(key(entry)) if entry.number not in pairs.to_b and key(entry) is not None else None
        if found is not None:
            pairs.add(entry.number, found)


def _renamed(a: list[Entry], b: list[Entry], pairs: Pairs, signatures: Signatures) -> None:
    """What stands between the same neighbours: the very same module first, then the only one of its kind, and then the
    only one at all, if nothing but its op gives it a name."""
    waiting: dict[int, list[Entry]] = {}
    for entry in b:
        waiting.setdefault(signatures.of(entry.callee, entry.inputs), []).append(entry)
    for entry in a:
        if found := waiting.get(signatures.of(entry.callee, entry.inputs)):
            pairs.add(entry.number, found.pop(0).number)
    a, b = _left(a, b, pairs)
    kinds_a, kinds_b = Counter(entry.kind for entry in a), Counter(entry.kind for entry in b)
    alone = {entry.kind: entry for entry in b if kinds_b[entry.kind] == 1}
    for entry in a:
        if kinds_a[entry.kind] == 1 and entry.kind in alone:
            pairs.add(entry.number, alone[entry.kind].number)
    a, b = _left(a, b, pairs)
    if len(a) == len(b) == 1 and not a[0].named and not b[0].named:
        pairs.add(a[0].number, b[0].number)


def _left(a: list[Entry], b: list[Entry], pairs: Pairs) -> tuple[list[Entry], list[Entry]]:
    return [x for x in a if x.number not in pairs.to_b], [y for y in b if y.number not in pairs.to_a]


class Origins:
    """Where the values of one side come from, past the steps that the other side has not: an added step changes what it
    stands in, not what reads it.

    `partners`: entries that the other side has too; `numbers`: what they are called on both. `inputs`: names of the
    graph's inputs.
    """

    def __init__(
        self, side: Sequence[Entry], partners: Mapping[int, int], numbers: Mapping[int, int], inputs: Sequence[str]
    ) -> None:
        self.side = side
        self.partners = partners
        self.numbers = numbers
        self.inputs = inputs

    def of(self, source: tuple[int, int] | None) -> tuple[int, int] | None:
        """(step, result) in the numbers of both; (-1, k) for input k of the graph."""
        while source is not None and source[0] >= 0 and source[0] not in self.partners:
            reads = self.side[source[0]].reads
            source = reads[0] if reads else (-2, 0)
        return source if source is None or source[0] < 0 else (self.numbers[source[0]], source[1])

    def words(self, source: tuple[int, int] | None) -> str:
        """What the value is called."""
        if source is None:
            return "-"
        if source[0] < 0:
            return self.inputs[source[1]]
        entry = self.side[source[0]]
        names = entry.done.node.names
        own = names[source[1]] if source[1] < len(names) else ""
        return own or (f"{entry.label}[{source[1]}]" if source[1] else entry.label)
