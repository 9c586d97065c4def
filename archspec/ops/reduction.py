"""Reductions: many elements to one, over some dimensions or all."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.dims import Size
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import category, normalize_dims
from archspec.ops.expr import In, Method
from archspec.ops.kinds import AnyDType, Bool, Optional
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.shaping import Dims, product
from archspec.ops.tensor import TensorType


class Reduction(Op):
    """Base: over the dimensions `dim`, or all."""

    empty: ClassVar[bool] = True  # does it have a value for no elements?

    dim = arg(Optional(Dims), None, "dimension or dimensions to reduce; left out: all")
    keepdim = arg(Bool, False, "keep the reduced dimensions, with size 1")
    examples = (
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
        # an empty list is all dimensions, as in PyTorch
        return normalize_dims(require, x, self.dim) if self.dim else tuple(range(x.rank))

    def not_empty(self, require: Require, x: TensorType, axes: tuple[int, ...]) -> None:
        if self.dim is None and product(x.shape) == 0:
            require.fail("AS304", f"`{self.name}` of no elements", inputs=(0,))
        for axis in axes if x.shape and self.dim is not None else ():
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
        from archspec.ops.expr import Name

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
        return self.dtype or (x.dtype if category(x.dtype) >= 2 else "int64")
