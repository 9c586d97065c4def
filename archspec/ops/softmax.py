"""Shares of one along a dimension: softmax and its kin (torch.nn)."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.ops.activation import Activation
from archspec.ops.base import Example, arg
from archspec.ops.expr import Call, In
from archspec.ops.kinds import AnyInt
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.tensor import TensorType


class _AlongDim(Activation):
    """Normalised along one dimension."""

    dim = arg(AnyInt, doc="the dimension; negative counts from the end")
    examples: ClassVar[tuple[Example, ...]] = (
        Example(-1, "float32[B, 8]", "float32[B, 8]"),
        Example({"dim": 1}, "float64[B, 3, H, W]", "float64[B, 3, H, W]"),
    )

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return None if axis == self.dim % output.rank else axis

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.axis(x, self.dim)
        return super().infer(require, x)


@op("softmax", "torch.nn.Softmax")
class Softmax(_AlongDim):
    """exp(x) divided by its sum along `dim`."""

    nonnegative = True
    functional = "F.softmax"


@op("softmin", "torch.nn.Softmin")
class Softmin(_AlongDim):
    """softmax of -x."""

    nonnegative = True
    functional = "F.softmin"


@op("log_softmax", "torch.nn.LogSoftmax")
class LogSoftmax(_AlongDim):
    """log(softmax(x))."""

    functional = "F.log_softmax"


@op("softmax2d", "torch.nn.Softmax2d")
class Softmax2d(Activation):
    """softmax over the channels of [N, C, H, W] or [C, H, W]."""

    nonnegative = True
    examples = (
        Example({}, "float32[B, 3, H, W]", "float32[B, 3, H, W]"),
        Example({}, "float64[3, 4, 4]", "float64[3, 4, 4]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.rank(x, 3, 4, what="the input of `softmax2d`", inputs=(0,))
        return super().infer(require, x)

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return None if axis == output.rank - 3 else axis

    def forward(self, x: TensorType) -> Any:
        return Call("F.softmax", In(0), dim=-3)
