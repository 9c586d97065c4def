"""Early stopping: whether a held-out value still improves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from archspec.recipe.model import MetricTerm
from archspec.recipe.monitor import Monitor, criterion, find
from archspec.recipe.stopping import EarlyStopping


class Stopper:
    """Counts the epochs without an improvement of more than `min_delta`. A value that is not finite is none."""

    def __init__(self, part: EarlyStopping, metrics: Iterable[MetricTerm]) -> None:
        metrics = tuple(metrics)
        self.by: Monitor = find(part.monitor, metrics) or criterion(metrics)
        if part.mode != "auto":
            self.by = self.by._replace(larger=part.mode == "max")
        self._part = part
        self._best: float | None = None
        self._waited = 0

    @property
    def over(self) -> bool:
        """Has it not improved for `patience` epochs?"""
        return self._waited >= self._part.patience

    def judge(self, entry: Mapping[str, Any]) -> None:
        """Take in the values of an epoch."""
        value = float(entry[self.by.name])
        better = math.isfinite(value) and (
            self._best is None or self.by.improves(value, self._best, self._part.min_delta)
        )
        self._best, self._waited = (value, 0) if better else (self._best, self._waited + 1)

    @property
    def reason(self) -> str:
        epochs = "epoch" if self._part.patience == 1 else "epochs"
        return f"stopped early: `{self.by.name}` has not improved for {self._part.patience} {epochs}"

    def state(self) -> dict[str, Any]:
        return {"best": self._best, "waited": self._waited}

    def restore(self, state: dict[str, Any]) -> None:
        self._best, self._waited = state["best"], state["waited"]
