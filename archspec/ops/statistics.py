"""Statistics: medians, quantiles and modes, moments together, reductions that leave out what is not a number."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.dims import Size
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import category, floating_result, normalize_dims, require_holds
from archspec.ops.calls import given, lone
from archspec.ops.expr import Call, In, Method
from archspec.ops.kinds import (
    AnyInt,
    BadValue,
    Choice,
    ListOf,
    Number,
    OneOf,
    Optional,
    PositiveInt,
    Probability,
    SizeKind,
)
from archspec.ops.reduction import Accumulation, Extreme, OneAxis, SomeDims, Spreading, ordered, whole_sum
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import REDUCED
from archspec.ops.tensor import TensorType


@op("nanmean", "torch.nanmean")
class Nanmean(Accumulation):
    """Arithmetic mean of the elements that are numbers."""

    def dtype_of(self, require: Require, x: TensorType) -> str:
        require.floating(x, "the input of `nanmean`", inputs=(0,))
        dtype: str = self.dtype or x.dtype
        if category(dtype) != 2:
            require.fail("AS303", f"`nanmean` must be floating point, got {dtype}", argument="dtype")
        return dtype


@op("nansum", "torch.nansum")
class Nansum(Accumulation):
    """Sum of the elements that are numbers; of integers and bool it is int64."""

    def dtype_of(self, require: Require, x: TensorType) -> str:
        dtype: str = self.dtype or whole_sum(x.dtype)
        if 3 in (category(x.dtype), category(dtype)):
            require.fail("AS303", "`nansum` does not add complex numbers", inputs=(0,))
        return dtype


@op("median", "torch.median")
class Median(Extreme):
    """The middle element, of two the smaller; with `dim`, that along it and its position."""

    def validate(self) -> None:
        super().validate()
        self.empty = self.dim is None  # of no elements at all it is NaN, or the least integer

    def dtype_of(self, require: Require, x: TensorType) -> str:
        return ordered(require, x, self.name, boolean=False)


@op("nanmedian", "torch.nanmedian")
class Nanmedian(Median):
    """The middle one of the elements that are numbers; with `dim`, that along it and its position."""


@op("mode", "torch.mode")
class Mode(OneAxis):
    """The element that occurs most along a dimension (of several the smallest), and where it does."""

    empty = False
    result = ("values", "indices")
    rule = REDUCED
    dim = arg(AnyInt, -1, "dimension to reduce")
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1}, "float32[B, T, 8]", ("float32[B, 8]", "int64[B, 8]")),
        Example({"keepdim": True}, "int32[B, T]", ("int32[B, 1]", "int64[B, 1]")),
    )

    def dtype_of(self, require: Require, x: TensorType) -> str:
        return ordered(require, x, self.name)

    def infer(self, require: Require, x: TensorType) -> tuple[TensorType, ...]:  # type: ignore[override]
        values = super().infer(require, x)
        return values, values.with_dtype("int64")

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), self.name, **given(self, "dim", "keepdim"))


@op("kthvalue", "torch.kthvalue")
class Kthvalue(Mode):
    """The k-th smallest element along a dimension, and its position."""

    lead = ("k",)
    k = arg(SizeKind(1), doc="which, counted from 1")
    examples = (
        Example({"k": 2, "dim": 1}, "float32[B, 5, 8]", ("float32[B, 8]", "int64[B, 8]")),
        Example({"k": 3, "keepdim": True}, "int32[B, 4]", ("int32[B, 1]", "int64[B, 1]")),
    )

    def dtype_of(self, require: Require, x: TensorType) -> str:
        return ordered(require, x, self.name, boolean=False)

    def infer(self, require: Require, x: TensorType) -> tuple[TensorType, ...]:  # type: ignore[override]
        found = super().infer(require, x)
        axis = require.axis(x, self.dim)
        size = x.shape[axis] if x.shape else 1
        message = f"`kthvalue` of rank {self.k}"
        require.at_least(self.k, 1, message, argument="k")
        require.at_least(size, self.k, message, inputs=(0,), argument="k", axis=(axis,))
        return found

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), self.name, self.k, **given(self, "dim", "keepdim"))


@op("quantile", "torch.quantile")
class Quantile(OneAxis):
    """The number below which a share `q` of the elements lies; of several shares, each, in a new first dimension."""

    empty = False
    rule = f"{REDUCED}, and in front of it the length of a list `q`"
    lead = ("q",)
    q = arg(OneOf(Probability, ListOf(Probability, 1), title="a share from 0 to 1, or a list of them"), doc="the share")
    interpolation = arg(
        Choice("linear", "lower", "higher", "midpoint", "nearest"), "linear", "of the two elements next to it"
    )
    examples = (
        Example({"q": 0.5, "dim": 1}, "float32[B, T, 8]", "float32[B, 8]"),
        Example({"q": [0.1, 0.5, 0.9], "dim": -1, "keepdim": True}, "float64[B, T]", "float64[3, B, 1]"),
        Example({"q": 0.25, "interpolation": "lower"}, "float32[B, T]", "float32[]"),
    )

    def dtype_of(self, require: Require, x: TensorType) -> str:
        require.dtype(x, "float32", "float64", what=f"the input of `{self.name}`", inputs=(0,))
        return x.dtype

    def not_empty(self, require: Require, x: TensorType, axes: tuple[int, ...]) -> None:
        super().not_empty(require, x, tuple(range(x.rank)))  # PyTorch asks it of all dimensions

    def infer(self, require: Require, x: TensorType) -> TensorType:
        found = super().infer(require, x)
        return found.with_shape((len(self.q), *found.shape)) if isinstance(self.q, tuple) else found

    def forward(self, x: TensorType) -> Any:
        several = isinstance(self.q, tuple)
        q = Method(In(0), "new_tensor", list(self.q)) if several else self.q
        return Method(In(0), self.name, q, **self.over(), **given(self, "interpolation"))


@op("nanquantile", "torch.nanquantile")
class Nanquantile(Quantile):
    """As `quantile`, of the elements that are numbers."""


@op("count_nonzero", "torch.count_nonzero")
class CountNonzero(Op):
    """How many elements are not zero (true)."""

    rule = "the shape of x without the dimensions `dim`"
    dim = arg(Optional(SomeDims), None, "dimension or dimensions to reduce; left out: all")
    examples = (
        Example({"dim": 1}, "float32[B, T, 8]", "int64[B, 8]"),
        Example({"dim": [0, -1]}, "bool[B, T, 8]", "int64[T]"),
        Example({}, "int32[B, T]", "int64[]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        axes = range(x.rank) if self.dim is None else normalize_dims(require, x, self.dim)
        return TensorType("int64", tuple(s for a, s in enumerate(x.shape) if a not in axes))

    def forward(self, x: TensorType) -> Any:
        dim = {} if self.dim is None else {"dim": lone(self.dim) if len(self.dim) == 1 else self.dim}
        return Method(In(0), "count_nonzero", **dim)


@op("aminmax", "torch.aminmax")
class Aminmax(OneAxis):
    """The smallest and the largest element, along a dimension or of all."""

    empty = False
    result = ("min", "max")
    examples = (
        Example({"dim": 1}, "float32[B, T, 8]", ("float32[B, 8]", "float32[B, 8]")),
        Example({"dim": -1, "keepdim": True}, "int32[B, T]", ("int32[B, 1]", "int32[B, 1]")),
        Example({}, "float32[B, T]", ("float32[]", "float32[]")),
    )

    def dtype_of(self, require: Require, x: TensorType) -> str:
        return ordered(require, x, self.name)

    def infer(self, require: Require, x: TensorType) -> tuple[TensorType, ...]:  # type: ignore[override]
        found = super().infer(require, x)
        return found, found


class WithMean(Spreading):
    """Base of a measure of spread and the mean, in one pass."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1}, "float32[B, T, 8]", ("float32[B, 8]", "float32[B, 8]")),
        Example({"dim": [-1, -2], "keepdim": True}, "float64[B, H, W]", ("float64[B, 1, 1]", "float64[B, 1, 1]")),
        Example({"correction": 0}, "float32[B, T]", ("float32[]", "float32[]")),
    )

    def infer(self, require: Require, x: TensorType) -> tuple[TensorType, ...]:  # type: ignore[override]
        spread = super().infer(require, x)
        return spread, spread.with_dtype(x.dtype)

    def forward(self, x: TensorType) -> Any:
        return Call(self.counterpart, In(0), **self.over(), **self.options())


