"""Affine maps."""

from __future__ import annotations

from typing import Any

from archspec.dims import Size
from archspec.ops.base import Example, Op, State, arg
from archspec.ops.calls import dtype_of, given
from archspec.ops.expr import Call
from archspec.ops.kinds import Bool, PositiveInt
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.tensor import TensorType


@op("linear", "torch.nn.Linear")
class Linear(Op):
    """Affine map of the last dimension: `x @ weight.T + bias`."""

    out_features = arg(PositiveInt, doc="size of the last dimension of the output")
    bias = arg(Bool, True, "add a learned bias")
    examples = (
        Example(10, "float32[B, 32]", "float32[B, 10]"),
        Example({"out_features": 8, "bias": False}, "float32[B, T, 16]", "float32[B, T, 8]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.floating(x, inputs=(0,))
        require.rank(x, least=1, inputs=(0,))
        require.known(x.shape[-1], "`linear` has one weight for each feature of the last dimension", inputs=(0,))
        return x.with_shape((*x.shape[:-1], self.out_features))

    def state(self, x: TensorType) -> tuple[State, ...]:
        weight = State("weight", (self.out_features, int(x.shape[-1])), x.dtype)  # type: ignore[arg-type]
        return (weight, State("bias", (self.out_features,), x.dtype)) if self.bias else (weight,)

    def flops(self, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> Size:
        features: int = inputs[0].shape[-1]
        return 2 * outputs[0].numel() * features

    def module(self, x: TensorType) -> Call:
        return Call("nn.Linear", x.shape[-1], self.out_features, **given(self, "bias"), **dtype_of(x))
