"""Losses of torch.nn, averaged over the batch. Names, arguments and defaults are PyTorch's; `class_dim` is our own."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.ops.base import arg
from archspec.ops.kinds import (
    AnyInt,
    Bool,
    Choice,
    Float,
    Int,
    ListOf,
    NonNegativeFloat,
    NonNegativeInt,
    Number,
    OneOf,
    Optional,
    PositiveFloat,
    Probability,
    Refined,
    Str,
)
from archspec.ops.require import Require
from archspec.ops.tensor import TensorType
from archspec.recipe.fit import INPUT, TARGET, over_classes, same
from archspec.recipe.model import Fit, Loss
from archspec.recipe.parts import Family

LOSSES: Family[Loss] = Family("loss")

ClassDim = Optional(
    Refined(Int(-1, 1), lambda axis: None if axis else "it is 1 or -1", title="1 or -1"),
)
INPUT_DOC = "the model output it reads; left out: the only one"
TARGET_DOC = "the data field it is held against; left out: the label"
CLASS_DIM = "axis of the classes in the input: 1 as in PyTorch, or -1; left out: the one that goes with the target"
LabelWeights = Optional(ListOf(NonNegativeFloat, 1))
BALANCED = "balanced"
ClassWeights = Optional(OneOf(Choice(BALANCED), ListOf(NonNegativeFloat, 1)))
CLASS_WEIGHTS = (
    "a weight for each class; `balanced`: the training samples over the number of classes and the samples of the class"
)
OUR_OWN = ("input", "target", "class_dim")


class _OfOutputs(Loss):
    input = arg(Optional(Str), None, INPUT_DOC)

    @property
    def keywords(self) -> dict[str, Any]:
        apart = (*OUR_OWN, *self.others, *self.fields)
        return {key: value for key, value in super().keywords.items() if key not in apart}


class _Loss(_OfOutputs):
    target = arg(Optional(Str), None, TARGET_DOC)


class _Values(_Loss):
    """One number a target."""

    def fit(self, require: Require, x: TensorType, target: TensorType, classes: int | None) -> Fit:
        return same(require, x, target)


class _Classes(_Loss):
    """Scores over classes. The mean is over the targets that count, each by the weight of its class."""

    mean_over = "classes"
    weight: tuple[float, ...] | str | None
    class_dim: int | None

    def fit(self, require: Require, x: TensorType, target: TensorType, classes: int | None) -> Fit:
        fit, count = over_classes(require, x, target, classes, self.class_dim)
        if isinstance(self.weight, tuple) and len(self.weight) != count:
            require.fail("AS302", f"`weight` has {len(self.weight)} numbers for {count} classes", argument="weight")
        return fit


class _Signs(_Loss):
    """Targets of -1 and 1, as numbers or as whole numbers."""

    def fit(self, require: Require, x: TensorType, target: TensorType, classes: int | None) -> Fit:
        return same(require, x, target, whole=target.dtype == "int64")


@LOSSES.declare("cross_entropy", "torch.nn.CrossEntropyLoss")
class CrossEntropy(_Classes):
    """Cross-entropy of logits [B, C, ...] or [B, ..., C] against class numbers, or probabilities."""

    not_after: ClassVar[dict[str, str]] = {
        "softmax": "it takes the softmax itself",
        "softmax2d": "it takes the softmax itself",
    }
    weight = arg(ClassWeights, None, CLASS_WEIGHTS)
    ignore_index = arg(AnyInt, -100, "targets of this number do not count")
    label_smoothing = arg(Probability, 0.0, "share of the target spread over all classes")
    class_dim = arg(ClassDim, None, CLASS_DIM)

    def fit(self, require: Require, x: TensorType, target: TensorType, classes: int | None) -> Fit:
        if target.is_floating and target.rank == x.rank:
            if self.weight == BALANCED:
                message = f"`balanced` weights are for class numbers, and the target is {target}"
                require.fail("AS303", message, argument="weight")
            if x.rank < 2:
                require.fail("AS301", f"the output must have a size for the classes, got {x}", argument=INPUT)
            if x.rank > 2 and self.class_dim is None:
                message = f"which axis of {x} holds the classes cannot be told from probabilities"
                require.fail("AS301", message, argument=TARGET, help="say `class_dim: 1` or `class_dim: -1`")
            return Fit(class_dim=self.class_dim or 1, warning=same(require, x, target).warning)
        return super().fit(require, x, target, classes)


@LOSSES.declare("nll", "torch.nn.NLLLoss")
class Nll(_Classes):
    """Negative log likelihood of log-probabilities (the output of `log_softmax`) against class numbers."""

    not_after: ClassVar[dict[str, str]] = {
        "softmax": "it wants logarithms of probabilities, as `log_softmax` gives them"
    }
    weight = arg(ClassWeights, None, CLASS_WEIGHTS)
    ignore_index = arg(AnyInt, -100, "targets of this number do not count")
    class_dim = arg(ClassDim, None, CLASS_DIM)


@LOSSES.declare("mse", "torch.nn.MSELoss")
class Mse(_Values):
    """Mean squared error."""


@LOSSES.declare("l1", "torch.nn.L1Loss")
class L1(_Values):
    """Mean absolute error."""


@LOSSES.declare("smooth_l1", "torch.nn.SmoothL1Loss")
class SmoothL1(_Values):
    """Squared below `beta`, absolute above."""

    beta = arg(NonNegativeFloat, 1.0, "where it goes from squared to absolute")


@LOSSES.declare("huber", "torch.nn.HuberLoss")
class Huber(_Values):
    """Squared below `delta`, `delta` times absolute above."""

    delta = arg(PositiveFloat, 1.0, "where it goes from squared to absolute")


@LOSSES.declare("bce_with_logits", "torch.nn.BCEWithLogitsLoss")
class BceWithLogits(_Loss):
    """Binary cross-entropy of logits against 0 and 1 (numbers, or classes of two), of one shape."""

    not_after: ClassVar[dict[str, str]] = {"sigmoid": "it takes the sigmoid itself"}
    pos_weight = arg(Optional(ListOf(NonNegativeFloat, 1)), None, "weight of positive targets, one for each last size")

    def fit(self, require: Require, x: TensorType, target: TensorType, classes: int | None) -> Fit:
        fit = binary(require, x, target, classes)
        if (
            self.pos_weight is not None
            and len(self.pos_weight) != 1
            and (x.rank < 2 or x.shape[-1] != len(self.pos_weight))
        ):
            message = f"`pos_weight` has {len(self.pos_weight)} numbers, and the output is {x}"
            require.fail("AS302", message, argument="pos_weight")
        return fit._replace(threshold=0.0)


@LOSSES.declare("bce", "torch.nn.BCELoss")
class Bce(_Loss):
    """Binary cross-entropy of probabilities (the output of `sigmoid`) against 0 and 1, of one shape."""

    def fit(self, require: Require, x: TensorType, target: TensorType, classes: int | None) -> Fit:
        return binary(require, x, target, classes)._replace(threshold=0.5)


@LOSSES.declare("kl_div", "torch.nn.KLDivLoss")
class KlDiv(_Values):
    """Kullback-Leibler divergence of log-probabilities from probabilities, of one shape."""

    not_after: ClassVar[dict[str, str]] = {
        "softmax": "it wants logarithms of probabilities, as `log_softmax` gives them"
    }
    reduction = arg(Choice("mean", "batchmean", "sum"), "mean", "`batchmean` is the mathematical value")
    log_target = arg(Bool, False, "the target holds log-probabilities too")

    @property
    def mean_over(self) -> str:  # type: ignore[override]
        return {"mean": "elements", "batchmean": "samples", "sum": "nothing"}[self.reduction]


@LOSSES.declare("poisson_nll", "torch.nn.PoissonNLLLoss")
class PoissonNll(_Loss):
    """Negative log likelihood of counts under Poisson distributions of the output's rates."""

    log_input = arg(Bool, True, "the output is the logarithm of the rate")
    full = arg(Bool, False, "add Stirling's approximation of the target's factorial")
    eps = arg(PositiveFloat, 1e-8, "added to the rate before its logarithm, for `log_input: false`")

    def fit(self, require: Require, x: TensorType, target: TensorType, classes: int | None) -> Fit:
        return same(require, x, target, whole=True)