@op("std_mean", "torch.std_mean")
class StdMean(WithMean):
    """Standard deviation and arithmetic mean."""

    result = ("std", "mean")


@op("var_mean", "torch.var_mean")
class VarMean(WithMean):
    """Variance and arithmetic mean."""

    result = ("var", "mean")


class Covariance(Op):
    """Base of relations between the rows of a matrix, whose columns are observations."""

    rule: ClassVar[str] = "as many rows and columns as x has rows; one number of a lone row, or a vector"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, "float32[8, T]", "float32[8, 8]"),
        Example({}, "float64[T]", "float64[]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.rank(x, 0, 1, 2, what=f"the input of `{self.name}`", inputs=(0,))
        if x.dtype == "bool":
            require.fail("AS303", f"`{self.name}` does not take bool", inputs=(0,))
        dtype = floating_result(x.dtype)
        if x.rank < 2 or x.shape[0] == 1:
            return TensorType(dtype, ())
        message = f"`{self.name}` gives no matrix for a lone row"
        require.at_least(x.shape[0], 2, message, inputs=(0,), axis=(0,))
        return TensorType(dtype, (x.shape[0], x.shape[0]))

    def flops(self, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> Size:
        rows, columns = inputs[0].shape if inputs[0].rank == 2 else (1, inputs[0].numel())
        products: Size = 2 * rows * rows * columns
        return products

    def forward(self, x: TensorType) -> Any:
        return Call(self.counterpart, In(0), **given(self, *self.args))


@op("cov", "torch.cov")
class Cov(Covariance):
    """Covariances of the rows of a matrix: second-order pooling, whitening."""

    correction = arg(AnyInt, 1, "divide by the number of observations less this")


@op("corrcoef", "torch.corrcoef")
class Corrcoef(Covariance):
    """Correlation coefficients of the rows of a matrix."""


@op("histc", "torch.histc")
class Histc(Op):
    """How many elements lie in each of `bins` equal intervals from `min` to `max`; it has no gradient."""

    rule = "[bins]"
    passes_gradient = False
    bins = arg(PositiveInt, 100, "number of intervals")
    min = arg(Number, 0.0, "the lower end; if both are equal, the smallest and the largest element are the ends")
    max = arg(Number, 0.0, "the upper end")
    examples = (
        Example({"bins": 10, "min": -1, "max": 1}, "float32[B, T]", "float32[10]"),
        Example(4, "float64[B]", "float64[4]"),
    )

    def validate(self) -> None:
        if self.max < self.min:
            raise BadValue(f"`max` {self.max:g} is below `min` {self.min:g}", ("max",))

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.floating(x, "the input of `histc`", inputs=(0,))
        for name in ("min", "max"):
            require_holds(require, x.dtype, getattr(self, name), name)
        return x.with_shape((self.bins,))

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "histc", **given(self, "bins", "min", "max"))
