"""A look at the loss between backward and the update."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from archspec.runtime.nonfinite import NonFiniteError


class Glance:
    """A look at a loss that keeps no accelerator waiting: its copy is asked for before backward is, and read after.

    When it is there, the accelerator is at work on backward, and the update can still be left out. The copy is also
    what is reported of the step: nothing has to be waited for then.
    """

    def __init__(self, device: torch.device) -> None:
        self._on_cpu = device.type == "cpu"
        self._event = torch.cuda.Event() if device.type == "cuda" else None
        self._pinned: dict[torch.dtype, Tensor] = {}
        self._copy: Tensor | None = None

    def begin(self, loss: Tensor) -> None:
        """Before backward. On a processor, where nothing has to be waited for, raises NonFiniteError."""
        if self._event is None:
            self._copy = loss.detach()
            if self._on_cpu:
                _checked(self._copy)
            return
        if loss.dtype not in self._pinned:
            self._pinned[loss.dtype] = torch.empty((), dtype=loss.dtype, pin_memory=True)
        self._copy = self._pinned[loss.dtype].copy_(loss.detach(), non_blocking=True)
        self._event.record()

    def end(self) -> Tensor:
        """After backward: the loss, on the processor. Raises NonFiniteError."""
        assert self._copy is not None
        if self._on_cpu:
            return self._copy
        if self._event is not None:
            self._event.synchronize()
        return _checked(self._copy.cpu().clone())


def _checked(loss: Tensor) -> Tensor:
    if not math.isfinite(value := loss.item()):
        raise NonFiniteError(value)
    return loss