@LOSSES.declare("gaussian_nll", "torch.nn.GaussianNLLLoss")
class GaussianNll(_Values):
    """Negative log likelihood under normal distributions of the output's means and of the variances of `var`."""

    others = ("var",)
    target_place = 1
    var = arg(Str, doc="the model output of the variances, of the shape of the means and positive (`softplus`)")
    full = arg(Bool, False, "add the constant term")
    eps = arg(PositiveFloat, 1e-6, "smallest variance")


@LOSSES.declare("soft_margin", "torch.nn.SoftMarginLoss")
class SoftMargin(_Signs):
    """Logistic loss of scores against targets of -1 and 1."""


@LOSSES.declare("hinge_embedding", "torch.nn.HingeEmbeddingLoss")
class HingeEmbedding(_Signs):
    """Distances: themselves where the target is 1, what they lack of `margin` where it is -1."""

    margin = arg(Number, 1.0, "distance from which a pair of target -1 costs nothing")


@LOSSES.declare("multi_margin", "torch.nn.MultiMarginLoss")
class MultiMargin(_Classes):
    """Multi-class hinge loss of scores [B, C] against class numbers [B]."""

    mean_over = "samples"
    p = arg(Int(1, 2, title="1 or 2"), 1, "exponent of the hinge")
    margin = arg(Number, 1.0, "by how much the true class's score should lead")
    weight = arg(ClassWeights, None, CLASS_WEIGHTS)
    class_dim = None

    def fit(self, require: Require, x: TensorType, target: TensorType, classes: int | None) -> Fit:
        require.rank(x, 2, what="the model's output", argument=INPUT)
        return super().fit(require, x, target, classes)


