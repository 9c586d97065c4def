"""Bad samples set aside: a split in which the next good sample takes the place of one that cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from archspec.data.split import Ordered, OrderedSplit, Split
from archspec.diagnostics.model import SpecError
from archspec.recipe.files import DataError

Told = Callable[[list["Bad"]], None]


class Bad(NamedTuple):
    """A sample that cannot be read. `part`: "train" or "holdout"; `sample`: its number there."""

    part: str
    sample: int
    path: str
    reason: str


class Aside:
    """Rows of a table that are left out, as they are found."""

    def __init__(self) -> None:
        self.found: list[Bad] = []

    def add(self, part: str) -> Callable[[DataError], None]:
        """What takes the bad rows of a part."""

        def add(error: DataError) -> None:
            self.found.append(Bad(part, error.line or 0, str(error.file), f"line {error.line}: {error.message}"))

        return add


class Guarded:
    """A split whose bad samples are replaced: which sample stands in is a function of the data alone.

    What was found waits for `drain`. `take` raises SpecError where no good sample is found among the next `tries`.
    """

    def __init__(self, plain: Split, part: str, tries: int = 1000) -> None:
        self.plain = plain
        self.part = part
        self.tries = tries
        self._instead: dict[int, int] = {}  # of the bad ones known
        self._found: list[Bad] = []

    def __len__(self) -> int:
        return len(self.plain)

    def take(self, indices: Tensor) -> dict[str, Tensor]:
        numbers = self._replaced(indices.tolist())
        try:
            return self.plain.take(torch.tensor(numbers))
        except SpecError:
            for number in numbers:
                self._examine(number)
        return self.plain.take(torch.tensor(self._replaced(numbers)))

    def drain(self) -> list[Bad]:
        """The bad samples found since the last time."""
        found, self._found = self._found, []
        return found

    def _replaced(self, numbers: list[int]) -> list[int]:
        return [self._instead.get(number, number) for number in numbers] if self._instead else numbers

    def _examine(self, number: int) -> None:
        """Find the sample that stands in for one, if it is bad."""
        place, passed, last = number, [], None
        for _ in range(min(self.tries, len(self)) + 1):
            if place in self._instead:
                place = self._instead[place]
            try:
                self.plain.take(torch.tensor([place]))
                break
            except SpecError as error:
                passed.append(place)
                self._found.append(self._bad(place, error))
                place, last = (place + 1) % len(self), error
        else:
            assert last is not None
            raise last
        self._instead |= dict.fromkeys(passed, place)

    def _bad(self, number: int, error: SpecError) -> Bad:
        cause = error.__cause__
        if isinstance(cause, DataError) and cause.file is not None:
            return Bad(self.part, number, str(cause.file), cause.message)
        return Bad(self.part, number, "", error.diagnostics[0].message)


class GuardedOrder(Guarded):
    """One of a split with an order of its own."""

    def order(self, seed: int, epoch: int) -> Ordered:
        """That of the split."""
        assert isinstance(self.plain, OrderedSplit)
        return self.plain.order(seed, epoch)


def guarded(split: Split, part: str) -> Guarded:
    """A split with its bad samples set aside."""
    return (GuardedOrder if isinstance(split, OrderedSplit) else Guarded)(split, part)


def guard_of(split: Any) -> Guarded | None:
    """The guard in a split that may stand in others."""
    while split is not None and not isinstance(split, Guarded):
        split = getattr(split, "plain", None)
    return split
