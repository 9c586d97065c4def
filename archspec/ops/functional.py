"""Affine maps and convolutions whose weight is a value: computed, standardised, shared (torch.nn.functional)."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar

from archspec.dims import Size
from archspec.ops.base import Example, Op, arg
from archspec.ops.calls import given
from archspec.ops.expr import Call, In
from archspec.ops.kinds import Choice, NonNegativeInt, OneOf, PositiveInt, SizeKind
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.spatial import PerAxis, Spatial
from archspec.ops.tensor import TensorType


def _fits(require: Require, name: str, x: TensorType, weight: TensorType, bias: TensorType | None, out: Size) -> None:
    """One dtype, and a bias of one number for each output."""
    require.floating(x, f"the input of `{name}`", inputs=(0,))
    require.same_dtype(x, weight, f"the input and the weight of `{name}`", inputs=(0, 1))
    if bias is not None:
        require.same_dtype(x, bias, f"the input and the bias of `{name}`", inputs=(0, 2))
        require.rank(bias, 1, what=f"the bias of `{name}`", inputs=(2,))
        require.equal(bias.shape[0], out, f"the bias of `{name}` differs from its outputs", inputs=(2,), axis=(0,))


@op("functional_linear", "torch.nn.functional.linear")
class FunctionalLinear(Op):
    """Affine map of the last dimension with a weight that is a value: `x @ weight.T + bias`."""

    inputs = ("x", "weight", "bias?")
    rule = "[*, C], [out_features, C], [out_features]? → [*, out_features]; a weight [C] gives [*]"
    examples = (
        Example({}, ("float32[B, T, 8]", "float32[5, 8]"), "float32[B, T, 5]"),
        Example({}, ("float64[B, 8]", "float64[5, 8]", "float64[5]"), "float64[B, 5]"),
        Example({}, ("float32[B, T, 8]", "float32[8]"), "float32[B, T]"),
    )

    def infer(self, require: Require, x: TensorType, weight: TensorType, bias: TensorType | None = None) -> TensorType:
        require.rank(x, least=1, what="the input of `functional_linear`", inputs=(0,))
        require.rank(weight, 1, 2, what="the weight of `functional_linear`", inputs=(1,))
        if weight.rank == 1 and bias is not None:
            message = f"beside a bias, the weight of `functional_linear` must have 2 dimensions; {weight} has 1"
            require.fail("AS301", message, inputs=(1,))
        message = "the features of x and of the weight differ"
        require.equal(x.shape[-1], weight.shape[-1], message, inputs=(0, 1), axis=(x.rank - 1, weight.rank - 1))
        _fits(require, self.name, x, weight, bias, weight.shape[0])
        return x.with_shape((*x.shape[:-1], *weight.shape[:-1]))

    def flops(self, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> Size:
        features: Size = inputs[0].shape[-1]
        if inputs[1].rank == 1:  # a product with a vector, which the counter leaves out
            return 0
        return 2 * outputs[0].numel() * features

    def forward(self, x: TensorType, weight: TensorType, bias: TensorType | None = None) -> Any:
        return Call("F.linear", *(In(i) for i in range(2 if bias is None else 3)))


class _FunctionalConv(Spatial):
    """Base of the three ranks."""

    inputs = ("x", "weight", "bias?")
    rule: ClassVar[str] = "as of the convolution with a weight of this shape: out_channels, channels of a group, kernel"
    stride = arg(PerAxis(PositiveInt), 1, "step between windows")
    padding = arg(OneOf(PerAxis(NonNegativeInt), Choice("same", "valid")), 0, "cells added to both ends of each axis")
    dilation = arg(PerAxis(PositiveInt), 1, "step between the cells of a window")
    groups = arg(SizeKind(1), 1, "groups of channels that are convolved separately")

    def infer(self, require: Require, x: TensorType, weight: TensorType, bias: TensorType | None = None) -> TensorType:
        sizes = self.spatial(require, x)
        require.rank(weight, self.axes + 2, what=f"the weight of `{self.name}`", inputs=(1,))
        channels, groups = weight.shape[0], self.groups
        require.at_least(channels, 1, f"`{self.name}` has no outputs", inputs=(1,), axis=(0,))
        message = f"the channels of x differ from those that the weight of `{self.name}` reads"
        axes = (x.rank - self.axes - 1, 1)
        require.equal(x.shape[-self.axes - 1], weight.shape[1] * groups, message, inputs=(0, 1), axis=axes)
        if isinstance(groups, int):
            message = f"the output channels of `{self.name}` do not divide into `groups`"
            require.divisible(channels, groups, message, inputs=(1,), argument="groups", axis=(0,))
        elif (channels // groups) * groups != channels:
            require.fail(
                "AS306", f"{channels} is not known to be a multiple of {groups}", inputs=(1,), argument="groups"
            )
        _fits(require, self.name, x, weight, bias, channels)
        if self.padding == "same" and any(s != 1 for s in self.stride):
            require.fail("AS205", "`padding: same` needs stride 1", argument="padding")
        out = [self._output(require, i, size, weight) for i, size in enumerate(sizes)]
        return x.with_shape((*x.shape[: -self.axes - 1], channels, *out))

    def _output(self, require: Require, i: int, size: Size, weight: TensorType) -> Size:
        message = f"the kernel of `{self.name}` must be known"
        kernel = require.known(weight.shape[2 + i], message, inputs=(1,), axis=(2 + i,))
        where: dict[str, Any] = {"inputs": (1,), "axis": (2 + i,)}
        require.at_least(kernel, 1, f"the kernel of `{self.name}` is empty", **where)
        if self.padding == "same":
            return size
        reach = self.dilation[i] * (kernel - 1) + 1
        padded = size + (0 if self.padding == "valid" else 2 * self.padding[i])
        axis = self.axis_name(i)
        require.at_least(size, 1, f"`{self.name}` reads an empty {axis}", inputs=(0,))
        require.at_least(padded, reach, f"{axis} is smaller than the window of `{self.name}`", inputs=(0,))
        return (padded - reach) // self.stride[i] + 1

    def flops(self, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> Size:
        channels: Size = inputs[1].shape[1]
        return 2 * outputs[0].numel() * channels * prod(int(size) for size in inputs[1].shape[2:])

    def forward(self, x: TensorType, weight: TensorType, bias: TensorType | None = None) -> Any:
        options = given(self, "stride", "padding", "dilation", "groups")
        return Call(f"F.conv{self.axes}d", *(In(i) for i in range(2 if bias is None else 3)), **options)


@op("functional_conv1d", "torch.nn.functional.conv1d")
class FunctionalConv1d(_FunctionalConv, axes=1):
    """One-dimensional convolution with a weight that is a value."""

    examples = (
        Example({"padding": 1}, ("float32[B, 4, T]", "float32[8, 4, 3]"), "float32[B, 8, T]"),
        Example({"stride": 2, "groups": 2}, ("float32[4, 11]", "float32[6, 2, 4]", "float32[6]"), "float32[6, 4]"),
    )


@op("functional_conv2d", "torch.nn.functional.conv2d")
class FunctionalConv2d(_FunctionalConv, axes=2):
    """Two-dimensional convolution with a weight that is a value, e.g. standardised."""

    examples = (
        Example({}, ("float32[B, 3, H, W]", "float32[8, 3, 3, 3]", "float32[8]"), "float32[B, 8, H - 2, W - 2]"),
        Example(
            {"padding": "same", "dilation": 2, "groups": 3},
            ("float64[B, 3, H, W]", "float64[3, 1, 3, 5]"),
            "float64[B, 3, H, W]",
        ),
    )


@op("functional_conv3d", "torch.nn.functional.conv3d")
class FunctionalConv3d(_FunctionalConv, axes=3):
    """Three-dimensional convolution with a weight that is a value."""

    examples = (
        Example(
            {"stride": [1, 2, 2], "padding": [1, 0, 0]},
            ("float32[B, 3, T, 8, 8]", "float32[4, 3, 3, 2, 2]"),
            "float32[B, 4, T, 4, 4]",
        ),
    )
