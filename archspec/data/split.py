"""Collections of samples."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Split(Protocol):
    """Samples by number."""

    def __len__(self) -> int: ...

    def take(self, indices: Tensor) -> dict[str, Tensor]:
        """The samples of these numbers (int64[n], each 0 <= i < len) as one batch: {field: tensor [n, ...]}."""
        ...


class TensorSplit:
    """Samples held in memory: one tensor a field, equal in length."""

    def __init__(self, fields: dict[str, Tensor]) -> None:
        self.fields = fields
        lengths = {len(t) for t in fields.values()}
        if len(lengths) != 1:
            raise ValueError(f"fields differ in length: { {k: len(t) for k, t in fields.items()} }")
        (self._length,) = lengths

    def __len__(self) -> int:
        return self._length

    def take(self, indices: Tensor) -> dict[str, Tensor]:
        return {name: tensor.index_select(0, indices) for name, tensor in self.fields.items()}
