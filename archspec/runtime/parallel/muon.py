"""Muon for matrices that lie in shards: its Newton-Schulz iteration needs each whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Muon

from archspec.runtime.parallel.state import like, put, whole

MOMENTUM = "momentum_buffer"


class ShardedMuon(Muon):
    """torch.optim.Muon. Each matrix, its gradient and its momentum are put together on every process, one matrix after
    another, and updated there as by one process; what is kept is this process's part.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Any:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            options = {name: group[name] for name in self.defaults}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, options)
        return loss

    def _update(self, parameter: nn.Parameter, options: dict[str, Any]) -> None:
        matrix = nn.Parameter(_copy(parameter))
        matrix.grad = _copy(parameter.grad)
        one = Muon([matrix], **options)
        state = self.state[parameter]
        if MOMENTUM in state:
            one.state[matrix][MOMENTUM] = _copy(state[MOMENTUM])
        one.step()
        put(parameter, matrix.detach())
        momentum = one.state[matrix][MOMENTUM]
        if MOMENTUM in state:
            put(state[MOMENTUM], momentum)
        else:
            state[MOMENTUM] = like(parameter, momentum)


def _copy(tensor: Any) -> Tensor:
    """The whole tensor, in memory of its own."""
    found: Tensor = whole(tensor).detach().clone()
    return found
