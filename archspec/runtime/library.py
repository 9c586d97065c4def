"""Metrics of torchmetrics."""

from __future__ import annotations

import importlib
import inspect
import warnings
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from archspec.runtime.metrics import Gather, Meter, positive, rows


class Library(Meter):
    """A torchmetrics class, given classes or probabilities (never logits, at which torchmetrics would guess).

    It is built with the first batch, which tells the number of classes. Sums are in the widest float of the device.
    """

    def reset(self) -> None:
        self._metric: Metric | None = None
        self._seen = 0

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
        metric = self._of(classes)
        if len(true):
            metric.update(given, true)
            self._seen += 1

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
        self._seen += 1

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

    def put_together(self, gather: Gather) -> None:
        if self._metric is None:
            return

        def from_all(tensor: Tensor, group: Any) -> list[Tensor]:
            found = gather(tensor)
            return [t for t in found if t.numel()] or found  # a process that has seen nothing has it in another form

        self._seen = sum(int(n) for n in gather(torch.tensor(self._seen, device=self.device)))
        self._metric.sync(dist_sync_fn=from_all, distributed_available=lambda: True)

    def compute(self) -> float:
        if self._metric is None or not self._seen:
            return float("nan")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*was called before")  # this process has seen nothing
            return torch.as_tensor(self._metric.compute()).double().mean().item()
