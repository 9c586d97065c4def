"""Sliding windows as a dimension of their own, and back (torch.nn.Unfold, torch.nn.Fold, Tensor.unfold)."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar

from archspec.dims import Dim, Size
from archspec.ops.base import Example, Op, arg
from archspec.ops.calls import given
from archspec.ops.expr import Attr, Call, In, Index, Method, Slice
from archspec.ops.kinds import AnyInt, BadValue, NonNegativeInt, Optional, PositiveInt, SizeKind, ValueRef
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.shaping import product
from archspec.ops.spatial import PerAxis, Spatial
from archspec.ops.tensor import COMPLEX, FLOATING, TensorType

_BLOCKS = "L = ((H + 2*padding[0] - dilation[0]*(kernel_size[0] - 1) - 1)//stride[0] + 1) times the same of W"


class _Windows(Spatial):
    """What the two share: a window for each place it fits, row by row."""

    kernel_size: tuple[int, ...] = arg(PerAxis(PositiveInt), doc="size of the window")
    dilation: tuple[int, ...] = arg(PerAxis(PositiveInt), 1, "step between the cells of a window")
    padding: tuple[int, ...] = arg(PerAxis(NonNegativeInt), 0, "zeros added to both ends of each axis")
    stride: tuple[int, ...] = arg(PerAxis(PositiveInt), 1, "step between windows")
    dtypes: ClassVar[tuple[str, ...]] = (*FLOATING, *COMPLEX, "bool")

    def blocks(self, require: Require, sizes: tuple[Size, ...], **where: Any) -> Size:
        """How many windows there are in an image of these sizes."""
        counts: list[Size] = []
        for i, size in enumerate(sizes):
            reach = self.dilation[i] * (self.kernel_size[i] - 1) + 1
            padded = size + 2 * self.padding[i]
            require.at_least(padded, reach, f"{self.axis_name(i)} is smaller than the window of `{self.name}`", **where)
            counts.append((padded - reach) // self.stride[i] + 1)
        return product(tuple(counts))


@op("unfold", "torch.nn.Unfold")
class Unfold(_Windows, axes=2):
    """The windows of an image [N, C, H, W] as columns (im2col)."""

    rule = f"[N, C, H, W] becomes [N, C*kernel_size[0]*kernel_size[1], L]; {_BLOCKS}"
    examples = (
        Example({"kernel_size": 2, "stride": 2}, "float32[B, 3, 8, W]", "float32[B, 12, 4*(W//2)]"),
        Example({"kernel_size": [3, 2], "padding": [1, 0], "dilation": [1, 2]}, "float64[3, 5, 6]", "float64[18, 20]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.dtype(x, *self.dtypes, what="the input of `unfold`", inputs=(0,))
        sizes = self.spatial(require, x)
        for axis, size in enumerate(sizes, x.rank - 2):  # padding alone makes no window
            message = f"`unfold` reads nothing in dimension {axis}"
            require.at_least(size, 1, message, inputs=(0,), axis=(axis,))
        count = self.blocks(require, sizes, inputs=(0,))
        return x.with_shape((*x.shape[:-3], x.shape[-3] * prod(self.kernel_size), count))

    def module(self, x: TensorType) -> Call:
        return Call("nn.Unfold", **given(self, *self.args))

    def forward(self, x: TensorType) -> Any:
        return Call("F.unfold", In(0), **given(self, *self.args))


@op("fold", "torch.nn.Fold")
class Fold(_Windows, axes=2):
    """Windows given as columns, added up into an image (col2im); the reverse of `unfold` where they do not overlap."""

    rule = (
        "[N, C*kernel_size[0]*kernel_size[1], L] becomes [N, C, H, W] with the sizes of `output_size` or `like`;"
        f" {_BLOCKS}"
    )
    ref_inputs = ("like",)
    output_size = arg(Optional(PerAxis(SizeKind(1))), None, "height and width of the image")
    like = arg(Optional(ValueRef()), None, "a value whose last sizes are the height and width")
    examples = (
        Example({"output_size": [8, 6], "kernel_size": 2, "stride": 2}, "float32[B, 12, 12]", "float32[B, 3, 8, 6]"),
        Example({"output_size": 4, "kernel_size": [3, 2], "padding": [1, 0]}, "float64[18, 12]", "float64[3, 4, 4]"),
        Example(
            {"kernel_size": 2, "stride": 2, "like": "x"},
            ("float32[B, 8, 4*(W//2)]", "float32[B, 3, 8, W]"),
            "float32[B, 2, 8, W]",
        ),
    )

    def validate(self) -> None:
        if (self.output_size is None) == (self.like is None):
            raise BadValue("`fold` needs one of `output_size` and `like`", ("output_size",))

    def infer(self, require: Require, x: TensorType, like: TensorType | None) -> TensorType:
        require.dtype(x, *self.dtypes, what="the input of `fold`", inputs=(0,))
        require.rank(x, 2, 3, what="the input of `fold`", inputs=(0,))
        cells, axis = prod(self.kernel_size), x.rank - 2
        message = "the rows of the input of `fold` do not divide into windows"
        require.at_least(x.shape[axis], 1, "`fold` reads no channels", inputs=(0,), axis=(axis,))
        require.divisible(x.shape[axis], cells, message, inputs=(0,), argument="kernel_size", axis=(axis,))
        if like is not None:
            require.rank(like, least=2, what="the value that `like` names", inputs=(1,))
            sizes = like.shape[-2:]
            for place, size in enumerate(sizes, like.rank - 2):
                message = f"`fold` makes an image of no elements in dimension {place}"
                require.at_least(size, 1, message, inputs=(1,), argument="like", axis=(place,))
        else:
            assert self.output_size is not None
            sizes = self.output_size
        count = self.blocks(require, sizes, argument="output_size" if like is None else "like")
        message = "the columns of the input of `fold` are not as many as the windows of the image"
        require.equal(x.shape[-1], count, message, inputs=(0,), axis=(x.rank - 1,))
        return x.with_shape((*x.shape[:-2], x.shape[axis] // cells, *sizes))

    def settings(self) -> dict[str, Any]:
        return given(self, "output_size", "kernel_size", "dilation", "padding", "stride")

    def module(self, x: TensorType, like: TensorType | None) -> Call | None:
        return Call("nn.Fold", **self.settings()) if like is None else None

    def forward(self, x: TensorType, like: TensorType | None) -> Any:
        settings = self.settings()
        if like is not None:
            settings = {"output_size": Index(Attr(In(1), "shape"), (Slice(-2),)), **settings}
        return Call("F.fold", In(0), **settings)

    def sequential(self) -> bool:
        return self.output_size is not None and not any(isinstance(size, Dim) for size in self.output_size)


@op("unfold_dim", "torch.Tensor.unfold")
class UnfoldDim(Op):
    """Windows over one dimension; their elements become the last dimension (frames of a signal)."""

    rule = "the shape of x, with (S - size)//step + 1 along `dimension`, and size at the end"
    dimension = arg(AnyInt, doc="the dimension to slide along")
    size = arg(NonNegativeInt, doc="elements of a window")
    step = arg(PositiveInt, doc="distance between windows")
    examples = (
        Example({"dimension": -1, "size": 4, "step": 2}, "float32[B, T]", "float32[B, (T - 4)//2 + 1, 4]"),
        Example({"dimension": 1, "size": 3, "step": 1}, "int64[B, 5, 8]", "int64[B, 3, 8, 3]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        axis = require.axis(x, self.dimension, "dimension")
        size = x.shape[axis] if x.shape else 1
        message = f"dimension {axis} is smaller than the window of `unfold_dim`"
        require.at_least(size, self.size, message, inputs=(0,), argument="size", axis=(axis,))
        if not x.shape:
            return x.with_shape((self.size,))
        count = (size - self.size) // self.step + 1
        return x.with_shape((*x.shape[:axis], count, *x.shape[axis + 1 :], self.size))

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "unfold", self.dimension, self.size, self.step)
