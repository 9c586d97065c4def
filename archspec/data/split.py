"""Collections of samples."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor


class Split(Protocol):
    """Samples by number."""

    def __len__(self) -> int: ...

    def take(self, indices: Tensor) -> dict[str, Tensor]:
        """The samples of these numbers (int64[n], each 0 <= i < len) as one batch: {field: tensor [n, ...]}."""
        ...


class Ordered(Protocol):
    """Numbers of samples in an order: `ordered[first:last]` is int64[last - first]."""

    def __getitem__(self, part: slice) -> Tensor: ...


@runtime_checkable
class OrderedSplit(Split, Protocol):
    """A split that is best read in an order of its own."""

    def order(self, seed: int, epoch: int) -> Ordered:
        """The order of an epoch: a function of the arguments alone."""
        ...


class TensorSplit:
    """Samples held in memory: one tensor a field, equal in length."""

    def __init__(self, fields: dict[str, Tensor]) -> None:
        self.fields = fields
        lengths = {name: len(tensor) for name, tensor in fields.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"fields differ in length: {lengths}")
        self._length = next(iter(lengths.values()))

    def __len__(self) -> int:
        return self._length

    def take(self, indices: Tensor) -> dict[str, Tensor]:
        return {name: tensor.index_select(0, indices) for name, tensor in self.fields.items()}


class TextSplit:
    """Windows of a row of tokens: `tokens` and, one later, `target`, both int64[n, context]."""

    def __init__(self, row: Tensor, context: int, stride: int) -> None:
        self.row = row  # kept in the smallest dtype that holds the vocabulary
        self.context = context
        self.stride = stride
        self._window = torch.arange(context + 1)

    def __len__(self) -> int:
        return max(0, (len(self.row) - self.context - 1) // self.stride + 1)

    def take(self, indices: Tensor) -> dict[str, Tensor]:
        places = indices[:, None] * self.stride + self._window
        window = self.row[places].long()
        return {"tokens": window[:, :-1], "target": window[:, 1:]}


def hold_out(count: int, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Numbers of the training and of the held-out samples, both rising: a function of the three arguments alone."""
    held = min(max(round(count * share), 1), count - 1)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return order[held:].sort().values, order[:held].sort().values
