"""A look at the loss between backward and the update."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from archspec.runtime.nonfinite import NonFiniteError


class Glance:
    """A look at a loss that keeps no accelerator waiting: its copy is asked for before backward is, and read after.

    When it is there, the accelerator is at work on backward, and the update can still be left out.
    """

    def __init__(self, device: torch.device) -> None:
        self._event = torch.cuda.Event() if device.type == "cuda" else None
        self._copies: dict[torch.dtype, Tensor] = {}
        self._copy: Tensor | None = None

    def begin(self, loss: Tensor) -> None:
        """Before backward. Raises NonFiniteError where nothing has to be waited for."""
        if self._event is None:
            self._copy = loss.detach()
            if loss.device.type == "cpu":
                self.end()
            return
        if loss.dtype not in self._copies:
            self._copies[loss.dtype] = torch.empty((), dtype=loss.dtype, pin_memory=True)
        self._copy = self._copies[loss.dtype].copy_(loss.detach(), non_blocking=True)
        self._event.record()

    def end(self) -> None:
        """After backward. Raises NonFiniteError."""
        if self._copy is None:
            return
        if self._event is not None:
            self._event.synchronize()
        value, self._copy = self._copy.item(), None
        if not math.isfinite(value):
            raise NonFiniteError(value)
