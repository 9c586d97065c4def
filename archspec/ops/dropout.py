"""Dropout: random zeros in training, the identity in evaluation; a module, which knows which of the two it is."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.ops.base import Example, Op, arg
from archspec.ops.calls import given
from archspec.ops.expr import Binary, Call, In, Method, Training
from archspec.ops.kinds import Choice, Probability
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import SAME
from archspec.ops.tensor import TensorType


class _Dropout(Op):
    rule: ClassVar[str] = SAME
    ranks: ClassVar[tuple[int, ...]] = ()
    least: ClassVar[int] = 0

    p = arg(Probability, 0.5, "probability of a zero")
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, "float32[B, 4, T]", "float32[B, 4, T]"),
        Example(0.1, "float64[2, 4, 5]", "float64[2, 4, 5]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        what = f"the input of `{self.name}`"
        require.floating(x, what, inputs=(0,))
        if self.ranks:
            require.rank(x, *self.ranks, what=what, inputs=(0,))
        require.rank(x, least=self.least, what=what, inputs=(0,))
        return x

    def idle(self) -> str | None:
        if self.p == 0:
            return "with p = 0 it zeroes nothing"
        return "with p = 1 it zeroes everything" if self.p == 1 else None

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return axis

    def module(self, x: TensorType) -> Call | None:
        return Call(self.counterpart[6:], *given(self, "p").values())


@op("dropout", "torch.nn.Dropout")
class Dropout(_Dropout):
    """Zeroes elements with probability p and scales the others by 1 / (1 - p) (Srivastava et al., 2014)."""


@op("dropout1d", "torch.nn.Dropout1d")
class Dropout1d(_Dropout):
    """Zeroes whole channels of [N, C, L] or [C, L]."""

    ranks = (2, 3)


@op("dropout2d", "torch.nn.Dropout2d")
class Dropout2d(_Dropout):
    """Zeroes whole channels of [N, C, H, W]."""

    least = 2
    examples = (
        Example({}, "float32[B, 4, H, W]", "float32[B, 4, H, W]"),
        Example(0.1, "float64[2, 4, 5, 5]", "float64[2, 4, 5, 5]"),
    )


@op("dropout3d", "torch.nn.Dropout3d")
class Dropout3d(_Dropout):
    """Zeroes whole channels of [N, C, D, H, W] or [C, D, H, W]."""

    least = 1
    examples = (
        Example({}, "float32[B, 4, D, H, W]", "float32[B, 4, D, H, W]"),
        Example(0.1, "float64[4, 5, 5, 5]", "float64[4, 5, 5, 5]"),
    )


@op("alpha_dropout", "torch.nn.AlphaDropout")
class AlphaDropout(_Dropout):
    """Dropout that keeps mean and variance, for selu (Klambauer et al., 2017)."""


@op("feature_alpha_dropout", "torch.nn.FeatureAlphaDropout")
class FeatureAlphaDropout(_Dropout):
    """alpha_dropout of whole channels."""

    least = 2


@op("stochastic_depth", "torchvision.ops.StochasticDepth")
class StochasticDepth(_Dropout):
    """Zeroes whole examples of the batch: they skip a residual branch (Huang et al., 2016)."""

    rule = SAME
    p = arg(Probability, doc="probability that an example is dropped; in deep networks it rises from block to block")
    mode = arg(Choice("row", "batch"), "row", "row: each example by itself; batch: all or none")
    examples = (
        Example(0.1, "float32[B, 4, H, W]", "float32[B, 4, H, W]"),
        Example({"p": 0.5, "mode": "batch"}, "float64[2, 4, 5]", "float64[2, 4, 5]"),
    )

    @property
    def least(self) -> int:  # type: ignore[override]
        return 1 if self.mode == "row" else 0

    def module(self, x: TensorType) -> None:
        return None

    def forward(self, x: TensorType) -> Any:
        kept: tuple[Any, ...] = (1,) * x.rank or ((),)
        if self.mode == "row":
            kept = (x.shape[0], *kept[1:])
        return Binary("*", In(0), Call("F.dropout", Method(In(0), "new_ones", *kept), Training(self.p, 0.0)))
