"""Batches in an order that only the seed and the epoch decide, from any position on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from archspec.data.split import Split


class Batches:
    """One epoch of batches of a split, as an iterator of {field: tensor}.

    The order is a function of (seed, epoch, len(split)) alone: no global generator is read or advanced. Iterating
    again starts where the iterator stands; a finished one is empty. `len` is the number of batches of the whole epoch.

    `part` (index, count): give that part of every batch only, for one of several processes that share it. The parts
    are as equal as can be; one that would be empty is the first sample of the batch, and `counted` is then false.
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
    ) -> None:
        self.split = split
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = epoch
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.part = part
        self.counted = True
        self.position = 0  # samples already given
        self._order: Tensor | None = None

    def __len__(self) -> int:
        """Batches in the whole epoch."""
        whole, rest = divmod(len(self.split), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def order(self) -> Tensor:
        """Numbers of the samples in the order they come: int64[len(split)]."""
        if self._order is None:
            if self.shuffle:
                # Two numbers into one seed: epochs of one seed, and seeds of one epoch, get orders of their own.
                generator = torch.Generator().manual_seed((self.seed * 0x9E3779B97F4A7C15 + self.epoch) % 2**63)
                self._order = torch.randperm(len(self.split), generator=generator)
            else:
                self._order = torch.arange(len(self.split))
        return self._order

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        return self

    def __next__(self) -> dict[str, Tensor]:
        end = min(self.position + self.batch_size, len(self.split))
        if end == self.position or (self.drop_last and end - self.position < self.batch_size):
            raise StopIteration
        index, count = self.part
        whole = end - self.position
        first, last = self.position + index * whole // count, self.position + (index + 1) * whole // count
        self.counted = first < last
        if not self.counted:
            first, last = self.position, self.position + 1
        batch = self.split.take(self.order()[first:last])
        self.position = end
        return batch

    def state(self) -> dict[str, Any]:
        """Where the iterator stands, as JSON data."""
        return {"seed": self.seed, "epoch": self.epoch, "position": self.position, "samples": len(self.split)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state()`. Raises ValueError when the split has another length than it had then."""
        if state["samples"] != len(self.split):
            raise ValueError(f"the data had {state['samples']} training samples and now have {len(self.split)}")
        self.seed, self.epoch, self.position = state["seed"], state["epoch"], state["position"]
        self._order = None
