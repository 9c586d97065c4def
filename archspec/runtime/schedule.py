"""The learning-rate schedule of a recipe, advanced once an optimisation step."""

from __future__ import annotations

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from archspec.recipe.model import Schedule


def build_schedule(part: Schedule, optimizer: Optimizer, total: int, per_epoch: int) -> LambdaLR:
    """LambdaLR over steps: step k of `total` runs with `lr * part.factor(k, total, per_epoch)`."""
    last = max(0, total - 1)  # LambdaLR asks once more after the last step
    return LambdaLR(optimizer, lambda step: part.factor(min(step, last), total, per_epoch))
