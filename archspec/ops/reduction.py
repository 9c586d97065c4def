"""Reductions: many elements to one, over some dimensions or all."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.dims import Dim, Real, Size
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import category, floating_result, normalize_dims, require_exponent
from archspec.ops.expr import Call, In, Method, Name
from archspec.ops.kinds import AnyDType, AnyInt, AScalar, BadValue, Bool, ListOf, Number, Optional
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import REDUCED
from archspec.ops.tensor import TensorType

# An empty list means all dimensions to some functions of PyTorch and none to others.
SomeDims = ListOf(AnyInt, 1, lone=True, title="an axis or a list of axes")


def whole_sum(dtype: str) -> str:
    """The dtype of sums and products: integers and bool become int64."""
    return dtype if category(dtype) >= 2 else "int64"


class Reduction(Op):
    """Base: over the dimensions `dim`, or all."""

    rule: ClassVar[str] = REDUCED
    empty: bool = True  # does it have a value for no elements?

    dim: Any = arg(Optional(SomeDims), None, "dimension or dimensions to reduce; left out: all")
    keepdim = arg(Bool, False, "keep the reduced dimensions, with size 1")
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1}, "float32[B, T, 8]", "float32[B, 8]"),
        Example({"dim": [-1, -2], "keepdim": True}, "float32[B, 3, H, W]", "float32[B, 3, 1, 1]"),
        Example({}, "float32[B, T, 8]", "float32[]"),
        Example({"dim": 0, "keepdim": True}, "float64[5]", "float64[1]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        dtype = self.dtype_of(require, x)
        axes = self.axes(require, x)
        if not self.empty:
            self.not_empty(require, x, axes)
        return TensorType(dtype, self.reduced(x, axes))

    def axes(self, require: Require, x: TensorType) -> tuple[int, ...]:
        return tuple(range(x.rank)) if self.dim is None else normalize_dims(require, x, self.dim)

    def apart(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        dims = (self.dim,) if isinstance(self.dim, int) else self.dim
        reduced = range(inputs[0].rank) if dims is None else [dim % inputs[0].rank for dim in dims]
        if axis in reduced:
            return None
        return axis if self.keepdim else axis - sum(each < axis for each in reduced)

    def not_empty(self, require: Require, x: TensorType, axes: tuple[int, ...]) -> None:
        for axis in axes if x.shape else ():
            require.at_least(x.shape[axis], 1, f"`{self.name}` of no elements", inputs=(0,), axis=(axis,))

    def reduced(self, x: TensorType, axes: tuple[int, ...]) -> tuple[Size, ...]:
        if self.keepdim:
            return tuple(1 if a in axes else s for a, s in enumerate(x.shape))
        return tuple(s for a, s in enumerate(x.shape) if a not in axes)

    def dtype_of(self, require: Require, x: TensorType) -> str:
        return x.dtype

    def over(self) -> dict[str, Any]:
        """`dim` and `keepdim` as written in a call."""
        out: dict[str, Any] = {}
        if self.dim is not None:
            out["dim"] = self.dim[0] if len(self.dim) == 1 else self.dim
        if self.keepdim:
            out["keepdim"] = True
            out.setdefault("dim", None)
        return out

    def options(self) -> dict[str, Any]:
        return {}

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), self.name, **self.over(), **self.options())


class Accumulation(Reduction):
    """Base of sums, means and products, which may be computed in another dtype."""

    dtype = arg(Optional(AnyDType), None, "dtype to compute in")

    def options(self) -> dict[str, Any]:
        return {"dtype": Name(f"torch.{self.dtype}")} if self.dtype else {}


@op("mean", "torch.mean")
class Mean(Accumulation):
    """Arithmetic mean."""

    def dtype_of(self, require: Require, x: TensorType) -> str:
        dtype: str = self.dtype or x.dtype
        if category(dtype) < 2:
            require.fail(
                "AS303",
                f"`mean` must be floating point or complex, got {dtype}",
                inputs=(0,),
                help="give `dtype: float32`",
            )
        return dtype


@op("sum", "torch.sum")
class Sum(Accumulation):
    """Sum; of integers and bool it is int64."""

    def dtype_of(self, require: Require, x: TensorType) -> str:
        return self.dtype or whole_sum(x.dtype)


class OneAxis(Reduction):
    """Base of reductions over one dimension, or all."""

    dim = arg(Optional(AnyInt), None, "dimension to reduce; left out: all")
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1}, "float32[B, T, 8]", "float32[B, 8]"),
        Example({"dim": -1, "keepdim": True}, "float32[B, 3, H, W]", "float32[B, 3, H, 1]"),
        Example({}, "float32[B, T, 8]", "float32[]"),
    )

    def axes(self, require: Require, x: TensorType) -> tuple[int, ...]:
        return tuple(range(x.rank)) if self.dim is None else (require.axis(x, self.dim),)

    def over(self) -> dict[str, Any]:
        out: dict[str, Any] = {} if self.dim is None else {"dim": self.dim}
        return out | ({"keepdim": True} if self.keepdim else {})


@op("prod", "torch.prod")
class Prod(OneAxis):
    """Product; of integers and bool it is int64."""

    dtype = arg(Optional(AnyDType), None, "dtype to compute in")

    def validate(self) -> None:
        if self.keepdim and self.dim is None:
            raise BadValue("`keepdim` needs `dim`", ("keepdim",))

    def dtype_of(self, require: Require, x: TensorType) -> str:
        return self.dtype or whole_sum(x.dtype)

    def options(self) -> dict[str, Any]:
        return {"dtype": Name(f"torch.{self.dtype}")} if self.dtype else {}


class Extreme(OneAxis):
    """Base of the largest and the smallest element; along a dimension, with its position."""

    empty = False
    result = ("values", "indices")
    examples = (
        Example({"dim": 1}, "float32[B, T, 8]", ("float32[B, 8]", "int64[B, 8]")),
        Example({"dim": -1, "keepdim": True}, "int32[B, T]", ("int32[B, 1]", "int64[B, 1]")),
        Example({}, "float32[B, T, 8]", "float32[]"),
    )

    def validate(self) -> None:
        if self.keepdim and self.dim is None:
            raise BadValue("`keepdim` needs `dim`", ("keepdim",))

    def dtype_of(self, require: Require, x: TensorType) -> str:
        return ordered(require, x, self.name)

    def infer(self, require: Require, x: TensorType) -> TensorType | tuple[TensorType, ...]:  # type: ignore[override]
        values = super().infer(require, x)
        return values if self.dim is None else (values, values.with_dtype("int64"))


def ordered(require: Require, x: TensorType, name: str, *, boolean: bool = True) -> str:
    """The dtype of x, which must have an order."""
    if category(x.dtype) == 3 or (x.dtype == "bool" and not boolean):
        require.fail("AS303", f"`{name}` does not take {x.dtype}", inputs=(0,))
    return x.dtype


@op("max", "torch.max")
class Max(Extreme):
    """The largest element; with `dim`, the largest along it and their positions."""


@op("min", "torch.min")
class Min(Extreme):
    """The smallest element; with `dim`, the smallest along it and their positions."""


@op("amax", "torch.amax")
class Amax(Reduction):
    """The largest elements over some dimensions; where several are, they share the gradient."""

    empty = False

    def dtype_of(self, require: Require, x: TensorType) -> str:
        return ordered(require, x, self.name)

    def over(self) -> dict[str, Any]:
        return {"dim": (), **super().over()} if self.dim is None and self.keepdim else super().over()


@op("amin", "torch.amin")
class Amin(Amax):
    """The smallest elements over some dimensions; where several are, they share the gradient."""


class Position(OneAxis):
    """Base of positions of the largest and the smallest element."""

    empty = False
    examples = (
        Example({"dim": 1}, "float32[B, T, 8]", "int64[B, 8]"),
        Example({"dim": -1, "keepdim": True}, "int32[B, T]", "int64[B, 1]"),
        Example({}, "float32[B, T, 8]", "int64[]"),
    )

    def dtype_of(self, require: Require, x: TensorType) -> str:
        ordered(require, x, self.name, boolean=False)
        return "int64"


@op("argmax", "torch.argmax")
class Argmax(Position):
    """Position of the largest element along a dimension, or in the flattened tensor."""


@op("argmin", "torch.argmin")
class Argmin(Position):
    """Position of the smallest element along a dimension, or in the flattened tensor."""


class Spreading(Reduction):
    """Base of standard deviation and variance."""

    correction = arg(Number, 1.0, "divide by the number of elements less this")
    examples = (*Reduction.examples, Example({"dim": -1, "correction": 0}, "float32[B, T, 8]", "float32[B, T]"))

    def dtype_of(self, require: Require, x: TensorType) -> str:
        if category(x.dtype) < 2:
            require.fail("AS303", f"`{self.name}` must be floating point or complex, got {x.dtype}", inputs=(0,))
        return {"complex64": "float32", "complex128": "float64"}.get(x.dtype, x.dtype)

    def options(self) -> dict[str, Any]:
        whole = int(self.correction)
        return {} if self.correction == 1 else {"correction": whole if whole == self.correction else self.correction}


@op("std", "torch.std")
class Std(Spreading):
    """Standard deviation."""


@op("var", "torch.var")
class Var(Spreading):
    """Variance."""


@op("norm", "torch.linalg.vector_norm")
class Norm(Reduction):
    """The p-norm of vectors over some dimensions, or of all elements."""

    ord = arg(AScalar, 2, "the p of the norm; `.inf` is the largest absolute value")
    examples = (
        *Reduction.examples,
        Example({"ord": 1, "dim": -1}, "float32[B, T, 8]", "float32[B, T]"),
        Example({"ord": float("inf"), "dim": 1}, "float32[B, 8]", "float32[B]"),
    )

    def validate(self) -> None:
        self.empty = isinstance(self.ord, (Dim, Real)) or not (self.ord < 0 or self.ord == float("inf"))

    def dtype_of(self, require: Require, x: TensorType) -> str:
        if category(x.dtype) < 2:
            require.fail("AS303", f"`norm` must be floating point or complex, got {x.dtype}", inputs=(0,))
        require_exponent(require, x.dtype, self.ord, "ord")
        return {"complex64": "float32", "complex128": "float64"}.get(x.dtype, x.dtype)

    def forward(self, x: TensorType) -> Any:
        order = {} if self.ord == 2 else {"ord": self.ord}
        return Call("torch.linalg.vector_norm", In(0), **order, **self.over())


@op("logsumexp", "torch.logsumexp")
class Logsumexp(Reduction):
    """log(sum(exp(x))), computed without overflow."""

    dim = arg(SomeDims, doc="dimension or dimensions to reduce")
    examples = (
        Example({"dim": 1}, "float32[B, T, 8]", "float32[B, 8]"),
        Example({"dim": [-1, -2], "keepdim": True}, "float32[B, 3, H, W]", "float32[B, 3, 1, 1]"),
        Example(0, "int64[4]", "float32[]"),
    )

    def dtype_of(self, require: Require, x: TensorType) -> str:
        return floating_result(x.dtype)


class Quantified(Reduction):
    """Base of `any` and `all`; of uint8 the result is uint8, else bool."""

    examples = (
        Example({"dim": 1}, "bool[B, T, 8]", "bool[B, 8]"),
        Example({"dim": [-1, -2], "keepdim": True}, "bool[B, 3, H, W]", "bool[B, 3, 1, 1]"),
        Example({}, "float32[B, T, 8]", "bool[]"),
    )

    def dtype_of(self, require: Require, x: TensorType) -> str:
        return "uint8" if x.dtype == "uint8" else "bool"


@op("any", "torch.any")
class AnyTrue(Quantified):
    """Is any element true (not zero)?"""


@op("all", "torch.all")
class AllTrue(Quantified):
    """Are all elements true (not zero)?"""
