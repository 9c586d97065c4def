"""What a run does about a batch whose loss or gradient is not finite, where it is not to stop."""

from __future__ import annotations

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
        self._kept = [buffer.clone() for buffer in self._buffers]

    def undo(self) -> None:
        """After a step that must not count."""
        for buffer, kept in zip(self._buffers, self._kept, strict=True):
            buffer.copy_(kept)
        self.in_a_row += 1
