"""Affine maps."""

from __future__ import annotations

from typing import Any

from archspec.dims import Size
from archspec.ops.base import Example, Op, State, arg
from archspec.ops.calls import dtype_of, given
from archspec.ops.expr import Call, In
from archspec.ops.kinds import Bool, PositiveInt
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import SAME
from archspec.ops.tensor import TensorType


@op("linear", "torch.nn.Linear")
class Linear(Op):
    """Affine map of the last dimension: `x @ weight.T + bias`."""

    rule = "[*, C] → [*, out_features]"
    weight_axes = "features"
    out_features = arg(PositiveInt, doc="size of the last dimension of the output")
    bias = arg(Bool, True, "add a learned bias")
    examples = (
        Example(10, "float32[B, 32]", "float32[B, 10]"),
        Example({"out_features": 8, "bias": False}, "float32[B, T, 16]", "float32[B, T, 8]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.floating(x, "the input of `linear`", inputs=(0,))
        require.rank(x, least=1, what="the input of `linear`", inputs=(0,))
        message = "the last dimension of the input of `linear` must be known"
        require.known(x.shape[-1], message, inputs=(0,), axis=(x.rank - 1,))
        return x.with_shape((*x.shape[:-1], self.out_features))

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return axis if axis < output.rank - 1 else None

    def state(self, x: TensorType) -> tuple[State, ...]:
        weight = State("weight", (self.out_features, int(x.shape[-1])), x.dtype)  # type: ignore[arg-type]
        return (weight, State("bias", (self.out_features,), x.dtype)) if self.bias else (weight,)

    def bias_axis(self, x: TensorType) -> int | None:
        return x.rank - 1 if self.bias else None

    def flops(self, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> Size:
        features: int = inputs[0].shape[-1]
        return 2 * outputs[0].numel() * features

    def module(self, x: TensorType) -> Call:
        return Call("nn.Linear", x.shape[-1], self.out_features, **given(self, "bias"), **dtype_of(x))


@op("bilinear", "torch.nn.Bilinear")
class Bilinear(Op):
    """Bilinear map of the last dimensions of two inputs: `x1 @ weight[k] @ x2 + bias[k]` for each feature k."""

    rule = "[*, C], [*, D] → [*, out_features]"
    inputs = ("x1", "x2")
    out_features = arg(PositiveInt, doc="size of the last dimension of the output")
    bias = arg(Bool, True, "add a learned bias")
    examples = (
        Example(10, ("float32[B, 5]", "float32[B, 3]"), "float32[B, 10]"),
        Example({"out_features": 2, "bias": False}, ("float64[B, T, 4]", "float64[B, T, 4]"), "float64[B, T, 2]"),
    )

    def infer(self, require: Require, x1: TensorType, x2: TensorType) -> TensorType:
        require.floating(x1, "the input of `bilinear`", inputs=(0,))
        require.same_dtype(x1, x2, "the inputs of `bilinear`", inputs=(0, 1))
        require.rank(x1, least=1, what="the input of `bilinear`", inputs=(0,))
        require.rank(x2, x1.rank, what="the second input of `bilinear`", inputs=(1,))
        shape: list[Size] = []
        for axis, (a, b) in enumerate(zip(x1.shape[:-1], x2.shape[:-1], strict=True)):
            shape.append(
                require.equal(a, b, "`bilinear` reads two sizes that differ", inputs=(0, 1), axis=(axis, axis))
            )
        for number, x in enumerate((x1, x2)):
            require.features(x, -1, "the last dimension of an input of `bilinear` must be known", inputs=(number,))
        return x1.with_shape((*shape, self.out_features))

    def state(self, x1: TensorType, x2: TensorType) -> tuple[State, ...]:
        shape = (self.out_features, int(x1.shape[-1]), int(x2.shape[-1]))  # type: ignore[arg-type]
        weight = State("weight", shape, x1.dtype)
        return (weight, State("bias", (self.out_features,), x1.dtype)) if self.bias else (weight,)

    def module(self, x1: TensorType, x2: TensorType) -> Call:
        return Call("nn.Bilinear", x1.shape[-1], x2.shape[-1], self.out_features, **given(self, "bias"), **dtype_of(x1))


@op("identity", "torch.nn.Identity")
class Identity(Op):
    """The input itself."""

    rule = SAME
    examples = (Example({}, "float32[B, T]", "float32[B, T]"), Example({}, "bool[]", "bool[]"))

    def infer(self, require: Require, x: TensorType) -> TensorType:
        return x

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return axis

    def module(self, x: TensorType) -> Call:
        return Call("nn.Identity")

    def forward(self, x: TensorType) -> Any:
        return In(0)
