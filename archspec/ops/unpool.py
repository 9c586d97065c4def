"""Undoing and randomising max-pooling (torch.nn.MaxUnpool1d … FractionalMaxPool3d)."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.dims import Size
from archspec.ops.base import Example, arg
from archspec.ops.calls import given
from archspec.ops.expr import Attr, Call, In, Index, Slice
from archspec.ops.kinds import BadValue, Bool, Float, NonNegativeInt, Optional, PositiveInt, SizeKind, ValueRef
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.spatial import PerAxis, Spatial
from archspec.ops.tensor import TensorType
from archspec.ops.upsample import scaled


class _MaxUnpool(Spatial):
    """Base: `indices` are those of a max-pooling with `return_indices`."""

    rule: ClassVar[str] = (
        "[N?, C, {S}] → [N?, C, {S'}], each S' = (S - 1)*stride - 2*padding + kernel_size;"
        " or `output_size`, or the last sizes of `like`"
    )
    inputs = ("x", "indices")
    ref_inputs = ("like",)

    kernel_size = arg(PerAxis(PositiveInt), doc="size of the window that was pooled")
    stride = arg(Optional(PerAxis(PositiveInt)), None, "step between windows; the window's size when left out")
    padding = arg(PerAxis(NonNegativeInt), 0, "cells that were added to both ends of each axis")
    output_size = arg(
        Optional(PerAxis(SizeKind(1))), None, "size of the output, where several were pooled to that of the input"
    )
    like = arg(Optional(ValueRef()), None, "a value whose last sizes are the size of the output")

    def validate(self) -> None:
        if self.output_size is not None and self.like is not None:
            raise BadValue("`output_size` and `like` say the same thing; give one of them", ("output_size",))

    def infer(self, require: Require, x: TensorType, indices: TensorType, like: TensorType | None) -> TensorType:
        require.floating(x, f"the input of `{self.name}`", inputs=(0,))
        require.dtype(indices, "int64", what="the indices", inputs=(1,))
        sizes = self.spatial(require, x)
        require.rank(indices, x.rank, what=f"with an input {x}, the indices", inputs=(0, 1))
        for axis, (size, other) in enumerate(zip(x.shape, indices.shape, strict=True)):
            message = f"`{self.name}` needs an index for each element; the two differ in dimension {axis}"
            require.equal(size, other, message, inputs=(0, 1), axis=(axis, axis))
        if like is not None:
            require.rank(like, least=self.axes, what="the value that `like` names", inputs=(2,))
        wanted = like.shape[like.rank - self.axes :] if like is not None else self.output_size
        steps = self.kernel_size if self.stride is None else self.stride
        out: list[Size] = []
        for i, size in enumerate(sizes):
            where: dict[str, Any] = {"inputs": (0,), "axis": (x.rank - self.axes + i,)}
            require.at_least(size, 1, f"`{self.name}` reads an empty {self.axis_name(i)}", **where)
            usual = (size - 1) * steps[i] - 2 * self.padding[i] + self.kernel_size[i]
            result = usual if wanted is None else wanted[i]
            if wanted is not None:
                message = f"no {self.axis_name(i)} of {result} is pooled to {size}; its distance from {usual}"
                require.at_least(result - usual, 1 - steps[i], message, **where)
                require.at_least(usual - result, 1 - steps[i], message, **where)
            require.at_least(result, 1, f"`{self.name}` would leave nothing of the {self.axis_name(i)}", **where)
            out.append(result)
        return x.with_shape((*x.shape[: -self.axes], *out))

    def forward(self, x: TensorType, indices: TensorType, like: TensorType | None) -> Any:
        names = ["kernel_size", *(["stride"] if self.stride != self.kernel_size else []), "padding", "output_size"]
        settings = given(self, *names)
        if self.output_size is not None:
            settings["output_size"] = self.output_size
        if like is not None:
            settings["output_size"] = Index(Attr(In(2), "shape"), (Slice(like.rank - self.axes),))
        return Call(f"F.{self.name}", In(0), In(1), **settings)


@op("max_unpool1d", "torch.nn.MaxUnpool1d")
class MaxUnpool1d(_MaxUnpool, axes=1):
    """Puts each value of [N, C, L] back to where max-pooling found it, and zeros elsewhere."""

    examples = (
        Example(2, ("float32[B, 4, T]", "int64[B, 4, T]"), "float32[B, 4, 2*T]"),
        Example({"kernel_size": 2, "output_size": 9}, ("float32[4, 4]", "int64[4, 4]"), "float32[4, 9]"),
    )


@op("max_unpool2d", "torch.nn.MaxUnpool2d")
class MaxUnpool2d(_MaxUnpool, axes=2):
    """Puts each value of [N, C, H, W] back to where max-pooling found it, and zeros elsewhere."""

    examples = (
        Example(2, ("float32[B, 4, H, W]", "int64[B, 4, H, W]"), "float32[B, 4, 2*H, 2*W]"),
        Example(
            {"kernel_size": 2, "like": "encoded"},
            ("float32[B, 4, 3, 5]", "int64[B, 4, 3, 5]", "float32[B, 2, 7, 10]"),
            "float32[B, 4, 7, 10]",
        ),
        Example(
            {"kernel_size": [3, 2], "stride": 2, "padding": [1, 0]},
            ("float64[4, 3, 3]", "int64[4, 3, 3]"),
            "float64[4, 5, 6]",
        ),
    )


@op("max_unpool3d", "torch.nn.MaxUnpool3d")
class MaxUnpool3d(_MaxUnpool, axes=3):
    """Puts each value of [N, C, D, H, W] back to where max-pooling found it, and zeros elsewhere."""

    examples = (
        Example(2, ("float32[B, 4, 2, H, W]", "int64[B, 4, 2, H, W]"), "float32[B, 4, 4, 2*H, 2*W]"),
        Example(
            {"kernel_size": [1, 2, 2], "output_size": [2, 5, 4]},
            ("float32[4, 2, 2, 2]", "int64[4, 2, 2, 2]"),
            "float32[4, 2, 5, 4]",
        ),
    )


_Ratio = Float(0, 1, open=True, title="a number between 0 and 1")


class _FractionalMaxPool(Spatial):
    """Base: windows at random places, in evaluation too."""

    rule: ClassVar[str] = "[N?, C, {S}] → [N?, C, {S'}], each S' = output_size; or floor(S * `output_ratio`)"
    result: ClassVar[tuple[str, ...]] = ("output", "indices")
    spare: ClassVar[int]  # cells by which the input must be larger than output_size + kernel_size - 1

    kernel_size = arg(PerAxis(PositiveInt), doc="size of the window")
    output_size = arg(Optional(PerAxis(PositiveInt)), None, "size of the output")
    output_ratio = arg(Optional(PerAxis(_Ratio)), None, "output size over input size")
    return_indices = arg(Bool, False, "give the positions of the largest values as a second result, for `max_unpool`")

    def validate(self) -> None:
        if (self.output_size is None) == (self.output_ratio is None):
            raise BadValue(f"`{self.name}` needs one of `output_size` and `output_ratio`", ("output_size",))

    def infer(self, require: Require, x: TensorType) -> TensorType | tuple[TensorType, ...]:
        require.floating(x, f"the input of `{self.name}`", inputs=(0,))
        out: list[Size] = []
        for i, size in enumerate(self.spatial(require, x)):
            where: dict[str, Any] = {"inputs": (0,), "axis": (x.rank - self.axes + i,)}
            result: Size
            if self.output_size is not None:
                result = self.output_size[i]
            else:
                assert self.output_ratio is not None
                result = scaled(require, size, self.output_ratio[i], where, "output_ratio")
            message = f"{self.axis_name(i)} is too small for the windows of `{self.name}`"
            require.at_least(size - result - self.kernel_size[i], self.spare - 1, message, **where)
            require.at_least(result, 1, f"`{self.name}` would leave nothing of the {self.axis_name(i)}", **where)
            out.append(result)
        y = x.with_shape((*x.shape[: -self.axes], *out))
        return (y, y.with_dtype("int64")) if self.return_indices else y

    def module(self, x: TensorType) -> Call:
        settings = given(self, "output_size", "output_ratio", "return_indices")
        if self.output_ratio is not None:  # the function takes no lone number
            settings["output_ratio"] = self.output_ratio
        return Call(self.counterpart[6:], *given(self, "kernel_size").values(), **settings)

    def forward(self, x: TensorType) -> Any:
        call = self.module(x)
        return Call(f"F.{self.name}", In(0), *call.args, **call.kwargs)

    def sequential(self) -> bool:
        return not self.return_indices


@op("fractional_max_pool2d", "torch.nn.FractionalMaxPool2d")
class FractionalMaxPool2d(_FractionalMaxPool, axes=2):
    """Largest values of windows of [N, C, H, W] at random steps (Graham, 2014): random in evaluation too."""

    spare = 0
    examples = (
        Example({"kernel_size": 2, "output_size": 5}, "float32[B, 4, 8, 9]", "float32[B, 4, 5, 5]"),
        Example({"kernel_size": [3, 2], "output_ratio": 0.5}, "float64[4, 9, 8]", "float64[4, 4, 4]"),
        Example(
            {"kernel_size": 2, "output_ratio": [0.5, 0.75], "return_indices": True},
            "float32[B, 4, 8, 8]",
            ("float32[B, 4, 4, 6]", "int64[B, 4, 4, 6]"),
        ),
    )


@op("fractional_max_pool3d", "torch.nn.FractionalMaxPool3d")
class FractionalMaxPool3d(_FractionalMaxPool, axes=3):
    """Largest values of windows of [N, C, D, H, W] at random steps (Graham, 2014): random in evaluation too."""

    spare = 1
    examples = (
        Example({"kernel_size": 2, "output_size": [2, 3, 3]}, "float32[B, 4, 4, 6, 6]", "float32[B, 4, 2, 3, 3]"),
        Example(
            {"kernel_size": 2, "output_ratio": 0.5, "return_indices": True},
            "float32[4, 6, 8, 8]",
            ("float32[4, 3, 4, 4]", "int64[4, 3, 4, 4]"),
        ),
    )
