"""Metrics of the predictions on a whole split. What each computes is in archspec.runtime, or in torchmetrics."""

from __future__ import annotations

from typing import ClassVar

from archspec.ops.base import arg
from archspec.ops.kinds import Choice, Optional, PositiveFloat, PositiveInt, Str
from archspec.ops.require import Require
from archspec.ops.tensor import TensorType
from archspec.recipe.fit import INPUT, over_classes, same
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
        if loss is not None and loss.class_dim is None:
            own = loss.loss.fit(require, x, target, classes)
            if own.threshold is not None:
                return own
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


class _Likelihood(_Metric):
    """Of how likely the targets are."""

    best: ClassVar[str] = "min"

    def fit(
        self, require: Require, x: TensorType, target: TensorType, classes: int | None, loss: LossTerm | None
    ) -> Fit:
        if loss is not None and loss.loss.name not in ("cross_entropy", "nll"):
            message = f"{self.name} needs scores over classes, and `{loss.loss.name}` has none"
            require.fail("AS303", message, argument=INPUT)
        return over_classes(require, x, target, classes, loss.class_dim if loss is not None else None)[0]


@METRICS.declare("perplexity")
class Perplexity(_Likelihood):
    """e to the mean cross-entropy of the targets (of logits, or of log-probabilities under an `nll` loss)."""


@METRICS.declare("bits_per_byte")
class BitsPerByte(_Likelihood):
    """Cross-entropy of a text in bits for each of its bytes in UTF-8: comparable whatever the tokens are.

    The mean over the targets, over the bytes that a token of this part of the text has on average.
    """

    of_text = True


# -- torchmetrics'. A name with "Multiclass" stands for that with "Binary" too, where there is one score a target. --

AVERAGE = Choice("macro", "micro", "weighted")
AVERAGE_DOC = "over the classes: the plain mean, of all targets at once, or by the number of targets"


class _Averaged(_Classes):
    average = arg(AVERAGE, "macro", AVERAGE_DOC)


@METRICS.declare("precision", "torchmetrics.classification.MulticlassPrecision")
class Precision(_Averaged):
    """Share of the predictions of a class that are right; of class 1 where there is one score a target."""


@METRICS.declare("recall", "torchmetrics.classification.MulticlassRecall")
class Recall(_Averaged):
    """Share of the targets of a class that are predicted; of class 1 where there is one score a target."""


@METRICS.declare("specificity", "torchmetrics.classification.MulticlassSpecificity")
class Specificity(_Averaged):
    """Share of the targets that are not of a class and not predicted as it."""


@METRICS.declare("f_beta", "torchmetrics.classification.MulticlassFBetaScore")
class FBeta(_Averaged):
    """F-beta: recall counts `beta` times as much as precision."""

    beta = arg(PositiveFloat, doc="weight of recall")


@METRICS.declare("balanced_accuracy", "torchmetrics.classification.MulticlassAccuracy")
class BalancedAccuracy(_Classes):
    """The mean over the classes of the share of targets that are predicted: a small class counts as a large one."""

    always_classes = True


@METRICS.declare("cohen_kappa", "torchmetrics.classification.MulticlassCohenKappa")
class CohenKappa(_Classes):
    """Agreement of predictions and targets beyond that of chance, from -1 to 1."""


@METRICS.declare("matthews_corrcoef", "torchmetrics.classification.MulticlassMatthewsCorrCoef")
class MatthewsCorrcoef(_Classes):
    """Correlation of predicted and true classes, from -1 to 1."""


@METRICS.declare("mean_iou", "torchmetrics.classification.MulticlassJaccardIndex")
class MeanIou(_Averaged):
    """Intersection over union of predicted and true places, for segmentation; classes that are nowhere do not count."""


@METRICS.declare("dice", "torchmetrics.classification.MulticlassF1Score")
class Dice(_Averaged):
    """Dice coefficient of predicted and true places, for segmentation; classes that are nowhere do not count."""


class _Scores(_Classes):
    """Of the scores themselves, as probabilities."""

    by_label = False


class _Curve(_Scores):
    """The area under a curve."""

    average = arg(Choice("macro", "weighted"), "macro", "over the classes: the plain mean, or by the number of targets")
    thresholds = arg(
        Optional(PositiveInt), None, "steps of the curve, in memory that does not grow with the data; left out: exact"
    )


@METRICS.declare("auroc", "torchmetrics.classification.MulticlassAUROC")
class Auroc(_Curve):
    """Area under the receiver operating characteristic curve."""


@METRICS.declare("average_precision", "torchmetrics.classification.MulticlassAveragePrecision")
class AveragePrecision(_Curve):
    """Area under the curve of precision over recall."""


@METRICS.declare("calibration_error", "torchmetrics.classification.MulticlassCalibrationError")
class CalibrationError(_Scores):
    """Expected calibration error: how far the probability of the predicted class is from the share that is right."""

    best = "min"
    n_bins = arg(PositiveInt, 15, "bins of probability")
    norm = arg(
        Choice("l1", "l2", "max"), "l1", "`l1`: the mean over the bins; `l2`: its squares'; `max`: the worst bin"
    )


@METRICS.declare("mape", "torchmetrics.regression.MeanAbsolutePercentageError")
class Mape(_Values):
    """Mean absolute error as a share of the target (1.0 is 100 %)."""


@METRICS.declare("smape", "torchmetrics.regression.SymmetricMeanAbsolutePercentageError")
class Smape(_Values):
    """Mean of twice the absolute error over the sum of both absolute values, from 0 to 2."""


@METRICS.declare("wmape", "torchmetrics.regression.WeightedMeanAbsolutePercentageError")
class Wmape(_Values):
    """Sum of the absolute errors over the sum of the absolute targets."""


@METRICS.declare("explained_variance", "torchmetrics.regression.ExplainedVariance")
class ExplainedVariance(_Values):
    """Share of the targets' variance that is explained; the plain mean over the target's columns."""

    best = "max"


@METRICS.declare("pearson", "torchmetrics.regression.PearsonCorrCoef")
class Pearson(_Values):
    """Linear correlation of outputs and targets, all values together."""

    best = "max"


@METRICS.declare("spearman", "torchmetrics.regression.SpearmanCorrCoef")
class Spearman(_Values):
    """Rank correlation of outputs and targets, all values together (which are kept until the end)."""

    best = "max"


@METRICS.declare("mase")
class Mase(_Values):
    """Mean absolute scaled error (Hyndman and Koehler, 2006): 1 is as good as repeating the last season.

    The error of each sample is divided by that of the naive forecast within its own past; a constant past is left out.
    """

    fields = ("insample",)
    insample = arg(Str, doc="the data field of the past, [B, T] or [B, T, C]")
    season = arg(PositiveInt, 1, "time steps of a season")

    def fit_field(self, require: Require, given: TensorType) -> None:
        if not given.is_floating or given.rank < 2:
            require.fail("AS303", f"`insample` must be float32[B, T] or [B, T, C], and is {given}", argument="insample")
        length = require.known(given.shape[1], "the length of the past must be known", argument="insample")
        if length <= self.season:
            message = f"a season of {self.season} needs a longer past than {length}"
            require.fail("AS302", message, argument="season")
