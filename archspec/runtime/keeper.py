"""Which weights are on disk: the best and the last."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from torch import Tensor, nn

from archspec.model import weights
from archspec.runtime.checkpoints.files import linked
from archspec.runtime.checkpoints.saver import SHARE
from archspec.runtime.parallel.state import module_state
from archspec.runtime.run_folder import LAST, WEIGHTS, RunFolder
from archspec.runtime.world import World

INTERVAL = 5.0  # seconds, at least, from one writing to the next


class Keeper:
    """Keeps `weights.safetensors` the best and `last.safetensors` the last weights.

    Short epochs would be mostly waiting for the disk: files are written at most every INTERVAL, and so seldom that the
    training waits for them SHARE of the time at most; meanwhile the weights wait as a copy in memory. `flush` writes
    what waits. Every process has a keeper, as weights that lie in shards are gathered by all; only that of the main
    process writes.
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
        self._took = 0.0  # seconds, to write them the last time

    def epoch(self, *, best: bool) -> None:
        """An epoch is done; `best` says that it is the best so far."""
        due = time.perf_counter() - self._written >= max(INTERVAL, self._took / SHARE)
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
        if self._last is None and self._waiting is None:
            return
        start = time.perf_counter()
        if self._waiting is not None:
            weights.save_state(self._waiting, self.best_path)
            self.has_best = True
        if self._last is not None and self._last is self._waiting:
            with weights.staged(self._last_path) as stage:
                stage.unlink()
                linked(self.best_path, stage)
        elif self._last is not None:
            weights.save_state(self._last, self._last_path)
        self._waiting = self._last = None
        self._written = time.perf_counter()
        self._took = self._written - start


def _copy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors in memory of their own; tied ones stay tied."""
    copies = {id(tensor): tensor for tensor in state.values()}
    copies = {key: tensor.detach().clone() for key, tensor in copies.items()}
    return {name: copies[id(tensor)] for name, tensor in state.items()}
