"""Metrics of the predictions on a whole split. What each computes is in archspec.runtime; here is what it needs."""

from __future__ import annotations

from typing import ClassVar

from archspec.ops.base import arg
from archspec.ops.kinds import Optional, PositiveInt, Str
from archspec.ops.require import Require
from archspec.ops.tensor import TensorType
from archspec.recipe.fit import INPUT, over_classes, same
from archspec.recipe.losses import binary
from archspec.recipe.model import Fit, LossTerm, Metric
from archspec.recipe.parts import Family

METRICS: Family[Metric] = Family("metric")


class _Metric(Metric):
    input = arg(Optional(Str), None, "the model output it reads; left out: that of the first loss")
    target = arg(Optional(Str), None, "the data field it is held against; left out: that of the loss")


class _Classes(_Metric):
    """Of predicted classes: the largest of the scores, or a score above the loss's threshold."""

    def fit(
        self, require: Require, x: TensorType, target: TensorType, classes: int | None, loss: LossTerm | None
    ) -> Fit:
        if loss is not None and loss.loss.name in ("bce_with_logits", "bce"):
            return binary(require, x, target, classes)._replace(threshold=0.0 if loss.loss.name != "bce" else 0.5)
        return over_classes(require, x, target, classes, loss.class_dim if loss is not None else None)[0]


class _Values(_Metric):
    """Of numbers."""

    best: ClassVar[str] = "min"

    def fit(
        self, require: Require, x: TensorType, target: TensorType, classes: int | None, loss: LossTerm | None
    ) -> Fit:
        return same(require, x, target)


@METRICS.declare("accuracy")
class Accuracy(_Classes):
    """Share of targets whose class is predicted, from 0 to 1."""


@METRICS.declare("top_k_accuracy")
class TopKAccuracy(_Metric):
    """Share of targets whose class is among the k best scores, from 0 to 1."""

    k = arg(PositiveInt, 5, "how many of the best scores count")

    @property
    def label(self) -> str:
        return f"top_{self.k}_accuracy"

    def fit(
        self, require: Require, x: TensorType, target: TensorType, classes: int | None, loss: LossTerm | None
    ) -> Fit:
        fit, count = over_classes(require, x, target, classes, loss.class_dim if loss is not None else None)
        if self.k > count:
            require.fail("AS302", f"`k` is {self.k}, and the output has {count} classes", argument="k")
        return fit


@METRICS.declare("f1")
class F1(_Classes):
    """F1 from 0 to 1: of class 1 where there is one score a target, else the plain mean over the classes (macro)."""


@METRICS.declare("mae")
class Mae(_Values):
    """Mean absolute error."""


@METRICS.declare("mse")
class Mse(_Values):
    """Mean squared error."""


@METRICS.declare("rmse")
class Rmse(_Values):
    """Root of the mean squared error."""


@METRICS.declare("r2")
class R2(_Values):
    """Coefficient of determination: 1 is perfect, 0 as good as the mean of the targets."""

    best = "max"


@METRICS.declare("perplexity")
class Perplexity(_Metric):
    """e to the mean cross-entropy of the targets (of logits, or of log-probabilities under an `nll` loss)."""

    best = "min"

    def fit(
        self, require: Require, x: TensorType, target: TensorType, classes: int | None, loss: LossTerm | None
    ) -> Fit:
        if loss is not None and loss.loss.name not in ("cross_entropy", "nll"):
            message = f"perplexity needs scores over classes, and `{loss.loss.name}` has none"
            require.fail("AS303", message, argument=INPUT)
        return over_classes(require, x, target, classes, loss.class_dim if loss is not None else None)[0]
