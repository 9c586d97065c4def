"""Running sums, sorting, the largest few."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.ops.base import Example, Op, arg
from archspec.ops.expr import In, Method, Name
from archspec.ops.kinds import AnyDType, AnyInt, Bool, NonNegativeInt, Optional
from archspec.ops.reduction import ordered, whole_sum
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import SAME
from archspec.ops.tensor import TensorType


class Running(Op):
    """Base of running sums and products."""

    rule: ClassVar[str] = SAME
    dim = arg(AnyInt, doc="the dimension to run along")
    dtype = arg(Optional(AnyDType), None, "dtype to compute in")
    examples = (
        Example({"dim": 1}, "float32[B, T]", "float32[B, T]"),
        Example(-1, "bool[B, T]", "int64[B, T]"),
        Example({"dim": 0, "dtype": "float32"}, "int64[B]", "float32[B]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.axis(x, self.dim)
        if self.dtype == "bool":
            require.fail("AS303", f"`{self.name}` does not compute in bool", argument="dtype")
        return x.with_dtype(self.dtype or whole_sum(x.dtype))

    def forward(self, x: TensorType) -> Any:
        dtype = {"dtype": Name(f"torch.{self.dtype}")} if self.dtype else {}
        return Method(In(0), self.name, self.dim, **dtype)


@op("cumsum", "torch.cumsum")
class Cumsum(Running):
    """Sum of the elements up to each, along a dimension."""


@op("cumprod", "torch.cumprod")
class Cumprod(Running):
    """Product of the elements up to each, along a dimension."""


@op("topk", "torch.topk")
class Topk(Op):
    """The k largest (or smallest) elements along a dimension, and their positions."""

    rule = "the shape of x, with k along `dim`"
    result = ("values", "indices")
    k = arg(NonNegativeInt, doc="how many")
    dim = arg(AnyInt, -1, "the dimension to search")
    largest = arg(Bool, True, "the largest, else the smallest")
    sorted = arg(Bool, True, "give them in order")
    examples = (
        Example({"k": 2}, "float32[B, 8]", ("float32[B, 2]", "int64[B, 2]")),
        Example({"k": 3, "dim": 1, "largest": False}, "int32[B, 5, T]", ("int32[B, 3, T]", "int64[B, 3, T]")),
    )

    def infer(self, require: Require, x: TensorType) -> tuple[TensorType, ...]:
        ordered(require, x, self.name, boolean=False)
        axis = require.axis(x, self.dim)
        size = x.shape[axis] if x.shape else 1
        message = f"`topk` of {self.k} elements"
        require.at_least(size, self.k, message, inputs=(0,), argument="k", axis=(axis,))
        values = x.with_shape((*x.shape[:axis], self.k, *x.shape[axis + 1 :])) if x.shape else x
        return values, values.with_dtype("int64")

    def forward(self, x: TensorType) -> Any:
        options: dict[str, Any] = {} if self.dim == -1 else {"dim": self.dim}
        options |= {} if self.largest else {"largest": False}
        options |= {} if self.sorted else {"sorted": False}
        return Method(In(0), "topk", self.k, **options)


class Sorting(Op):
    """Base of sorting."""

    rule: ClassVar[str] = SAME
    dim = arg(AnyInt, -1, "the dimension to sort along")
    descending = arg(Bool, False, "largest first")
    stable = arg(Bool, False, "keep the order of equal elements")

    def check(self, require: Require, x: TensorType) -> None:
        ordered(require, x, self.name)
        require.axis(x, self.dim)

    def forward(self, x: TensorType) -> Any:
        options: dict[str, Any] = {"stable": True} if self.stable else {}
        options |= {} if self.dim == -1 else {"dim": self.dim}
        options |= {"descending": True} if self.descending else {}
        return Method(In(0), self.name, **options)


@op("sort", "torch.sort")
class Sort(Sorting):
    """The elements in order along a dimension, and their positions."""

    result = ("values", "indices")
    examples = (
        Example({}, "float32[B, T]", ("float32[B, T]", "int64[B, T]")),
        Example({"dim": 0, "descending": True, "stable": True}, "int64[B]", ("int64[B]", "int64[B]")),
    )

    def infer(self, require: Require, x: TensorType) -> tuple[TensorType, ...]:
        self.check(require, x)
        return x, x.with_dtype("int64")


@op("argsort", "torch.argsort")
class Argsort(Sorting):
    """The positions that would sort x along a dimension."""

    examples = (
        Example({}, "float32[B, T]", "int64[B, T]"),
        Example({"dim": 0, "descending": True, "stable": True}, "int64[B]", "int64[B]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        self.check(require, x)
        return x.with_dtype("int64")
