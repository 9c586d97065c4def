"""Everything that changes while a run goes on, in one place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


@dataclass(slots=True)
class TrainState:
    """The training state. `epoch` and `step` count what is done; a step is one optimizer update.

    `best` is the best held-out value so far, `best_epoch` the epoch (from 1) that gave it. `history` holds one entry
    an epoch: {"epoch", "step", "train_loss", "loss", metric labels …, "lr", "seconds", "samples_per_second"}.
    `seconds` is the wall time of the run so far, evaluation included.
    """

    module: nn.Module
    optimizer: Optimizer
    schedule: LambdaLR
    epoch: int = 0
    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    best: float | None = None
    best_epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def lr(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])
