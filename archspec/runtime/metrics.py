"""Metrics of predictions, accumulated on the device and read back once an evaluation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - PyTorch's own convention

from archspec.recipe.model import MetricTerm
from archspec.runtime.outputs import Outputs, pick
from archspec.runtime.wrap import sum_dtype

METERS: dict[str, Callable[[MetricTerm, torch.device], Meter]] = {}
Gather = Callable[[Tensor], list[Tensor]]  # the tensors of all processes, from this one's


class Meter:
    """One metric over a whole split: `reset`, then `update` a batch at a time, then `compute`.

    Sums are float64 where the device has it, so that the result does not depend on the batch size.
    """

    def __init__(self, term: MetricTerm, device: torch.device) -> None:
        self.term = term
        self.label = term.label
        self.device = device
        self.dtype = sum_dtype(device)
        self.reset()

    def __init_subclass__(cls, *, name: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if name:
            METERS[name] = cls

    def reset(self) -> None:
        raise NotImplementedError

    def update(self, outputs: Outputs, batch: Mapping[str, Tensor]) -> None:
        self.add(pick(outputs, self.term.input), batch[self.term.target])

    def add(self, values: Tensor, target: Tensor) -> None:
        """Count a batch of raw outputs and targets."""
        raise NotImplementedError

    def put_together(self, gather: Gather) -> None:
        """Count what all processes have counted, instead of what this one has."""
        raise NotImplementedError

    def compute(self) -> float:
        raise NotImplementedError

    def zeros(self, *shape: int) -> Tensor:
        return torch.zeros(shape, dtype=self.dtype, device=self.device)


def build_meters(terms: Sequence[MetricTerm], device: torch.device) -> list[Meter]:
    return [_meter(term, device) for term in terms]


def _meter(term: MetricTerm, device: torch.device) -> Meter:
    if term.metric.counterpart:
        from archspec.runtime.library import Library  # torchmetrics takes seconds to import

        return Library(term, device)
    return METERS[term.metric.name](term, device)


class _Ratio(Meter):
    """A sum over a number of what counts."""

    def reset(self) -> None:
        self._total, self._count = self.zeros(), self.zeros()

    def put_together(self, gather: Gather) -> None:
        self._total, self._count = added(gather(self._total)), added(gather(self._count))

    def compute(self) -> float:
        return (self._total / self._count).item()


class _Mean(_Ratio):
    """The mean of one quantity a target; `of` gives them, and which of them count (None: all)."""

    def add(self, values: Tensor, target: Tensor) -> None:
        quantities, counted = self.of(values, target)
        if counted is None:
            self._total += quantities.sum(dtype=self.dtype)
            self._count += quantities.numel()
        else:
            self._total += torch.where(counted, quantities, 0).sum(dtype=self.dtype)
            self._count += counted.sum()

    def of(self, values: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        raise NotImplementedError


def added(shares: Sequence[Tensor]) -> Tensor:
    """Their sum, bit for bit the same on all processes that have them in this order."""
    return torch.stack(list(shares)).sum(0)


def rows(values: Tensor, target: Tensor, term: MetricTerm) -> tuple[Tensor, Tensor, Tensor | None]:
    """Scores as [N, C], targets as [N], and which targets count (None: all)."""
    if term.class_dim == 1:
        values = values.movedim(1, -1)
    values, target = values.flatten(0, -2), target.flatten()
    return values, target, None if term.ignore_index is None else target != term.ignore_index


def positive(values: Tensor, target: Tensor, term: MetricTerm) -> tuple[Tensor, Tensor]:
    """One score a target: is the class predicted to be 1, and is it."""
    return values > (term.threshold or 0.0), target > 0.5 if target.is_floating_point() else target.bool()


class Accuracy(_Mean, name="accuracy"):
    def of(self, values: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.term.class_dim is None:
            predicted, true = positive(values, target, self.term)
            return predicted == true, None
        values, target, counted = rows(values, target, self.term)
        return values.argmax(-1) == target, counted


class TopKAccuracy(_Mean, name="top_k_accuracy"):
    def of(self, values: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        values, target, counted = rows(values, target, self.term)
        best = values.topk(self.term.metric.keywords["k"], dim=-1).indices
        return (best == target[:, None]).any(-1), counted


class Perplexity(_Mean, name="perplexity"):
    """Log-probabilities need no case of their own: softmax leaves them as they are."""

    def of(self, values: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        values, target, counted = rows(values, target, self.term)
        ignored = -100 if self.term.ignore_index is None else self.term.ignore_index
        return F.cross_entropy(values.float(), target, ignore_index=ignored, reduction="none"), counted

    def compute(self) -> float:
        return (self._total / self._count).exp().item()


class BitsPerByte(Perplexity, name="bits_per_byte"):
    def compute(self) -> float:
        assert self.term.bytes_per_token is not None
        return (self._total / self._count).item() / math.log(2) / self.term.bytes_per_token


class F1(Meter, name="f1"):
    """Counts of true positives, predictions and targets by class; a class in neither is left out of the mean."""

    def reset(self) -> None:
        self._counts: Tensor | None = None  # [3, C + 1]; the last column takes what does not count

    def add(self, values: Tensor, target: Tensor) -> None:
        if self.term.class_dim is None:
            predicted, true = (t.flatten().long() for t in positive(values, target, self.term))
            counted, classes = None, 2
        else:
            values, true, counted = rows(values, target, self.term)
            predicted, classes = values.argmax(-1), values.shape[-1]
        if self._counts is None:
            self._counts = self.zeros(3, classes + 1)
        if counted is not None:
            predicted, true = (torch.where(counted, t, classes) for t in (predicted, true))
        hits = torch.where(predicted == true, true, classes)
        ones = torch.ones(len(true), dtype=self.dtype, device=self.device)
        for row, labels in zip(self._counts, (hits, predicted, true), strict=True):
            row.scatter_add_(0, labels, ones)

    def put_together(self, gather: Gather) -> None:
        if self._counts is not None:
            self._counts = added(gather(self._counts))

    def compute(self) -> float:
        if self._counts is None:
            return float("nan")
        hits, predicted, true = self._counts[:, :-1]
        if self.term.class_dim is None:
            hits, predicted, true = hits[1:], predicted[1:], true[1:]
        scores = 2 * hits / (predicted + true).clamp(min=1)
        present = (predicted + true) > 0
        return (scores[present].mean() if present.any() else scores.sum()).item()


class Mae(_Mean, name="mae"):
    def of(self, values: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        return (values.to(self.dtype) - target).abs(), None


class Mse(_Mean, name="mse"):
    def of(self, values: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        return (values.to(self.dtype) - target).square(), None


class Rmse(Mse, name="rmse"):
    def compute(self) -> float:
        return super().compute() ** 0.5


class Mase(_Ratio, name="mase"):
    """The mean, over samples (and channels) whose past is not constant, of the error over the naive forecast's."""

    def update(self, outputs: Outputs, batch: Mapping[str, Tensor]) -> None:
        values = pick(outputs, self.term.input).to(self.dtype)
        keywords = self.term.metric.keywords
        past, season = batch[keywords["insample"]].to(self.dtype), keywords["season"]
        errors = (values - batch[self.term.target]).abs()
        naive = (past[:, season:] - past[:, :-season]).abs()
        channels = errors.ndim == naive.ndim == 3 and errors.shape[-1] == naive.shape[-1]
        error, scale = (t.mean(1) if channels else t.flatten(1).mean(1) for t in (errors, naive))
        counted = scale > 0
        self._total += torch.where(counted, error / torch.where(counted, scale, 1), 0).sum()
        self._count += counted.sum()


