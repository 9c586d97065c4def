"""What the processes of a run decide together, once a step, in one message of three numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from archspec.runtime.world import World

EVERY = 10  # steps between looks at the answer where looking waits for the accelerator


class Consensus:
    """`stop` and `save` are true on all processes after the same step, if they were asked for on any."""

    def __init__(self, world: World, device: torch.device) -> None:
        self._world = world
        self._device = device
        self._step = 0
        self._asked = torch.zeros(2, dtype=torch.float64, device=device)
        self.stop = False
        self.save = False

    def __call__(self, share: Tensor, *, stop: bool, save: bool) -> Tensor:
        """The loss of the whole batch from this process's share of it."""
        if self._world.size == 1:
            self.stop, self.save = stop, save
            return share
        # Processes that do not share the batch have the same share of it each.
        copies = self._world.size // self._world.degree("data")
        flags = torch.tensor([float(stop), float(save)], dtype=torch.float64, device=self._device)
        message = torch.cat([(share.detach().to(self._device) / copies).double().reshape(1), flags])
        self._world.sum_all(message)
        self._asked += message[1:]
        self._step += 1
        self.stop = self.save = False
        if self._device.type == "cpu" or self._step % EVERY == 0:
            stops, saves = self._asked.tolist()
            self.stop, self.save = stops > 0, saves > 0
            self._asked.zero_()
        return message[0]
