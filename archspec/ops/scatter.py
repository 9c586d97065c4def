"""Writing into parts of a tensor: x with other values at positions that a tensor or the arguments say."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.dims import Size, ceil_div
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import broadcast, category, require_holds
from archspec.ops.calls import given
from archspec.ops.expr import Call, In
from archspec.ops.indexing import not_empty
from archspec.ops.kinds import AnyInt, AScalar, Bool, Choice, Optional, PositiveInt, SizeKind
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import SAME
from archspec.ops.tensor import TensorType


class Scatter(Op):
    """Base: each element of `src` goes to its own position, but along `dim` to where `index` says."""

    rule: ClassVar[str] = SAME
    inputs: ClassVar[tuple[str, ...]] = ("x", "index", "src")
    dim = arg(AnyInt, doc="the dimension that `index` points into")
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1}, ("float32[B, 5, 8]", "int64[B, 2, 8]", "float32[B, 2, 8]"), "float32[B, 5, 8]"),
        Example({"dim": 0}, ("float64[6, 5]", "int64[4, 3]", "float64[4, 3]"), "float64[6, 5]"),
    )

    def infer(self, require: Require, x: TensorType, index: TensorType, src: TensorType | None = None) -> TensorType:
        axis = require.axis(x, self.dim)
        require.dtype(index, "int64", "int32", what="the index", inputs=(1,))
        if src is not None:
            require.same_dtype(x, src, f"x and src of `{self.name}`", inputs=(0, 2))
        if src is not None and category(src.dtype) > 1:
            self.same(require, index, src)
        if index.numel() == 0:
            return x
        ranks = (0, 1) if x.rank <= 1 else (x.rank,)
        require.rank(index, *ranks, what=f"with an input {x}, the index", inputs=(0, 1))
        not_empty(require, x, axis, index)
        self.fits(require, index, x, 0, axis)
        if src is not None and category(src.dtype) < 2:
            ranks = (0, 1) if index.rank <= 1 else (index.rank,)
            require.rank(src, *ranks, what=f"with an index {index}, src", inputs=(1, 2))
            self.fits(require, index, src, 2, None)
        return x

    def same(self, require: Require, index: TensorType, src: TensorType) -> None:
        """The gradient of src has the shape of the index."""
        require.rank(src, index.rank, what=f"with an index {index}, src", inputs=(1, 2))
        for axis, (size, wanted) in enumerate(zip(src.shape, index.shape, strict=True)):
            message = f"`{self.name}` has not as many indices as elements of src in dimension {axis}"
            require.equal(size, wanted, message, inputs=(2, 1), axis=(axis, axis))

    def fits(self, require: Require, index: TensorType, x: TensorType, number: int, but: int | None) -> None:
        """The index is nowhere larger than x, but for one axis."""
        for axis in range(index.rank):
            size = x.shape[axis] if x.shape else 1
            if axis != but and size != index.shape[axis]:
                message = f"`{self.name}` needs an index no larger than `{self.inputs[number]}` in dimension {axis}"
                require.at_least(size, index.shape[axis], message, inputs=(number, 1), axis=(axis, axis))

    def forward(self, x: TensorType, index: TensorType, src: TensorType | None = None) -> Any:
        return Call(self.counterpart, In(0), self.dim, In(1), In(2))


@op("scatter", "torch.scatter")
class ScatterOp(Scatter):
    """x with the elements of `src`, or a number, written where `index` says; of two for one place, either."""

    inputs = ("x", "index", "src?")
    value = arg(Optional(AScalar), None, "a number to write, instead of src")
    examples = (
        *Scatter.examples,
        Example({"dim": -1, "value": 1}, ("float32[B, 8]", "int64[B, 2]"), "float32[B, 8]"),
    )

    def infer(self, require: Require, x: TensorType, index: TensorType, src: TensorType | None = None) -> TensorType:
        if (src is None) == (self.value is None):
            require.fail("AS210", "`scatter` needs a third input or a `value`, not both", argument="value")
        require_holds(require, x.dtype, self.value, "value")
        return super().infer(require, x, index, src)

    def forward(self, x: TensorType, index: TensorType, src: TensorType | None = None) -> Any:
        return Call("torch.scatter", In(0), self.dim, In(1), self.value if src is None else In(2))


@op("scatter_add", "torch.scatter_add")
class ScatterAdd(Scatter):
    """x with the elements of `src` added where `index` says: sums over segments, messages to nodes."""


@op("scatter_reduce", "torch.scatter_reduce")
class ScatterReduce(Scatter):
    """x with the elements of `src` that `index` sends to each place combined there."""

    reduce = arg(Choice("sum", "prod", "mean", "amax", "amin"), doc="how they are combined")
    include_self = arg(Bool, True, "with what x has there")
    examples = (
        Example(
            {"dim": 1, "reduce": "mean", "include_self": False},
            ("float32[B, 5, 8]", "int64[B, 2, 8]", "float32[B, 2, 8]"),
            "float32[B, 5, 8]",
        ),
        Example({"dim": 0, "reduce": "amax"}, ("float64[6, 5]", "int64[4, 3]", "float64[4, 3]"), "float64[6, 5]"),
    )

    def infer(self, require: Require, x: TensorType, index: TensorType, src: TensorType | None = None) -> TensorType:
        if category(x.dtype) == 3:
            require.fail("AS303", f"`scatter_reduce` does not take {x.dtype}", inputs=(0,))
        if x.dtype == "bool" and self.reduce == "mean":
            require.fail("AS303", "`scatter_reduce` gives no mean of bool", inputs=(0,))
        return super().infer(require, x, index, src)

    def forward(self, x: TensorType, index: TensorType, src: TensorType | None = None) -> Any:
        options = {} if self.include_self else {"include_self": False}
        return Call("torch.scatter_reduce", In(0), self.dim, In(1), In(2), self.reduce, **options)


class IndexWrite(Op):
    """Base: slice number i of `source` goes to slice `index[i]` of x."""

    rule: ClassVar[str] = SAME
    inputs: ClassVar[tuple[str, ...]] = ("x", "index", "source")
    dim = arg(AnyInt, doc="the dimension of the slices")
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1}, ("float32[B, 5, 8]", "int64[N]", "float32[B, N, 8]"), "float32[B, 5, 8]"),
        Example({"dim": -1}, ("float64[6, 5]", "int64[2]", "float64[6, 2]"), "float64[6, 5]"),
    )
    indices: ClassVar[tuple[str, ...]] = ("int64", "int32")

    def infer(self, require: Require, x: TensorType, index: TensorType, source: TensorType | None = None) -> TensorType:
        axis = require.axis(x, self.dim)
        require.dtype(index, *self.indices, what="the index", inputs=(1,))
        require.rank(index, 0, 1, what="the index", inputs=(1,))
        not_empty(require, x, axis, index)
        if source is not None:
            require.same_dtype(x, source, f"x and source of `{self.name}`", inputs=(0, 2))
            require.rank(source, x.rank, what=f"with an input {x}, the source", inputs=(0, 2))
            count = index.shape[0] if index.shape else 1
            if not source.shape:
                require.equal(count, 1, f"`{self.name}` puts a scalar into one place", inputs=(1,), axis=(0,))
            for other, size in enumerate(source.shape):
                wanted, number = (count, 1) if other == axis else (x.shape[other], 0)
                message = f"`{self.name}` writes slices that differ in dimension {other}"
                require.equal(size, wanted, message, inputs=(2, number), axis=(other, 0 if number else other))
        return x

    def forward(self, x: TensorType, index: TensorType, source: TensorType | None = None) -> Any:
        return Call(self.counterpart, In(0), self.dim, In(1), In(2))


@op("index_add", "torch.index_add")
class IndexAdd(IndexWrite):
    """x with slices added where `index` says: what several experts or edges give is summed."""

    alpha = arg(AScalar, 1, "factor of what is added")
    examples = (
        *IndexWrite.examples,
        Example({"dim": 0, "alpha": 0.5}, ("float32[T, 8]", "int32[N]", "float32[N, 8]"), "float32[T, 8]"),
    )

    def infer(self, require: Require, x: TensorType, index: TensorType, source: TensorType | None = None) -> TensorType:
        if isinstance(self.alpha, float) and category(x.dtype) < 2:  # the CPU cuts it off, other devices refuse it
            require.fail("AS303", f"`index_add` of {x.dtype} takes an integer as `alpha`", argument="alpha")
        require_holds(require, x.dtype, self.alpha, "alpha")
        return super().infer(require, x, index, source)

    def forward(self, x: TensorType, index: TensorType, source: TensorType | None = None) -> Any:
        return Call("torch.index_add", In(0), self.dim, In(1), In(2), **given(self, "alpha"))


@op("index_copy", "torch.index_copy")
class IndexCopy(IndexWrite):
    """x with slices replaced where `index` says."""

    indices = ("int64",)


@op("index_fill", "torch.index_fill")
class IndexFill(IndexWrite):
    """x with a number in the slices that `index` says."""

    inputs = ("x", "index")
    indices = ("int64",)
    value = arg(AScalar, doc="the number")
    examples = (
        Example({"dim": 1, "value": 0}, ("float32[B, 5, 8]", "int64[N]"), "float32[B, 5, 8]"),
        Example({"dim": -1, "value": -1.5}, ("float64[6, 5]", "int64[2]"), "float64[6, 5]"),
    )

    def infer(self, require: Require, x: TensorType, index: TensorType, source: TensorType | None = None) -> TensorType:
        require_holds(require, x.dtype, self.value, "value")
        return super().infer(require, x, index)

    def forward(self, x: TensorType, index: TensorType, source: TensorType | None = None) -> Any:
        return Call("torch.index_fill", In(0), self.dim, In(1), self.value)


@op("masked_scatter", "torch.masked_scatter")
class MaskedScatter(Op):
    """x with the elements of `source`, in order, where the mask is true: image features put into a text's places.

    There must be at least as many elements as the mask has true ones, which shows only when the model runs.
    """

    rule = "the shape x and mask broadcast to"
    inputs = ("x", "mask", "source")
    examples = (
        Example({}, ("float32[B, T, 8]", "bool[B, T, 1]", "float32[N, 8]"), "float32[B, T, 8]"),
        Example({}, ("int64[B, T]", "bool[B, T]", "int64[N]"), "int64[B, T]"),
    )

    def infer(self, require: Require, x: TensorType, mask: TensorType, source: TensorType) -> TensorType:
        require.dtype(mask, "bool", what="the mask", inputs=(1,))
        require.same_dtype(x, source, "x and source of `masked_scatter`", inputs=(0, 2))
        return x.with_shape(broadcast(require, [x.shape, mask.shape], self.name, (0, 1)))

    def forward(self, x: TensorType, mask: TensorType, source: TensorType) -> Any:
        return Call("torch.masked_scatter", In(0), In(1), In(2))


class Part(Op):
    """Base: x with one part replaced, that the arguments say."""

    rule: ClassVar[str] = SAME
    inputs = ("x", "src")

    def part(self, require: Require, x: TensorType) -> TensorType:
        raise NotImplementedError

    def infer(self, require: Require, x: TensorType, src: TensorType) -> TensorType:
        part = self.part(require, x)
        require.rank(src, part.rank, what=f"`{self.name}` replaces {part}; src", inputs=(1,))
        for axis, (size, wanted) in enumerate(zip(src.shape, part.shape, strict=True)):
            message = f"src is not as large as what `{self.name}` replaces in dimension {axis}"
            require.equal(size, wanted, message, inputs=(1,), axis=(axis,))
        return x


@op("select_scatter", "torch.select_scatter")
class SelectScatter(Part):
    """x with one slice of a dimension replaced: what `x[:, index] = src` would do."""

    dim = arg(AnyInt, doc="the dimension to write in")
    index = arg(AnyInt, doc="position; negative counts from the end")
    examples = (
        Example({"dim": 1, "index": 0}, ("float32[B, 5, 8]", "float32[B, 8]"), "float32[B, 5, 8]"),
        Example({"dim": -1, "index": -1}, ("int64[B, 5]", "int64[B]"), "int64[B, 5]"),
    )

    def part(self, require: Require, x: TensorType) -> TensorType:
        if category(x.dtype) == 3:
            require.fail("AS303", f"`select_scatter` does not take {x.dtype}", inputs=(0,))
        require.rank(x, least=1, inputs=(0,))
        axis = require.axis(x, self.dim)
        least = self.index + 1 if self.index >= 0 else -self.index
        message = f"`select_scatter` writes position {self.index}"
        require.at_least(x.shape[axis], least, message, inputs=(0,), axis=(axis,))
        return x.with_shape((*x.shape[:axis], *x.shape[axis + 1 :]))

    def forward(self, x: TensorType, src: TensorType) -> Any:
        return Call("torch.select_scatter", In(0), In(1), self.dim, self.index)


_ANY = SizeKind(-(2**62))


@op("slice_scatter", "torch.slice_scatter")
class SliceScatter(Part):
    """x with a stretch of a dimension replaced: what `x[:, start:end] = src` would do."""

    dim = arg(AnyInt, 0, "the dimension to write in")
    start = arg(Optional(_ANY), None, "first position; negative counts from the end")
    end = arg(Optional(_ANY), None, "position after the last; negative counts from the end")
    step = arg(PositiveInt, 1, "distance between positions")
    examples = (
        Example({"dim": 1, "start": 1}, ("float32[B, 5, 8]", "float32[B, 4, 8]"), "float32[B, 5, 8]"),
        Example({"dim": -1, "start": -3, "end": -1}, ("int64[B, 5]", "int64[B, 2]"), "int64[B, 5]"),
        Example({"step": 2}, ("float64[5]", "float64[3]"), "float64[5]"),
    )

    def part(self, require: Require, x: TensorType) -> TensorType:
        if category(x.dtype) == 3:
            require.fail("AS303", f"`slice_scatter` does not take {x.dtype}", inputs=(0,))
        require.rank(x, least=1, inputs=(0,))
        axis = require.axis(x, self.dim)
        size = x.shape[axis]
        start, end = (self._place(require, size, bound) for bound in (self.start, self.end))
        first: Size = 0 if start is None else start
        last = size if end is None else end
        length = require.maximum(ceil_div(last - first, self.step), 0)
        return x.with_shape((*x.shape[:axis], length, *x.shape[axis + 1 :]))

    def _place(self, require: Require, size: Size, bound: Size | None) -> Size | None:
        """Where a bound lies: it counts from the end if negative, and stays within the dimension."""
        if isinstance(bound, int) and bound < 0:
            return require.maximum(size + bound, 0)
        return None if bound is None else require.minimum(bound, size)

    def forward(self, x: TensorType, src: TensorType) -> Any:
        return Call("torch.slice_scatter", In(0), In(1), **given(self, "dim", "start", "end", "step"))
