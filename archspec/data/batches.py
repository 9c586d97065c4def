"""Batches in an order that only the seed and the epoch decide, from any position on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from archspec.data.augment import Augmented
from archspec.data.split import Ordered, OrderedSplit, Split


class Planned(NamedTuple):
    """A batch that is not read yet: the numbers of its samples, and the position behind it. See `Batches.part`."""

    indices: Tensor
    counted: bool
    end: int


def taken(split: Split, indices: Tensor, seed: int, epoch: int) -> dict[str, Tensor]:
    """The samples of a batch, here or in a worker: a function of these arguments alone."""
    return split.augmented(indices, seed, epoch) if isinstance(split, Augmented) else split.take(indices)


class Batches:
    """One epoch of batches of a split, as an iterator of {field: tensor}.

    The order is a function of (seed, epoch, len(split)) alone: no global generator is read or advanced. Iterating
    again starts where the iterator stands; a finished one is empty. `len` is the number of batches of the whole epoch.

    `part` (index, count): give that part of every batch only, for one of several processes that share it. The parts
    are as equal as can be; one that would be empty is the first sample of the batch, and `counted` is then false.
    `by_turns`: give every count-th batch whole instead; who has none left is given a sample that is not counted.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        seed: int = 0,
        epoch: int = 0,
        *,
        shuffle: bool = True,
        drop_last: bool = False,
        part: tuple[int, int] = (0, 1),
        by_turns: bool = False,
    ) -> None:
        self.split = split
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = epoch
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.part = part
        self.by_turns = by_turns
        self.counted = True
        self.position = 0  # samples already given
        self._order: Ordered | None = None

    def __len__(self) -> int:
        """Batches in the whole epoch."""
        whole, rest = divmod(len(self.split), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def order(self) -> Ordered:
        """Numbers of the samples in the order they come: int64[len(split)], or what gives parts of that."""
        if self._order is None:
            if isinstance(self.split, OrderedSplit):
                self._order = self.split.order(self.seed, self.epoch)
            else:
                # Two numbers into one seed: epochs of one seed, and seeds of one epoch, get orders of their own.
                generator = torch.Generator().manual_seed((self.seed * 0x9E3779B97F4A7C15 + self.epoch) % 2**63)
                self._order = torch.randperm(len(self.split), generator=generator)
        return self._order

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        return self

    def __next__(self) -> dict[str, Tensor]:
        planned = self._plan(self.position)
        if planned is None:
            raise StopIteration
        batch = taken(self.split, planned.indices, self.seed, self.epoch)
        self.advance(planned)
        return batch

    def plans(self) -> Iterator[Planned]:
        """All batches that are left, as they are to be taken; the iterator stays where it stands."""
        position = self.position
        while (planned := self._plan(position)) is not None:
            yield planned
            position = planned.end

    def advance(self, planned: Planned) -> None:
        """Stand behind a batch."""
        self.position, self.counted = planned.end, planned.counted

    def _plan(self, position: int) -> Planned | None:
        index, count = self.part
        end = min(position + self.batch_size * (count if self.by_turns else 1), len(self.split))
        if end == position or (self.drop_last and end - position < self.batch_size):
            return None
        if self.by_turns:
            first = position + index * self.batch_size
            last = min(first + self.batch_size, end)
        else:
            whole = end - position
            first, last = position + index * whole // count, position + (index + 1) * whole // count
        counted = first < last
        if not counted:
            first, last = position, position + 1
        indices = self.order()[first:last] if self.shuffle else torch.arange(first, last)
        return Planned(indices, counted, end)

    def state(self) -> dict[str, Any]:
        """Where the iterator stands, as JSON data."""
        return {"seed": self.seed, "epoch": self.epoch, "position": self.position, "samples": len(self.split)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state()`. Raises ValueError when the split has another length than it had then."""
        if state["samples"] != len(self.split):
            raise ValueError(f"the data had {state['samples']} training samples and now have {len(self.split)}")
        self.seed, self.epoch, self.position = state["seed"], state["epoch"], state["position"]
        self._order = None
