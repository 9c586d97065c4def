"""Products of vectors and of all pairs of elements."""

from __future__ import annotations

from typing import Any

from archspec.dims import Size
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import broadcast, result_type
from archspec.ops.calls import given
from archspec.ops.expr import Call, In, Method
from archspec.ops.kinds import AnyInt
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import BROADCAST
from archspec.ops.tensor import TensorType, promote


@op("outer", "torch.outer")
class Outer(Op):
    """The product of each element of a vector with each of another: angles of positions and frequencies."""

    rule = "[N], [M] → [N, M]"
    inputs = ("x", "y")
    examples = (
        Example({}, ("float32[T]", "float32[8]"), "float32[T, 8]"),
        Example({}, ("int64[3]", "float64[4]"), "float64[3, 4]"),
    )

    def infer(self, require: Require, x: TensorType, y: TensorType) -> TensorType:
        for number, t in enumerate((x, y)):
            require.rank(t, 1, what="each input of `outer`", inputs=(number,))
        return TensorType(result_type(x, y), (*x.shape, *y.shape))

    def forward(self, x: TensorType, y: TensorType) -> Any:
        return Call("torch.outer", In(0), In(1))


@op("cross", "torch.linalg.cross")
class Cross(Op):
    """The cross product of vectors of three elements along a dimension, with broadcasting."""

    rule = BROADCAST
    inputs = ("x", "y")
    dim = arg(AnyInt, -1, "the dimension of the three elements")
    examples = (
        Example({}, ("float32[B, T, 3]", "float32[B, T, 3]"), "float32[B, T, 3]"),
        Example({"dim": 0}, ("float64[3, 4]", "float64[3, 1]"), "float64[3, 4]"),
    )

    def infer(self, require: Require, x: TensorType, y: TensorType) -> TensorType:
        require.rank(y, x.rank, what=f"with an input {x}, the other", inputs=(0, 1))
        require.rank(x, least=1, what="each input of `cross`", inputs=(0,))
        axis = require.axis(x, self.dim)
        for number, t in enumerate((x, y)):
            message = "`cross` multiplies vectors of three elements"
            require.equal(t.shape[axis], 3, message, inputs=(number,), axis=(axis,))
        require.same_dtype(x, y, "the inputs of `cross`", inputs=(0, 1))
        if x.dtype == "bool":
            require.fail("AS303", "`cross` does not take bool", inputs=(0, 1))
        return TensorType(x.dtype, broadcast(require, [x.shape, y.shape], self.name, (0, 1)))

    def forward(self, x: TensorType, y: TensorType) -> Any:
        return Call("torch.linalg.cross", In(0), In(1), **given(self, "dim"))


@op("kron", "torch.kron")
class Kron(Op):
    """The Kronecker product: each element of x times the whole of y, side by side."""

    rule = "the products of the sizes, the shorter shape filled up with leading ones"
    inputs = ("x", "y")
    examples = (
        Example({}, ("float32[2, 3]", "float32[4, N]"), "float32[8, 3*N]"),
        Example({}, ("int64[3]", "float64[2, 4]"), "float64[2, 12]"),
    )

    def infer(self, require: Require, x: TensorType, y: TensorType) -> TensorType:
        rank = max(x.rank, y.rank)
        a, b = ((1,) * (rank - t.rank) + t.shape for t in (x, y))
        sizes: tuple[Size, ...] = tuple(p * q for p, q in zip(a, b, strict=True))
        return TensorType(promote(x.dtype, y.dtype), sizes)  # both are multiplied as matrices of one rank

    def forward(self, x: TensorType, y: TensorType) -> Any:
        return Call("torch.kron", *(Method(In(i), "contiguous") for i in range(2)))  # it views what it is given
