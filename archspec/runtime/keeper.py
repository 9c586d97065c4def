"""Which weights are on disk: the best and the last."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from torch import Tensor, nn

from archspec.model import weights
from archspec.runtime.run_folder import LAST, WEIGHTS, RunFolder

INTERVAL = 5.0  # seconds


class Keeper:
    """Keeps `weights.safetensors` the best and `last.safetensors` the last weights.

    Epochs shorter than INTERVAL would be mostly waiting for the disk: files are then written at most that often, and
    the best weights wait as a copy in memory. `flush` writes what waits.
    """

    def __init__(self, folder: RunFolder, module: nn.Module) -> None:
        self.best_path = folder.path / WEIGHTS
        self._last_path = folder.path / LAST
        self._module = module
        self._waiting: dict[str, Tensor] | None = None
        self._last: dict[str, Tensor] | None = None
        self.has_best = False
        self._written = time.perf_counter()

    def epoch(self, *, best: bool) -> None:
        """An epoch is done; `best` says that it is the best so far."""
        due = time.perf_counter() - self._written >= INTERVAL
        self._last = self._module.state_dict() if due else _copy(self._module)
        if best:
            self._waiting = self._last
        if due:
            self.flush()

    def put_back(self, best: Path) -> None:
        """Make `best` the best weights again: those of a checkpoint that training goes on from."""
        with weights.staged(self.best_path) as stage:
            shutil.copyfile(best, stage)
        self.has_best = True

    def stopped(self) -> None:
        """The run stops within an epoch: the weights of this moment are the last."""
        self._last = _copy(self._module)

    def flush(self) -> None:
        """Write what is not on disk yet. Where no epoch was ever the best, the last weights count as such."""
        if self._waiting is None and not self.has_best:
            self._waiting = self._last
        if self._waiting is not None:
            weights.save_state(self._waiting, self.best_path)
            self._waiting, self.has_best = None, True
        if self._last is not None:
            weights.save_state(self._last, self._last_path)
            self._last = None
        self._written = time.perf_counter()


def _copy(module: nn.Module) -> dict[str, Tensor]:
    """The state dict in memory of its own; tied tensors stay tied."""
    copies: dict[int, Tensor] = {}
    out: dict[str, Tensor] = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        if id(tensor) not in copies:
            copies[id(tensor)] = tensor.detach().clone()
        out[name] = copies[id(tensor)]
    return out
