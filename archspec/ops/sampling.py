"""Reading images at any place: grids of positions, and the values there."""

from __future__ import annotations

from typing import Any

from archspec.ops.base import Example, Op, arg
from archspec.ops.calls import given
from archspec.ops.expr import Attr, Call, In
from archspec.ops.kinds import BadValue, Bool, Choice, ListOf, Optional, SizeKind, ValueRef
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.tensor import TensorType


@op("grid_sample", "torch.nn.functional.grid_sample")
class GridSample(Op):
    """The values of x at the positions in `grid`, from -1 to 1 for each axis, the last axis first (x, y, z).

    Spatial transformers (Jaderberg et al., 2015), warping by flow, deformable attention.
    """

    rule = (
        "[N, C, H, W], [N, A, B, T] → [N, C, A, B], or"
        " [N, C, D, H, W], [N, A, B, E, T] → [N, C, A, B, E], where T is the number of spatial axes"
    )
    inputs = ("x", "grid")
    mode = arg(Choice("bilinear", "nearest", "bicubic"), "bilinear", "how values between cells are found")
    padding_mode = arg(Choice("zeros", "border", "reflection"), "zeros", "what lies outside")
    align_corners = arg(Bool, False, "-1 and 1 are the centres of the corner cells, not their outer edges")
    examples = (
        Example({}, ("float32[B, 3, H, W]", "float32[B, 7, 9, 2]"), "float32[B, 3, 7, 9]"),
        Example(
            {"mode": "bicubic", "padding_mode": "border", "align_corners": True},
            ("float64[2, 3, 5, 6]", "float64[2, 1, T, 2]"),
            "float64[2, 3, 1, T]",
        ),
        Example({"mode": "nearest"}, ("float32[B, 3, 4, 5, 6]", "float32[B, 2, 3, 4, 3]"), "float32[B, 3, 2, 3, 4]"),
    )

    def infer(self, require: Require, x: TensorType, grid: TensorType) -> TensorType:
        require.floating(x, "the input of `grid_sample`", inputs=(0,))
        require.same_dtype(x, grid, "the input and the grid", inputs=(0, 1))
        ranks = (4,) if self.mode == "bicubic" else (4, 5)
        require.rank(x, *ranks, what=f"the input of `grid_sample` with `mode: {self.mode}`", inputs=(0,))
        require.rank(grid, x.rank, what=f"with an input {x}, the grid", inputs=(1,))
        message = "`grid_sample` needs a grid for each sample"
        batch = require.equal(x.shape[0], grid.shape[0], message, inputs=(0, 1), axis=(0, 0))
        message = "the grid of `grid_sample` has a coordinate for each spatial axis in its last dimension"
        require.equal(grid.shape[-1], x.rank - 2, message, inputs=(1,), axis=(x.rank - 1,))
        for axis in range(2, x.rank):
            require.at_least(x.shape[axis], 1, "`grid_sample` reads an empty axis", inputs=(0,), axis=(axis,))
        return x.with_shape((batch, x.shape[1], *grid.shape[1:-1]))

    def forward(self, x: TensorType, grid: TensorType) -> Any:
        settings = {**given(self, "mode", "padding_mode"), "align_corners": self.align_corners}
        return Call("F.grid_sample", In(0), In(1), **settings)


@op("affine_grid", "torch.nn.functional.affine_grid")
class AffineGrid(Op):
    """Where affine maps, [N, 2, 3] or [N, 3, 4], send the cells of an image; the grid of `grid_sample`."""

    rule = "[N, 2, 3] gives [N, H, W, 2], [N, 3, 4] gives [N, D, H, W, 3]; the sizes are those of `size` or `like`"
    inputs = ("theta",)
    ref_inputs = ("like",)
    size = arg(Optional(ListOf(SizeKind(1), 4, 5)), None, "shape of the image, [N, C, H, W] or [N, C, D, H, W]")
    like = arg(Optional(ValueRef()), None, "a value that has the shape of the image")
    align_corners = arg(Bool, False, "-1 and 1 are the centres of the corner cells, not their outer edges")
    examples = (
        Example({"size": [4, 3, 5, 6]}, "float32[4, 2, 3]", "float32[4, 5, 6, 2]"),
        Example(
            {"like": "image", "align_corners": True}, ("float64[B, 2, 3]", "float32[B, 3, H, W]"), "float64[B, H, W, 2]"
        ),
        Example({"size": [2, 3, 4, 5, 6]}, "float64[2, 3, 4]", "float64[2, 4, 5, 6, 3]"),
    )

    def validate(self) -> None:
        if (self.size is None) == (self.like is None):
            raise BadValue("`affine_grid` needs one of `size` and `like`", ("size",))

    def infer(self, require: Require, theta: TensorType, like: TensorType | None) -> TensorType:
        require.floating(theta, "the input of `affine_grid`", inputs=(0,))
        if like is not None:
            require.rank(like, 4, 5, what="the value that `like` names", inputs=(1,))
        size = self.size if like is None else like.shape
        assert size is not None
        axes = len(size) - 2
        require.rank(theta, 3, what="the input of `affine_grid`", inputs=(0,))
        for axis, wanted in enumerate((size[0], axes, axes + 1)):
            message = f"`affine_grid` for {axes} spatial axes needs [N, {axes}, {axes + 1}]; dimension {axis} differs"
            require.equal(theta.shape[axis], wanted, message, inputs=(0,), axis=(axis,))
        for length in size:
            require.at_least(length, 1, "`affine_grid` of an empty image", inputs=(0,))
        return theta.with_shape((size[0], *size[2:], axes))

    def forward(self, theta: TensorType, like: TensorType | None) -> Any:
        size = Attr(In(1), "shape") if like is not None else self.size and list(self.size)
        return Call("F.affine_grid", In(0), size, align_corners=self.align_corners)
