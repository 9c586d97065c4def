"""Reading parts of a tensor: by position, by a tensor of positions."""

from __future__ import annotations

from typing import Any

from archspec.dims import Size, ceil_div
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import broadcast
from archspec.ops.expr import Call, In, Index, Method, Slice
from archspec.ops.kinds import AnyInt, AnySize, Optional, PositiveInt, SizeKind
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.tensor import TensorType


def at_axis(axis: int, item: Any) -> tuple[Any, ...]:
    """Index items that leave the dimensions before `axis` alone."""
    return (Slice(),) * axis + (item,)


def short(rank: int, axis: int, item: Any) -> tuple[Any, ...]:
    """The same, written the shorter way: `x[:, 0]`, but `x[..., 0]` for the last of many."""
    return (Ellipsis, item) if axis == rank - 1 and axis > 1 else at_axis(axis, item)


@op("select", "torch.select")
class Select(Op):
    """One slice of a dimension, without that dimension: `x[:, index]` for `dim` 1."""

    rule = "the shape of x without `dim`"
    dim = arg(AnyInt, doc="the dimension to read from")
    index = arg(AnyInt, doc="position; negative counts from the end")
    examples = (
        Example({"dim": 1, "index": -1}, "float32[B, T, 8]", "float32[B, 8]"),
        Example({"dim": -1, "index": 0}, "float32[B, T, 8]", "float32[B, T]"),
        Example({"dim": 0, "index": 2}, "int64[3]", "int64[]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.rank(x, least=1, inputs=(0,))
        axis = require.axis(x, self.dim)
        least = self.index + 1 if self.index >= 0 else -self.index
        require.at_least(x.shape[axis], least, f"`select` reads position {self.index}", inputs=(0,), axis=(axis,))
        return x.with_shape((*x.shape[:axis], *x.shape[axis + 1 :]))

    def apart(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        here = self.dim % inputs[0].rank
        return None if axis == here else axis - (axis > here)

    def forward(self, x: TensorType) -> Any:
        return Index(In(0), short(x.rank, range(x.rank)[self.dim], self.index))


@op("slice", "torch.narrow")
class SliceOp(Op):
    """A stretch of a dimension, as Python's `start:stop:step` (a stop beyond the end is the end); never empty."""

    rule = "the shape of x, along `dim` as many as are taken: ceil((stop - start) / step)"
    dim = arg(AnyInt, doc="the dimension to cut")
    start = arg(Optional(AnySize), None, "first position; negative counts from the end")
    stop = arg(Optional(AnySize), None, "position after the last; negative counts from the end")
    step = arg(PositiveInt, 1, "distance between positions")
    examples = (
        Example({"dim": 1, "start": 1}, "float32[B, 5, 8]", "float32[B, 4, 8]"),
        Example({"dim": -1, "stop": -2}, "float32[B, 5, 8]", "float32[B, 5, 6]"),
        Example({"dim": 1, "start": 1, "stop": 9, "step": 2}, "float32[B, 5]", "float32[B, 2]"),
        Example({"dim": 0, "start": -3, "stop": -1}, "int64[5]", "int64[2]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.rank(x, least=1, inputs=(0,))
        axis = require.axis(x, self.dim)
        size = x.shape[axis]
        where: dict[str, Any] = {"inputs": (0,), "axis": (axis,)}
        start, stop = self.start, self.stop
        if start is None or (isinstance(start, int) and start < 0):
            first: Size = 0 if start is None else require.maximum(size + start, 0)
        else:
            require.at_least(size, start + 1, f"`slice` starts at {start}", argument="start", **where)
            first = start
        if stop is None or stop == size:
            last = size
        else:
            last = size + stop if isinstance(stop, int) and stop < 0 else require.minimum(stop, size)
        length = last - first
        if isinstance(start, int) and start < 0 and stop is None:
            length = require.minimum(-start, size)
        require.at_least(length, 1, "`slice` takes nothing", **where)
        return x.with_shape((*x.shape[:axis], ceil_div(length, self.step), *x.shape[axis + 1 :]))

    def apart(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return None if axis == self.dim % output.rank else axis

    def forward(self, x: TensorType) -> Any:
        step = self.step if self.step != 1 else None
        return Index(In(0), short(x.rank, range(x.rank)[self.dim], Slice(self.start, self.stop, step)))


@op("narrow", "torch.narrow")
class Narrow(Op):
    """`length` positions of a dimension from `start` on; they must all be there."""

    rule = "the shape of x, with length along `dim`"
    dim = arg(AnyInt, doc="the dimension to cut")
    start = arg(AnyInt, doc="first position; negative counts from the end")
    length = arg(SizeKind(0), doc="number of positions")
    examples = (
        Example({"dim": 1, "start": 1, "length": 3}, "float32[B, 5, 8]", "float32[B, 3, 8]"),
        Example({"dim": -1, "start": -2, "length": 2}, "float32[B, 5]", "float32[B, 2]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.rank(x, least=1, inputs=(0,))
        axis = require.axis(x, self.dim)
        size = x.shape[axis]
        message = "`narrow` reads beyond the end"
        if self.start < 0:
            require.at_least(size, -self.start, message, inputs=(0,), argument="start", axis=(axis,))
            require.at_least(-self.start, self.length, message, inputs=(0,), argument="length", axis=(axis,))
        else:
            require.at_least(size, self.start + self.length, message, inputs=(0,), argument="length", axis=(axis,))
        return x.with_shape((*x.shape[:axis], self.length, *x.shape[axis + 1 :]))

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "narrow", self.dim, self.start, self.length)


def _positions(require: Require, index: TensorType, number: int = 1, *, narrow: bool = True) -> None:
    allowed = ("int64", "int32") if narrow else ("int64",)
    require.dtype(index, *allowed, what="the index", inputs=(number,))


def not_empty(require: Require, x: TensorType, axis: int, index: TensorType) -> None:
    """There must be something to point at, unless nothing is asked for."""
    if x.shape and index.numel() != 0:
        message = "there is nothing in the dimension that the index points into"
        require.at_least(x.shape[axis], 1, message, inputs=(0,), axis=(axis,))


@op("index_select", "torch.index_select")
class IndexSelect(Op):
    """The slices of a dimension at the positions in `index`, a tensor of one dimension."""

    rule = "the shape of x, with the size of index along `dim`"
    inputs = ("x", "index")
    dim = arg(AnyInt, doc="the dimension to read from")
    examples = (
        Example({"dim": 1}, ("float32[B, 5, 8]", "int64[3]"), "float32[B, 3, 8]"),
        Example({"dim": -1}, ("float32[B, 5]", "int32[N]"), "float32[B, N]"),
    )

    def infer(self, require: Require, x: TensorType, index: TensorType) -> TensorType:
        axis = require.axis(x, self.dim)
        _positions(require, index)
        require.rank(index, 0, 1, what="the index", inputs=(1,))
        count = index.shape[0] if index.shape else 1
        not_empty(require, x, axis, index)
        if not x.shape:
            if count != 1:
                require.fail("AS301", "`index_select` reads one position of a tensor without dimensions", inputs=(1,))
            return x
        return x.with_shape((*x.shape[:axis], count, *x.shape[axis + 1 :]))

    def forward(self, x: TensorType, index: TensorType) -> Any:
        return Method(In(0), "index_select", self.dim, In(1))


@op("gather", "torch.gather")
class Gather(Op):
    """For each element of `index`, the element of x that has its position except along `dim`, where `index` says it."""

    rule = "the shape of index"
    inputs = ("x", "index")
    dim = arg(AnyInt, doc="the dimension that `index` points into")
    examples = (
        Example({"dim": 1}, ("float32[B, 5, 8]", "int64[B, 2, 8]"), "float32[B, 2, 8]"),
        Example({"dim": -1}, ("float32[6, 5]", "int64[4, 3]"), "float32[4, 3]"),
    )

    def infer(self, require: Require, x: TensorType, index: TensorType) -> TensorType:
        axis = require.axis(x, self.dim)
        _positions(require, index)
        if index.numel() == 0:
            return x.with_shape(index.shape)
        require.rank(index, *((0, 1) if x.rank <= 1 else (x.rank,)), what="the index", inputs=(1,))
        not_empty(require, x, axis, index)
        if index.rank == x.rank:
            for other, (size, wanted) in enumerate(zip(x.shape, index.shape, strict=True)):
                if other != axis and size != wanted:
                    message = f"`gather` needs an index no larger than x in dimension {other}"
                    require.at_least(size, wanted, message, inputs=(0, 1), axis=(other, other))
        return x.with_shape(index.shape)

    def forward(self, x: TensorType, index: TensorType) -> Any:
        return Method(In(0), "gather", self.dim, In(1))


@op("take_along_dim", "torch.take_along_dim")
class TakeAlongDim(Op):
    """As `gather`, with the other dimensions broadcast (as argsort's and topk's indices are used)."""

    rule = "the shape x and index broadcast to but for `dim`, with the size of index along `dim`"
    inputs = ("x", "index")
    dim = arg(AnyInt, doc="the dimension that `index` points into")
    examples = (
        Example({"dim": 1}, ("float32[B, 5, 8]", "int64[B, 2, 1]"), "float32[B, 2, 8]"),
        Example({"dim": -1}, ("float32[1, 5]", "int64[4, 3]"), "float32[4, 3]"),
    )

    def infer(self, require: Require, x: TensorType, index: TensorType) -> TensorType:
        require.dtype(index, "int64", what="the index", inputs=(1,))
        require.rank(index, x.rank, what=f"with an input {x}, the index", inputs=(0, 1))
        require.rank(x, least=1, inputs=(0,))
        axis = require.axis(x, self.dim)
        shapes = [t.shape[:axis] + t.shape[axis + 1 :] for t in (x, index)]
        rest = broadcast(require, shapes, self.name, (0, 1))
        not_empty(require, x, axis, index)
        return x.with_shape((*rest[:axis], index.shape[axis], *rest[axis:]))

    def forward(self, x: TensorType, index: TensorType) -> Any:
        """By `gather`: torch.export takes sizes that torch.take_along_dim broadcasts for constants."""
        axis = range(x.rank)[self.dim]
        others = [pair for place, pair in enumerate(zip(x.shape, index.shape, strict=True)) if place != axis]
        if any(a != b and 1 not in (a, b) for a, b in others):  # which of them is 1 shows when the model runs
            return Call("torch.take_along_dim", In(0), In(1), dim=self.dim)
        return Method(_stretched(0, x, index, axis), "gather", self.dim, _stretched(1, index, x, axis))


def _stretched(number: int, own: TensorType, other: TensorType, axis: int) -> Any:
    """An input, expanded to the sizes of another where its own are 1, but for one axis."""
    sizes: list[Size] = [
        wanted if size == 1 and wanted != 1 and place != axis else -1
        for place, (size, wanted) in enumerate(zip(own.shape, other.shape, strict=True))
    ]
    return In(number) if set(sizes) <= {-1} else Method(In(number), "expand", *sizes)
