"""Comparing vectors: cosine, distance, unit length."""

from __future__ import annotations

from typing import Any

from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import broadcast, category, floating_result, require_exponent, require_holds, result_type
from archspec.ops.calls import given
from archspec.ops.complex import REAL_OF
from archspec.ops.expr import Call, In
from archspec.ops.kinds import AnyInt, BadValue, Bool, NonNegativeFloat, Number, PositiveFloat
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import SAME
from archspec.ops.tensor import TensorType, promote


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
        axis = require.axis(x, self.dim)
        if self.p < 0 and x.shape:
            require.at_least(x.shape[axis], 1, "`normalize` of no elements", inputs=(0,), axis=(axis,))
        require_exponent(require, x.dtype, self.p, "p")
        require_holds(require, REAL_OF.get(x.dtype, x.dtype), self.eps, "eps")
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
        shape = broadcast(require, [x1.shape, x2.shape], self.name, (0, 1))
        joint = TensorType(promote(x1.dtype, x2.dtype), shape)  # they are broadcast before their dtypes are compared
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
        dtype = floating_result(result_type(x1, x2))
        dtype = {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)
        require_exponent(require, dtype, self.p, "p")
        return TensorType(dtype, (*shape[:-1], 1) if self.keepdim and shape else shape[:-1])

    def module(self, x1: TensorType, x2: TensorType) -> Call:
        return Call("nn.PairwiseDistance", **given(self, "p", "eps", "keepdim"))

    def forward(self, x1: TensorType, x2: TensorType) -> Any:
        return Call("F.pairwise_distance", In(0), In(1), **given(self, "p", "eps", "keepdim"))

    def sequential(self) -> bool:
        return False


@op("cdist", "torch.cdist")
class Cdist(Op):
    """The p-norm distance of each vector of x1 from each of x2."""

    rule = "[*, P, M], [*, R, M] → [*, P, R], where the [*] broadcast"
    inputs = ("x1", "x2")
    p = arg(NonNegativeFloat, 2.0, "exponent of the norm")
    examples = (
        Example({}, ("float32[B, P, 8]", "float32[B, R, 8]"), "float32[B, P, R]"),
        Example(1, ("float64[B, 3, 8]", "float64[5, 8]"), "float64[B, 3, 5]"),
    )

    def infer(self, require: Require, x1: TensorType, x2: TensorType) -> TensorType:
        for number, x in enumerate((x1, x2)):
            require.floating(x, "each input of `cdist`", inputs=(number,))
            require.rank(x, least=2, what="each input of `cdist`", inputs=(number,))
        require.same_dtype(x1, x2, "the inputs of `cdist`", inputs=(0, 1))
        message = "`cdist` compares vectors of different length"
        require.equal(x1.shape[-1], x2.shape[-1], message, inputs=(0, 1), axis=(x1.rank - 1, x2.rank - 1))
        batch = broadcast(require, [x1.shape[:-2], x2.shape[:-2]], self.name, (0, 1))
        return x1.with_shape((*batch, x1.shape[-2], x2.shape[-2]))

    def forward(self, x1: TensorType, x2: TensorType) -> Any:
        return Call("torch.cdist", In(0), In(1), **given(self, "p"))


@op("pdist", "torch.nn.functional.pdist")
class Pdist(Op):
    """The p-norm distance of each pair of the rows of a matrix: the upper triangle of `cdist` without the diagonal."""

    rule = "[N, M] → [N*(N - 1)//2]"
    p = arg(NonNegativeFloat, 2.0, "exponent of the norm")
    examples = (Example({}, "float32[5, 8]", "float32[10]"), Example(1, "float64[N, 8]", "float64[N*(N - 1)//2]"))

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.floating(x, "the input of `pdist`", inputs=(0,))
        require.rank(x, 2, what="the input of `pdist`", inputs=(0,))
        require.at_least(x.shape[0], 1, "`pdist` reads no rows", inputs=(0,), axis=(0,))
        return x.with_shape((x.shape[0] * (x.shape[0] - 1) // 2,))

    def forward(self, x: TensorType) -> Any:
        return Call("F.pdist", In(0), **given(self, "p"))


@op("dist", "torch.dist")
class Dist(Op):
    """The p-norm of the difference of two tensors, over all elements."""

    rule = "a scalar"
    inputs = ("x", "y")
    p = arg(Number, 2.0, "exponent of the norm, not 0")
    examples = (
        Example({}, ("float32[B, T, 8]", "float32[B, T, 8]"), "float32[]"),
        Example({"p": 1}, ("float64[B, 1]", "float64[8]"), "float64[]"),
    )

    def validate(self) -> None:
        if self.p == 0:
            raise BadValue("`dist` has no gradient for a `p` of 0", ("p",))

    def infer(self, require: Require, x: TensorType, y: TensorType) -> TensorType:
        joint = broadcast(require, [x.shape, y.shape], self.name, (0, 1))
        for size in joint if self.p < 0 else ():
            require.at_least(size, 1, "`dist` of nothing has no norm of a negative `p`", inputs=(0, 1), argument="p")
        dtype = result_type(x, y)
        mixed = {category(x.dtype), category(y.dtype)} == {2, 3}  # the real one's gradient would be complex
        if "bool" in (x.dtype, y.dtype) or category(dtype) < 2 or mixed:
            require.fail("AS303", f"`dist` does not take {x.dtype} and {y.dtype}", inputs=(0, 1))
        require_exponent(require, dtype, self.p, "p")
        return TensorType(REAL_OF.get(dtype, dtype), ())

    def forward(self, x: TensorType, y: TensorType) -> Any:
        return Call(self.counterpart, In(0), In(1), **given(self, "p"))


@op("renorm", "torch.renorm")
class Renorm(Op):
    """Each slice of a dimension scaled down to a p-norm of at most maxnorm."""

    rule = SAME
    p = arg(PositiveFloat, doc="exponent of the norm")
    dim = arg(AnyInt, doc="the dimension whose slices are scaled")
    maxnorm = arg(NonNegativeFloat, doc="the largest norm")
    examples = (
        Example({"p": 2, "dim": 0, "maxnorm": 1}, "float32[B, 8]", "float32[B, 8]"),
        Example({"p": 1, "dim": -1, "maxnorm": 5}, "float64[B, T, 8]", "float64[B, T, 8]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        if category(x.dtype) < 2:
            require.floating(x, "the input of `renorm`", inputs=(0,))
        require.rank(x, least=2, what="the input of `renorm`", inputs=(0,))
        require.axis(x, self.dim)
        require_exponent(require, x.dtype, self.p, "p")
        return x

    def forward(self, x: TensorType) -> Any:
        return Call(self.counterpart, In(0), self.p, self.dim, self.maxnorm)
