"""What a run does about a step that must not count: its loss or gradient is not finite, or memory too small for it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

IN_A_ROW = 20  # batches that may be skipped one after another, or checkpoints gone back to without a new one


class RolledBackError(Exception):
    """Training has gone back to a checkpoint, and goes on from there."""


class Guard:
    """Keeps what a forward pass changes, so that a step that must not count leaves nothing behind."""

    def __init__(self, module: nn.Module, *, active: bool) -> None:
        self._buffers: list[Tensor] = list(module.buffers()) if active else []
        self._kept: list[Tensor] = []
        self.in_a_row = 0

    def keep(self) -> None:
        """Before a step: statistics of batch norms, say."""
        if not self._buffers:
            return
        if not self._kept:
            self._kept = [torch.empty_like(buffer) for buffer in self._buffers]
        torch._foreach_copy_(self._kept, self._buffers)  # one call, as it is made every step

    def undo(self) -> None:
        """After a step that must not count."""
        if self._buffers:
            torch._foreach_copy_(self._buffers, self._kept)


def out_of_memory(error: BaseException) -> bool:
    """Was there no memory for a tensor? (The processor's allocator has no error class of its own.)"""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator: " in str(error)
    )
