"""Metrics of torchmetrics. Each process sees the whole split, and none asks the others."""

from __future__ import annotations

import importlib
import inspect
import warnings
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from archspec.runtime.metrics import Meter, positive, rows


class Library(Meter):
    """A torchmetrics class, given classes or probabilities (never logits, at which torchmetrics would guess).

    It is built with the first batch, which tells the number of classes. Sums are in the widest float of the device.
    """

    def reset(self) -> None:
        self._metric: Metric | None = None

    def add(self, values: Tensor, target: Tensor) -> None:
        part = self.term.metric
        if ".regression." in part.counterpart:
            self._regression(values, target)
            return
        if self.term.class_dim is None:
            predicted, true = (t.flatten() for t in positive(values, target, self.term))
            given = predicted.long() if part.by_label else self._probabilities(values).flatten()
            true, classes = true.long(), None
        else:
            scores, true, counted = rows(values, target, self.term)
            if counted is not None:
                scores, true = scores[counted], true[counted]
            given = scores.argmax(-1) if part.by_label else scores.to(self.dtype).softmax(-1)
            classes = scores.shape[-1]
        if len(true):
            self._of(classes).update(given, true)

    def _probabilities(self, values: Tensor) -> Tensor:
        """Of class 1, from one score a target."""
        return values.to(self.dtype) if self.term.threshold == 0.5 else values.to(self.dtype).sigmoid()

    def _regression(self, values: Tensor, target: Tensor) -> None:
        values, target = values.to(self.dtype), target.to(self.dtype)
        if "multioutput" in inspect.signature(self._class()).parameters and values.ndim > 1:
            values, target = values.flatten(1), target.flatten(1)  # the plain mean over the columns
        else:
            values, target = values.flatten(), target.flatten()
        self._of(None).update(values, target)

    def _class(self, *, classes: bool = True) -> Any:
        module, _, name = self.term.metric.counterpart.rpartition(".")
        return getattr(importlib.import_module(module), name if classes else name.replace("Multiclass", "Binary"))

    def _of(self, classes: int | None) -> Metric:
        """The metric, built for so many classes (None: one score a target, or a regression)."""
        if self._metric is None:
            part = self.term.metric
            if classes is None and part.always_classes:
                classes = 2
            keywords = dict(part.keywords)
            if classes is not None:
                keywords |= {"num_classes": classes}
            cls = self._class(classes=classes is not None)
            known = inspect.signature(cls.__init__).parameters
            keywords = {key: value for key, value in keywords.items() if key in known}  # binary ones average nothing
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that predictions are kept: docs/training.md says so
                metric: Metric = cls(**keywords, sync_on_compute=False)
            self._metric = metric.set_dtype(self.dtype).to(self.device)
        return self._metric

    def compute(self) -> float:
        if self._metric is None:
            return float("nan")
        return torch.as_tensor(self._metric.compute()).double().mean().item()
