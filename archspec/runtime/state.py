"""Everything that changes while a run goes on, in one place: what a checkpoint holds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from archspec.runtime.averaging import Averaged
from archspec.runtime.early import Stopper
from archspec.runtime.parallel.shards import first_names, in_shards, load_shards, optimizer_frame, own_tensors
from archspec.runtime.parallel.state import (
    load_module_state,
    load_optimizer_state,
    module_state,
    optimizer_state,
)
from archspec.runtime.schedule import Rate
from archspec.runtime.world import World


@dataclass(slots=True)
class Running:
    """Sums over the steps so far: of an epoch, or since the last line of metrics.jsonl."""

    samples: int = 0
    loss: float = 0.0  # the sum over samples

    def add(self, samples: int, loss: float) -> None:
        """Count a step of so many samples and this mean loss."""
        self.samples += samples
        self.loss += samples * loss

    @property
    def mean(self) -> float:
        return self.loss / max(1, self.samples)


@dataclass(slots=True)
class TrainState:
    """The training state. `epoch` and `step` count what is done; a step is one optimizer update.

    `position`: samples of the current epoch that are done. `best` is the best held-out value so far, reached in
    `best_epoch` (from 1); of equal ones that with the smallest held-out loss, `best_loss`, counts. `history` holds one
    entry an epoch: {"epoch", "step", "train_loss", "loss", metric labels …, "lr", "seconds", "samples_per_second"}.
    `passed_over`: [epoch, position] of each batch that is left out, as its loss or gradient was not finite.
    `seconds` is the wall time so far, evaluation included, `epoch_seconds` that of the current epoch's steps.
    """

    module: nn.Module
    optimizer: Optimizer
    schedule: Rate
    scaler: torch.amp.GradScaler
    average: Averaged | None = None
    stopper: Stopper | None = None
    epoch: int = 0
    step: int = 0
    samples: int = 0
    position: int = 0
    micro_batch_size: int | None = None
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    best: float | None = None
    best_loss: float = math.inf
    best_epoch: int = 0
    running: Running = field(default_factory=Running)
    line: Running = field(default_factory=Running)
    history: list[dict[str, Any]] = field(default_factory=list)
    passed_over: list[list[int]] = field(default_factory=list)

    @property
    def lr(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    def tree(self, device: torch.device, world: World) -> dict[str, Any]:
        """All of it, and the random numbers to come, as plain data and tensors (not copied). Every process must ask.

        Where the state lies in shards, `shards` has the tensors of the module and of the optimizer, and this their
        names.
        """
        generators = {name: world.gather(state) for name, state in random_state(device).items()}
        plain = {name: getattr(self, name) for name in _PLAIN}
        sums = {name: [getattr(self, name).samples, getattr(self, name).loss] for name in ("running", "line")}
        if in_shards(self.module):
            learnt = {
                "module": first_names(self.module),
                "optimizer": optimizer_frame(self.module, self.optimizer, world),
            }
        else:
            learnt = {
                "module": module_state(self.module, world),
                "optimizer": optimizer_state(self.module, self.optimizer, world),
            }
        return {
            **learnt,
            "schedule": self.schedule.position(),
            "scaler": self.scaler.state_dict(),
            **({"average": self.average.state()} if self.average is not None else {}),
            **({"stopper": self.stopper.state()} if self.stopper is not None else {}),
            "counters": {**plain, "history": [dict(entry) for entry in self.history]},
            "sums": sums,
            "random": [{name: states[rank] for name, states in generators.items()} for rank in range(world.size)],
        }

    def shards(self) -> dict[str, Tensor] | None:
        """Tensors of which this process has a part; None where it has all of them whole."""
        return own_tensors(self.module, self.optimizer) if in_shards(self.module) else None

    def restore(self, tree: dict[str, Any], device: torch.device, world: World, folder: Path | None = None) -> None:
        """Become what `tree` gave. `folder`: where its tensors are in shards.

        Raises KeyError, RuntimeError, ValueError for a tree of another model or recipe.
        """
        if folder is not None:
            load_shards(self.module, self.optimizer, folder, tree["module"], tree["optimizer"])
        else:
            load_module_state(self.module, tree["module"])
            load_optimizer_state(self.module, self.optimizer, tree["optimizer"])
        self.schedule.restore(tree["schedule"])
        self.scaler.load_state_dict(tree["scaler"])
        if self.average is not None:
            self.average.restore(tree["average"])
        if self.stopper is not None:
            self.stopper.restore(tree["stopper"])
        for name in _PLAIN:
            setattr(self, name, tree["counters"][name])
        self.history = tree["counters"]["history"]
        for name, (samples, loss) in tree["sums"].items():
            setattr(self, name, Running(samples, loss))
        if len(tree["random"]) == world.size:
            restore_random(tree["random"][world.rank], device)
        # Else there are more or fewer processes than before: what is random goes on with numbers of its own.


_OBJECTS = {"module", "optimizer", "schedule", "scaler", "average", "stopper", "running", "line", "history"}
_PLAIN = tuple(f.name for f in fields(TrainState) if f.name not in _OBJECTS)


def random_state(device: torch.device) -> dict[str, Tensor]:
    """PyTorch's generators of this process."""
    out = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        out["cuda"] = torch.cuda.get_rng_state(device)
    return out


def restore_random(state: dict[str, Any], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