@LOSSES.declare("multilabel_soft_margin", "torch.nn.MultiLabelSoftMarginLoss")
class MultiLabelSoftMargin(_Loss):
    """Binary cross-entropy of logits [B, C] against 0 and 1 for each label, averaged over the labels."""

    mean_over = "samples"
    not_after: ClassVar[dict[str, str]] = {"sigmoid": "it takes the sigmoid itself"}
    weight = arg(LabelWeights, None, "a weight for each label")

    def fit(self, require: Require, x: TensorType, target: TensorType, classes: int | None) -> Fit:
        require.rank(x, 2, what="the model's output", argument=INPUT)
        fit = binary(require, x, target, classes)
        if self.weight is not None and x.shape[1] != len(self.weight):
            message = f"`weight` has {len(self.weight)} numbers, and the output is {x}"
            require.fail("AS302", message, argument="weight")
        return fit._replace(threshold=0.0)


@LOSSES.declare("multilabel_margin", "torch.nn.MultiLabelMarginLoss")
class MultiLabelMargin(_Loss):
    """Multi-label hinge loss of scores [B, C] against class numbers [B, C], those of a sample first and then -1."""

    mean_over = "samples"

    def fit(self, require: Require, x: TensorType, target: TensorType, classes: int | None) -> Fit:
        require.rank(x, 2, what="the model's output", argument=INPUT)
        require.floating(x, "the model's output", argument=INPUT)
        if target.dtype != "int64" or target.rank != 2:
            require.fail("AS303", f"class numbers int64[B, C] are needed, the target is {target}", argument=TARGET)
        for axis in (0, 1):
            require.equal(x.shape[axis], target.shape[axis], f"output {x} and target {target} differ", argument=INPUT)
        return Fit()


@LOSSES.declare("cosine_embedding", "torch.nn.CosineEmbeddingLoss")
class CosineEmbedding(_Loss):
    """Two outputs [B, D]: 1 minus their cosine where the target [B] is 1, the cosine above `margin` where it is -1."""

    mean_over = "samples"
    others = ("other",)
    target_place = 2
    other = arg(Str, doc="the model output that is compared with the first, of its shape")
    margin = arg(
        Float(-1, 1, title="a number from -1 to 1"), 0.0, "cosine up to which a pair of target -1 costs nothing"
    )

    def fit(self, require: Require, x: TensorType, target: TensorType, classes: int | None) -> Fit:
        require.floating(x, "the model's output", argument=INPUT)
        require.rank(x, 2, what="the model's output", argument=INPUT)
        require.rank(target, 1, what="the target", argument=TARGET)
        require.equal(x.shape[0], target.shape[0], f"output {x} and target {target} differ in size 0", argument=INPUT)
        return Fit()


