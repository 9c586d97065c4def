"""Which weights are on disk: the best and the last."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from torch import Tensor, nn

from archspec.model import weights
from archspec.runtime.parallel.state import module_state
from archspec.runtime.run_folder import LAST, WEIGHTS, RunFolder
from archspec.runtime.world import World

INTERVAL = 5.0  # seconds


class Keeper:
    """Keeps `weights.safetensors` the best and `last.safetensors` the last weights.

    Epochs shorter than INTERVAL would be mostly waiting for the disk: files are then written at most that often, and
    the best weights wait as a copy in memory. `flush` writes what waits. Every process has a keeper, as weights that
    lie in shards are gathered by all; only that of the main process writes.
    """

    def __init__(self, folder: RunFolder, module: nn.Module, world: World | None = None) -> None:
        self._world = world or World()
        self._main = self._world.main
        self.best_path = folder.path / WEIGHTS
        self._last_path = folder.path / LAST
        self.module = module  # or the average of its weights
        self._waiting: dict[str, Tensor] | None = None
        self._last: dict[str, Tensor] | None = None
        self.has_best = False
        self._written = time.perf_counter()

    def epoch(self, *, best: bool) -> None:
        """An epoch is done; `best` says that it is the best so far."""
        due = time.perf_counter() - self._written >= INTERVAL
        self._last = self._weights(copied=not due)
        if best:
            self._waiting = self._last
        if due:
            self.flush()

    def put_back(self, best: Path) -> None:
        """Make `best` the best weights again: those of a checkpoint that training goes on from."""
        if self._main:
            with weights.staged(self.best_path) as stage:
                shutil.copyfile(best, stage)
        self.has_best = True

    def discard(self, *, has_best: bool) -> None:
        """Forget what is not on disk: training has gone back to a time before it, when there was a best or not."""
        self._waiting = self._last = None
        self.has_best = has_best

    def stopped(self) -> None:
        """The run stops within an epoch: the weights of this moment are the last."""
        self._last = self._weights()

    def _weights(self, *, copied: bool = True) -> dict[str, Tensor] | None:
        """The whole state dict, in memory of its own if `copied`; None on other than the main process."""
        state = module_state(self.module, self._world)
        if not self._main:
            return None
        return _copy(state) if copied else state

    def flush(self) -> None:
        """Write what is not on disk yet. Where no epoch was ever the best, the last weights count as such."""
        if not self._main:
            return
        if self._waiting is None and not self.has_best:
            self._waiting = self._last
        if self._waiting is not None:
            weights.save_state(self._waiting, self.best_path)
            self._waiting, self.has_best = None, True
        if self._last is not None:
            weights.save_state(self._last, self._last_path)
            self._last = None
        self._written = time.perf_counter()


def _copy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors in memory of their own; tied ones stay tied."""
    copies = {id(tensor): tensor for tensor in state.values()}
    copies = {key: tensor.detach().clone() for key, tensor in copies.items()}
    return {name: copies[id(tensor)] for name, tensor in state.items()}
