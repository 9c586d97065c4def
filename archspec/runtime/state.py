"""Everything that changes while a run goes on, in one place."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


@dataclass(slots=True)
class TrainState:
    """The training state. `epoch` and `step` count what is done; a step is one optimizer update.

    `best` is the best held-out value so far, reached in `best_epoch` (from 1); of equal ones that with the smallest
    held-out loss, `best_loss`, counts. `history` holds one entry an epoch: {"epoch", "step", "train_loss", "loss",
    metric labels …, "lr", "seconds", "samples_per_second"}. `seconds` is the wall time so far, evaluation included.
    """

    module: nn.Module
    optimizer: Optimizer
    schedule: LambdaLR
    epoch: int = 0
    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    best: float | None = None
    best_loss: float = math.inf
    best_epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def lr(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])