@LOSSES.declare("margin_ranking", "torch.nn.MarginRankingLoss")
class MarginRanking(_Signs):
    """Two outputs of the target's shape: the first should be the larger where it is 1, the other where it is -1."""

    others = ("other",)
    target_place = 2
    other = arg(Str, doc="the model output that is compared with the first, of its shape")
    margin = arg(Number, 0.0, "by how much it should be larger")


@LOSSES.declare("triplet_margin", "torch.nn.TripletMarginLoss")
class TripletMargin(_OfOutputs):
    """Three outputs [B, D]: by how much the positive is not closer to the first than the negative, and the margin."""

    mean_over = "samples"
    targetless = True
    others = ("positive", "negative")
    positive = arg(Str, doc="the model output that should be close to the first, of its shape")
    negative = arg(Str, doc="the model output that should be far from the first, of its shape")
    margin = arg(PositiveFloat, 1.0, "by how much the negative should be farther away")
    p = arg(PositiveFloat, 2.0, "of which norm the distance is")
    eps = arg(NonNegativeFloat, 1e-6, "added to differences, for numerical stability")
    swap = arg(Bool, False, "take the distance of positive and negative where that is smaller")

    def fit(self, require: Require, x: TensorType, target: TensorType, classes: int | None) -> Fit:
        require.floating(x, "the model's output", argument=INPUT)
        require.rank(x, 2, what="the model's output", argument=INPUT)
        return Fit()


@LOSSES.declare("ctc", "torch.nn.CTCLoss")
class Ctc(_Loss):
    """Connectionist temporal classification (Graves et al., 2006): log-probabilities [B, T, C] against sequences [B, S]
    of class numbers, of which it is not known where in T they stand."""

    mean_over = "samples"
    fields = ("input_lengths", "target_lengths")
    not_after: ClassVar[dict[str, str]] = {
        "softmax": "it wants logarithms of probabilities, as `log_softmax` gives them"
    }
    blank = arg(NonNegativeInt, 0, "the class of nothing")
    zero_infinity = arg(Bool, False, "a sequence that does not fit into its input costs nothing, instead of infinity")
    input_lengths = arg(Optional(Str), None, "the data field int64[B]: how many of T count; left out: all")
    target_lengths = arg(
        Optional(Str), None, "the data field int64[B]: how many of S count; left out: those that are not `blank`"
    )

    def fit(self, require: Require, x: TensorType, target: TensorType, classes: int | None) -> Fit:
        require.floating(x, "the model's output", argument=INPUT)
        require.rank(x, 3, what="the model's output", argument=INPUT)
        if target.dtype != "int64" or target.rank != 2:
            require.fail("AS303", f"class numbers int64[B, S] are needed, the target is {target}", argument=TARGET)
        require.equal(x.shape[0], target.shape[0], f"output {x} and target {target} differ in size 0", argument=INPUT)
        count = require.known(x.shape[2], "a loss over classes needs a known number of them", argument=INPUT)
        if count < max(classes or 0, self.blank + 1):
            have = f"`blank` is {self.blank}" if count <= self.blank else f"the data have {classes}"
            require.fail("AS302", f"the output has {count} classes, and {have}", argument=INPUT)
        return Fit()

    def fit_field(self, require: Require, given: TensorType, argument: str) -> None:
        if given.dtype != "int64" or given.rank != 1:
            require.fail("AS303", f"lengths int64[B] are needed, got {given}", argument=argument)


def binary(require: Require, x: TensorType, target: TensorType, classes: int | None) -> Fit:
    """One score a target of 0 or 1."""
    if classes is not None and classes > 2:
        message = f"a binary loss needs 2 classes, and the data have {classes}"
        require.fail("AS302", message, argument=TARGET, help="use `cross_entropy`, with an output for each class")
    return same(require, x, target, whole=True)
