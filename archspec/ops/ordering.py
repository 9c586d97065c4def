"""Along a dimension: running sums, differences, sorting, the largest few."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.dims import Size, maximum
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import category, floating_result, normalize_dims
from archspec.ops.calls import given
from archspec.ops.expr import Call, In, Index, Method, Name
from archspec.ops.kinds import AnyDType, AnyInt, Bool, Int, ListOf, NonNegativeInt, Number, OneOf, Optional, SizeKind
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
    k = arg(SizeKind(0), doc="how many")
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
        require.at_least(self.k, 0, message, argument="k")
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


class RunningExtreme(Op):
    """Base of running extremes, with their positions."""

    rule: ClassVar[str] = SAME
    result = ("values", "indices")
    dim = arg(AnyInt, doc="the dimension to run along")
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1}, "float32[B, T]", ("float32[B, T]", "int64[B, T]")),
        Example(-1, "int32[B, T]", ("int32[B, T]", "int64[B, T]")),
    )

    def infer(self, require: Require, x: TensorType) -> tuple[TensorType, ...]:
        ordered(require, x, self.name)
        require.axis(x, self.dim)
        return x, x.with_dtype("int64")

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), self.name, self.dim)


@op("cummax", "torch.cummax")
class Cummax(RunningExtreme):
    """The largest of the elements up to each along a dimension, and their positions."""


@op("cummin", "torch.cummin")
class Cummin(RunningExtreme):
    """The smallest of the elements up to each along a dimension, and their positions."""


@op("logcumsumexp", "torch.logcumsumexp")
class Logcumsumexp(Op):
    """Logarithm of the sum of exp(x) up to each element, without overflow."""

    rule = SAME
    dim = arg(AnyInt, doc="the dimension to run along")
    examples = (Example({"dim": 1}, "float32[B, T]", "float32[B, T]"), Example(0, "float64[T]", "float64[T]"))

    def infer(self, require: Require, x: TensorType) -> TensorType:
        if category(x.dtype) < 2:
            require.floating(x, "the input of `logcumsumexp`", inputs=(0,))
        require.axis(x, self.dim)
        return x

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "logcumsumexp", self.dim)


@op("diff", "torch.diff")
class Diff(Op):
    """Differences of neighbours along a dimension, n times over."""

    rule = "the shape of x, with max(S - n, 0) along `dim`"
    n = arg(NonNegativeInt, 1, "how often")
    dim = arg(AnyInt, -1, "the dimension")
    examples = (
        Example({}, "float32[B, T]", "float32[B, T - 1]"),
        Example({"n": 2, "dim": 0}, "int64[5, 3]", "int64[3, 3]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.rank(x, least=1, what="the input of `diff`", inputs=(0,))
        axis = require.axis(x, self.dim)
        return x.with_shape((*x.shape[:axis], maximum(x.shape[axis] - self.n, 0), *x.shape[axis + 1 :]))

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "diff", **given(self, "n", "dim"))


@op("gradient", "torch.gradient")
class Gradient(Op):
    """The derivative along each dimension, by central differences: of images and fields, in the size of the input."""

    rule = "the shape of x, once for each of `dim`"
    result = ("*derivative",)
    dim = arg(Optional(ListOf(AnyInt, lone=True)), None, "the dimensions; left out: all, in their order")
    spacing = arg(
        Optional(OneOf(Number, ListOf(Number))), None, "distance between samples, or a list of one for each dimension"
    )
    edge_order = arg(Int(1, 2), 1, "how many samples beside an edge its derivative is made of, without itself")
    examples = (
        Example({"dim": [-2, -1]}, "float32[B, C, 16, 16]", ("float32[B, C, 16, 16]",) * 2),
        Example({"dim": 1, "spacing": 0.5, "edge_order": 2}, "float64[B, 8]", "float64[B, 8]"),
        Example({"spacing": [0.1, 0.2]}, "float32[H, W]", ("float32[H, W]",) * 2),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType | tuple[TensorType, ...]:
        if x.dtype in ("bool", "uint8"):
            require.fail("AS303", f"`gradient` does not take {x.dtype}", inputs=(0,))
        require.rank(x, least=1, what="the input of `gradient`", inputs=(0,))
        axes = range(x.rank) if self.dim is None else normalize_dims(require, x, self.dim)
        if not axes:
            require.fail("AS205", "`gradient` along no dimension has no result", argument="dim")
        if isinstance(self.spacing, tuple) and len(self.spacing) != len(axes):
            require.fail(
                "AS205",
                f"`gradient` along {len(axes)} dimensions, and {len(self.spacing)} spacings",
                argument="spacing",
            )
        for axis in axes:
            least = self.edge_order + 1
            require.at_least(x.shape[axis], least, "`gradient` of too few samples", inputs=(0,), axis=(axis,))
        found = x.with_dtype(floating_result(x.dtype))
        return found if len(axes) == 1 else (found,) * len(axes)

    def forward(self, x: TensorType) -> Any:
        made = Call(self.counterpart, In(0), **given(self, "spacing", "dim", "edge_order"))
        return Index(made, (0,)) if len(self.dim or x.shape) == 1 else made


@op("trapezoid", "torch.trapezoid")
class Trapezoid(Op):
    """The integral along a dimension by the trapezoidal rule: rendering along rays, areas under curves."""

    rule = "the shape of x without `dim`"
    dx = arg(Number, 1.0, "distance between samples")
    dim = arg(AnyInt, -1, "the dimension to integrate along")
    examples = (
        Example({}, "float32[B, T]", "float32[B]"),
        Example({"dx": 0.5, "dim": 0}, "float64[T, 3]", "float64[3]"),
    )

    def along(self, require: Require, x: TensorType) -> int:
        if x.dtype == "bool":
            require.fail("AS303", f"`{self.name}` does not take bool", inputs=(0,))
        require.rank(x, least=1, what=f"the input of `{self.name}`", inputs=(0,))
        axis = require.axis(x, self.dim)
        require.at_least(x.shape[axis], 1, f"`{self.name}` of no samples", inputs=(0,), axis=(axis,))
        return axis

    def infer(self, require: Require, x: TensorType) -> TensorType:
        axis = self.along(require, x)
        return TensorType(floating_result(x.dtype), (*x.shape[:axis], *x.shape[axis + 1 :]))

    def forward(self, x: TensorType) -> Any:
        return Call(self.counterpart, In(0), **given(self, "dx", "dim"))


@op("cumulative_trapezoid", "torch.cumulative_trapezoid")
class CumulativeTrapezoid(Trapezoid):
    """The integral up to each sample but the first, by the trapezoidal rule."""

    rule = "the shape of x, with S - 1 along `dim`"
    examples = (
        Example({}, "float32[B, 8]", "float32[B, 7]"),
        Example({"dx": 0.5, "dim": 0}, "float64[9, 3]", "float64[8, 3]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        axis = self.along(require, x)
        return TensorType(floating_result(x.dtype), (*x.shape[:axis], x.shape[axis] - 1, *x.shape[axis + 1 :]))


class Searched(Op):
    """Base of positions in a sorted sequence."""

    right = arg(Bool, False, "of equal numbers, the position behind the last instead of before the first")
    out_int32 = arg(Bool, False, "positions as int32 instead of int64")

    def searched(self, require: Require, shape: tuple[Size, ...], sequence: TensorType, x: TensorType) -> TensorType:
        for number, t in enumerate((sequence, x)):
            if category(t.dtype) == 3 or t.dtype == "bool":
                require.fail("AS303", f"`{self.name}` does not take {t.dtype}", inputs=(number,))
        return TensorType("int32" if self.out_int32 else "int64", shape)


@op("bucketize", "torch.bucketize")
class Bucketize(Searched):
    """In which of the intervals between sorted `boundaries` each element of x lies: buckets of relative positions."""

    rule = SAME
    inputs = ("x", "boundaries")
    examples = (
        Example({}, ("float32[B, T]", "float32[9]"), "int64[B, T]"),
        Example({"right": True, "out_int32": True}, ("int64[B]", "int64[N]"), "int32[B]"),
    )

    def infer(self, require: Require, x: TensorType, boundaries: TensorType) -> TensorType:
        require.rank(boundaries, 1, what="the boundaries of `bucketize`", inputs=(1,))
        return self.searched(require, x.shape, boundaries, x)

    def forward(self, x: TensorType, boundaries: TensorType) -> Any:
        return Call("torch.bucketize", In(0), In(1), **given(self, "out_int32", "right"))


@op("searchsorted", "torch.searchsorted")
class Searchsorted(Searched):
    """Where each of `values` would stand in its sorted row: sampling by a distribution function."""

    rule = "the shape of values"
    inputs = ("sorted_sequence", "values")
    examples = (
        Example({}, ("float32[B, N]", "float32[B, T]"), "int64[B, T]"),
        Example({"right": True}, ("float64[9]", "float64[B, T]"), "int64[B, T]"),
    )

    def infer(self, require: Require, sequence: TensorType, values: TensorType) -> TensorType:
        require.rank(sequence, least=1, what="the sorted sequence", inputs=(0,))
        if sequence.rank > 1:
            require.rank(values, sequence.rank, what=f"with a sequence {sequence}, the values", inputs=(0, 1))
            for axis in range(sequence.rank - 1):
                message = f"`searchsorted` has not a row for each row of values in dimension {axis}"
                require.equal(sequence.shape[axis], values.shape[axis], message, inputs=(0, 1), axis=(axis, axis))
        return self.searched(require, values.shape, sequence, values)

    def forward(self, sequence: TensorType, values: TensorType) -> Any:
        return Call("torch.searchsorted", In(0), In(1), **given(self, "out_int32", "right"))
