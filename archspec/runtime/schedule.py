"""The learning-rate schedule of a recipe, advanced once an optimisation step."""

from __future__ import annotations

from typing import Any

import torch
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from archspec.recipe.model import Average, Schedule


class Rate(LambdaLR):
    """LambdaLR over steps: step k of `total` runs with `lr * part.at(k, total, per_epoch)`.

    A schedule by held-out values multiplies that by what ReduceLROnPlateau makes of 1.
    """

    def __init__(
        self, part: Schedule, optimizer: Optimizer, total: int, per_epoch: int, *, larger: bool, average: Average | None
    ) -> None:
        self._plateau: ReduceLROnPlateau | None = None
        if part.by_held_out:
            keywords = {key: value for key, value in part.keywords.items() if key not in ("monitor", "final", "warmup")}
            one = SGD([torch.zeros(())], lr=1.0)
            self._plateau = ReduceLROnPlateau(
                one, mode="max" if larger else "min", min_lr=part.keywords["final"], **keywords
            )
        last = max(0, total - 1)  # LambdaLR asks once more after the last step

        def factor(step: int) -> float:
            rate = part.at(step, total, per_epoch)
            if average is not None:
                rate = average.at(step, total, rate, part.at(min(average.first(total), last), total, per_epoch))
            return self.reduced * rate

        super().__init__(optimizer, lambda step: factor(min(step, last)))

    def step(self, epoch: int | None = None) -> None:
        """The next step's rates: those of LambdaLR, without what it checks each time."""
        self.last_epoch += 1
        self._step_count += 1
        self._set([base * call(self.last_epoch) for base, call in zip(self.base_lrs, self.lr_lambdas, strict=True)])

    def _set(self, rates: list[Any]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = rates

    @property
    def reduced(self) -> float:
        return 1.0 if self._plateau is None else float(self._plateau.optimizer.param_groups[0]["lr"])

    def judge(self, value: float) -> None:
        """Take in the held-out value of an epoch, which may change the rate of the next step."""
        if self._plateau is None:
            return
        before = self.reduced
        self._plateau.step(value)
        if self.reduced == before:
            return
        self._set([base * call(self.last_epoch) for base, call in zip(self.base_lrs, self.lr_lambdas, strict=True)])

    def position(self) -> dict[str, Any]:
        """Where it stands, as plain data."""
        plateau = None
        if self._plateau is not None:
            plateau = {"state": self._plateau.state_dict(), "factor": self.reduced}
        return {"last_epoch": self.last_epoch, **({"plateau": plateau} if plateau else {})}

    def restore(self, position: dict[str, Any]) -> None:
        """Go on from a `position()`; the optimizer has its rates again already."""
        self.last_epoch = position["last_epoch"]
        self._step_count = self.last_epoch + 1
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]
        if self._plateau is not None:
            self._plateau.load_state_dict(position["plateau"]["state"])
            self._plateau.optimizer.param_groups[0]["lr"] = position["plateau"]["factor"]


def build_schedule(
    part: Schedule,
    optimizer: Optimizer,
    total: int,
    per_epoch: int,
    *,
    larger: bool = False,
    average: Average | None = None,
) -> Rate:
    """The schedule over `total` steps, as an `average` of the weights wants it.

    `larger`: is a larger one of the held-out values it goes by better?
    """
    return Rate(part, optimizer, total, per_epoch, larger=larger, average=average)
