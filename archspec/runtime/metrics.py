"""Metrics of predictions, accumulated on the device and read back once an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from archspec.recipe.model import MetricTerm
from archspec.runtime.losses import Outputs, pick


class Meter:
    """One metric over a whole split: `reset`, then `update` a batch at a time, then `compute`."""

    def __init__(self, term: MetricTerm, device: torch.device) -> None:
        self.term = term
        self.label = term.label
        self.device = device
        self.reset()

    def reset(self) -> None:
        raise NotImplementedError

    def update(self, outputs: Outputs, batch: Mapping[str, Tensor]) -> None:
        self.add(pick(outputs, self.term.input), batch[self.term.target])

    def add(self, values: Tensor, target: Tensor) -> None:
        """Count a batch of raw outputs and targets."""
        raise NotImplementedError

    def compute(self) -> float:
        raise NotImplementedError

    def zeros(self, *shape: int) -> Tensor:
        return torch.zeros(shape, dtype=torch.float64, device=self.device)


class Mean(Meter):
    """The mean of a per-element quantity."""

    def reset(self) -> None:
        self._total = self.zeros()
        self._count = 0

    def add(self, values: Tensor, target: Tensor) -> None:
        elements = self.elements(values, target)
        self._total += elements.sum(dtype=torch.float64)
        self._count += elements.numel()

    def elements(self, values: Tensor, target: Tensor) -> Tensor:
        raise NotImplementedError

    def compute(self) -> float:
        return self._total.item() / max(1, self._count)


def predicted(values: Tensor, term: MetricTerm) -> Tensor:
    """The predicted class of each target."""
    if term.class_dim is None:
        return values > (term.threshold or 0.0)
    return values.argmax(term.class_dim)


class Accuracy(Mean):
    def elements(self, values: Tensor, target: Tensor) -> Tensor:
        if self.term.class_dim is None:
            return predicted(values, self.term) == (target > 0.5)
        return predicted(values, self.term) == target


METERS: dict[str, type[Meter]] = {"accuracy": Accuracy}


def build_meters(terms: Sequence[MetricTerm], device: torch.device) -> list[Meter]:
    return [METERS[term.metric.name](term, device) for term in terms]