class R2(Meter, name="r2"):
    """The plain mean over the target's columns. A constant column scores 1 where it is met exactly, else 0.

    The squares around the mean are summed batch by batch (Chan et al., 1979), which keeps them exact.
    """

    def reset(self) -> None:
        self._count = 0
        self._mean = self._spread = self._missed = self.zeros()

    def add(self, values: Tensor, target: Tensor) -> None:
        target = target.to(self.dtype)
        mean = target.mean(0)
        missed = (values.to(self.dtype) - target).square().sum(0)
        self._join(len(target), mean, (target - mean).square().sum(0), missed)

    def _join(self, count: int, mean: Tensor, spread: Tensor, missed: Tensor) -> None:
        total = self._count + count
        apart = mean - self._mean
        self._missed = self._missed + missed
        self._spread = self._spread + spread + apart.square() * (self._count * count / total)
        self._mean = self._mean + apart * (count / total)
        self._count = total

    def put_together(self, gather: Gather) -> None:
        counts = [int(n) for n in gather(torch.tensor(self._count, device=self.device))]
        parts = zip(counts, *(gather(t) for t in (self._mean, self._spread, self._missed)), strict=True)
        self.reset()
        for count, mean, spread, missed in parts:
            self._join(count, mean, spread, missed)

    def compute(self) -> float:
        constant = self._spread == 0
        scores = 1 - self._missed / torch.where(constant, 1, self._spread)
        return torch.where(constant, (self._missed == 0).to(self.dtype), scores).mean().item()
