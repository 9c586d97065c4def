"""Comparing vectors: cosine, distance, unit length."""

from __future__ import annotations

from typing import Any

from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import broadcast, category, floating_result, result_type
from archspec.ops.calls import given
from archspec.ops.expr import Call, In
from archspec.ops.kinds import AnyInt, Bool, NonNegativeFloat, Number
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import SAME
from archspec.ops.tensor import TensorType


@op("normalize", "torch.nn.functional.normalize")
class Normalize(Op):
    """Divide by the p-norm along a dimension."""

    rule = SAME
    p = arg(Number, 2.0, "exponent of the norm")
    dim = arg(AnyInt, 1, "the dimension of the vectors")
    eps = arg(Number, 1e-12, "least divisor")
    examples = (
        Example({"dim": -1}, "float32[B, T, 8]", "float32[B, T, 8]"),
        Example({"p": 1}, "float64[B, 8]", "float64[B, 8]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        if category(x.dtype) < 2:
            require.floating(x, inputs=(0,))
        require.axis(x, self.dim)
        return x

    def forward(self, x: TensorType) -> Any:
        return Call("F.normalize", In(0), **given(self, "p", "dim", "eps"))


@op("cosine_similarity", "torch.nn.functional.cosine_similarity")
class CosineSimilarity(Op):
    """Cosine of the angle between two vectors, along a dimension of the broadcast inputs."""

    rule = "the shape the inputs broadcast to without `dim`"
    inputs = ("x1", "x2")
    dim = arg(AnyInt, 1, "the dimension of the vectors")
    eps = arg(NonNegativeFloat, 1e-8, "least divisor")
    examples = (
        Example({"dim": -1}, ("float32[B, T, 8]", "float32[B, T, 8]"), "float32[B, T]"),
        Example({}, ("float32[B, 8, 1]", "float32[B, 8, 5]"), "float32[B, 5]"),
    )

    def infer(self, require: Require, x1: TensorType, x2: TensorType) -> TensorType:
        joint = TensorType(result_type(x1, x2), broadcast(require, [x1.shape, x2.shape], self.name, (0, 1)))
        require.floating(joint, "what the inputs have in common", inputs=(0, 1))
        axis = require.axis(joint, self.dim)
        return joint.with_shape(s for a, s in enumerate(joint.shape) if a != axis)

    def module(self, x1: TensorType, x2: TensorType) -> Call:
        return Call("nn.CosineSimilarity", **given(self, "dim", "eps"))

    def forward(self, x1: TensorType, x2: TensorType) -> Any:
        return Call("F.cosine_similarity", In(0), In(1), **given(self, "dim", "eps"))

    def sequential(self) -> bool:
        return False


@op("pairwise_distance", "torch.nn.functional.pairwise_distance")
class PairwiseDistance(Op):
    """The p-norm of the difference of two vectors, along the last dimension."""

    rule = "the shape the inputs broadcast to without its last dimension; `keepdim` leaves a 1"
    inputs = ("x1", "x2")
    p = arg(Number, 2.0, "exponent of the norm")
    eps = arg(Number, 1e-6, "added to the difference")
    keepdim = arg(Bool, False, "keep the last dimension, with size 1")
    examples = (
        Example({}, ("float32[B, 8]", "float32[B, 8]"), "float32[B]"),
        Example({"p": 1, "keepdim": True}, ("float32[B, 8]", "float32[8]"), "float32[B, 1]"),
    )

    def infer(self, require: Require, x1: TensorType, x2: TensorType) -> TensorType:
        for number, x in enumerate((x1, x2)):
            if x.dtype == "bool":
                require.fail("AS303", "`pairwise_distance` does not take bool", inputs=(number,))
        shape = broadcast(require, [x1.shape, x2.shape], self.name, (0, 1))
        require.rank(x1.with_shape(shape), least=1, what="the broadcast input", inputs=(0, 1))
        dtype = floating_result(result_type(x1, x2))
        dtype = {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)
        return TensorType(dtype, (*shape[:-1], 1) if self.keepdim else shape[:-1])

    def module(self, x1: TensorType, x2: TensorType) -> Call:
        return Call("nn.PairwiseDistance", **given(self, "p", "eps", "keepdim"))

    def forward(self, x1: TensorType, x2: TensorType) -> Any:
        return Call("F.pairwise_distance", In(0), In(1), **given(self, "p", "eps", "keepdim"))

    def sequential(self) -> bool:
        return False
