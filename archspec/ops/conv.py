"""Convolutions and transposed convolutions (torch.nn.Conv1d … ConvTranspose3d)."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar

from archspec.dims import Size
from archspec.ops.base import Example, State, Unread, arg
from archspec.ops.calls import dtype_of, given
from archspec.ops.expr import Call
from archspec.ops.kinds import BadValue, Bool, Choice, NonNegativeInt, OneOf, PositiveInt
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.spatial import PerAxis, Spatial
from archspec.ops.tensor import TensorType


class _Convolution(Spatial):
    """What convolutions and transposed convolutions share."""

    out_channels = arg(PositiveInt, doc="number of channels of the output")
    kernel_size = arg(PerAxis(PositiveInt), doc="size of the window")
    stride = arg(PerAxis(PositiveInt), 1, "step between windows")

    groups: int
    bias: bool

    def in_channels(self, require: Require, x: TensorType) -> int:
        require.floating(x, f"the input of `{self.name}`", inputs=(0,))
        channels = self.channels(require, x)
        require.divisible(
            channels,
            self.groups,
            f"the input channels of `{self.name}` do not divide into `groups`",
            inputs=(0,),
            argument="groups",
        )
        return channels

    def validate(self) -> None:
        if self.out_channels % self.groups:
            raise BadValue(
                f"`out_channels` must be a multiple of `groups`, got {self.out_channels} and {self.groups}",
                ("groups",),
            )

    def state(self, x: TensorType) -> tuple[State, ...]:
        weight = State("weight", (*self.weight_channels(int(x.shape[-self.axes - 1])), *self.kernel_size), x.dtype)  # type: ignore[arg-type]
        return (weight, State("bias", (self.out_channels,), x.dtype)) if self.bias else (weight,)

    def weight_channels(self, channels: int) -> tuple[int, int]:
        raise NotImplementedError

    def bias_axis(self, x: TensorType) -> int | None:
        return x.rank - self.axes - 1 if self.bias else None

    def module(self, x: TensorType) -> Call:
        names = [name for name in self.args if name not in ("out_channels", "kernel_size")]
        kernel = given(self, "kernel_size")
        channels = x.shape[-self.axes - 1]
        return Call(self.counterpart[6:], channels, self.out_channels, **kernel, **given(self, *names), **dtype_of(x))


class _Conv(_Convolution):
    rule: ClassVar[str] = (
        "[N?, C, {S}] → [N?, out_channels, {S'}],"
        " each S' = (S + 2*padding - dilation*(kernel_size - 1) - 1)//stride + 1;"
        " `padding: same` keeps the sizes, `padding: valid` is 0"
    )
    padding = arg(
        OneOf(PerAxis(NonNegativeInt), Choice("same", "valid")),
        0,
        "cells added to both ends of each axis; `same` keeps the size",
    )
    dilation = arg(PerAxis(PositiveInt), 1, "step between the cells of a window")
    groups = arg(
        PositiveInt, 1, "groups of channels that are convolved separately; the input channels make it depthwise"
    )
    bias = arg(Bool, True, "add a learned bias")
    padding_mode = arg(Choice("zeros", "reflect", "replicate", "circular"), "zeros", "what the padding holds")

    def validate(self) -> None:
        super().validate()
        if self.padding == "same" and any(s != 1 for s in self.stride):
            raise BadValue("`padding: same` needs stride 1", ("padding",))

    def pads(self) -> tuple[tuple[int, int], ...]:
        """Cells added before and after each spatial axis."""
        if self.padding == "valid":
            return ((0, 0),) * self.axes
        if self.padding == "same":
            totals = [d * (k - 1) for k, d in zip(self.kernel_size, self.dilation, strict=True)]
            return tuple((total // 2, total - total // 2) for total in totals)
        return tuple((p, p) for p in self.padding)

    def infer(self, require: Require, x: TensorType) -> TensorType:
        sizes = self.spatial(require, x)
        self.in_channels(require, x)
        out: list[Size] = []
        for i, (size, pad) in enumerate(zip(sizes, self.pads(), strict=True)):
            where: dict[str, Any] = {"inputs": (0,), "axis": (x.rank - self.axes + i,)}
            least = {"reflect": max(pad) + 1, "circular": max(pad)}.get(self.padding_mode, 1)
            require.at_least(
                size,
                least,
                f"{self.axis_name(i)} is too small for `{self.name}` with {self.padding_mode} padding {max(pad)}",
                **where,
            )
            reach = self.dilation[i] * (self.kernel_size[i] - 1) + 1
            padded = size + sum(pad)
            require.at_least(padded, reach, f"{self.axis_name(i)} is smaller than the window of `{self.name}`", **where)
            out.append((padded - reach) // self.stride[i] + 1)
        return x.with_shape((*x.shape[: -self.axes - 1], self.out_channels, *out))

    def unread(self, x: TensorType) -> tuple[Unread, ...]:
        if max(self.stride) == 1:
            return ()
        return self.left_by_windows(x, self.kernel_size, self.stride, self.pads(), self.dilation)

    def weight_channels(self, channels: int) -> tuple[int, int]:
        return self.out_channels, channels // self.groups

    def flops(self, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> Size:
        channels: int = inputs[0].shape[-self.axes - 1]
        return 2 * outputs[0].numel() * (channels // self.groups) * prod(self.kernel_size)


class _ConvTranspose(_Convolution):
    rule: ClassVar[str] = (
        "[N?, C, {S}] → [N?, out_channels, {S'}],"
        " each S' = (S - 1)*stride - 2*padding + dilation*(kernel_size - 1) + output_padding + 1"
    )
    padding = arg(PerAxis(NonNegativeInt), 0, "cells taken off both ends of each axis of the output")
    output_padding = arg(PerAxis(NonNegativeInt), 0, "cells added at one end of each axis of the output")
    groups = arg(PositiveInt, 1, "groups of channels that are convolved separately")
    bias = arg(Bool, True, "add a learned bias")
    dilation = arg(PerAxis(PositiveInt), 1, "step between the cells of a window")

    def validate(self) -> None:
        super().validate()
        for extra, stride, dilation in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if extra >= max(stride, dilation):
                raise BadValue(
                    f"`output_padding` must be smaller than the stride or the dilation, got {extra}",
                    ("output_padding",),
                )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        sizes = self.spatial(require, x)
        self.in_channels(require, x)
        out: list[Size] = []
        for i, size in enumerate(sizes):
            reach = self.dilation[i] * (self.kernel_size[i] - 1) + 1
            length = (size - 1) * self.stride[i] - 2 * self.padding[i] + reach + self.output_padding[i]
            where: dict[str, Any] = {"inputs": (0,), "axis": (x.rank - self.axes + i,)}
            require.at_least(size, 1, f"`{self.name}` reads an empty {self.axis_name(i)}", **where)
            require.at_least(
                length, 1, f"`{self.name}` would give an output {self.axis_name(i)} that is too small", **where
            )
            out.append(length)
        return x.with_shape((*x.shape[: -self.axes - 1], self.out_channels, *out))

    def weight_channels(self, channels: int) -> tuple[int, int]:
        return channels, self.out_channels // self.groups

    def flops(self, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> Size:
        cells: Size = inputs[0].numel()
        return 2 * cells * (self.out_channels // self.groups) * prod(self.kernel_size)


@op("conv1d", "torch.nn.Conv1d")
class Conv1d(_Conv, axes=1):
    """One-dimensional convolution of [N, C, L]."""

    examples = (
        Example({"out_channels": 8, "kernel_size": 3, "padding": 1}, "float32[B, 4, T]", "float32[B, 8, T]"),
        Example(
            {"out_channels": 6, "kernel_size": 4, "stride": 2, "groups": 2, "bias": False},
            "float32[4, 11]",
            "float32[6, 4]",
        ),
        Example(
            {"out_channels": 4, "kernel_size": [3], "padding": "same", "dilation": 2, "padding_mode": "circular"},
            "float64[B, 2, 12]",
            "float64[B, 4, 12]",
        ),
    )


@op("conv2d", "torch.nn.Conv2d")
class Conv2d(_Conv, axes=2):
    """Two-dimensional convolution of [N, C, H, W]."""

    examples = (
        Example({"out_channels": 8, "kernel_size": 3}, "float32[B, 3, 32, 32]", "float32[B, 8, 30, 30]"),
        Example(
            {"out_channels": 64, "kernel_size": 7, "stride": 2, "padding": 3, "bias": False},
            "float32[B, 3, H, W]",
            "float32[B, 64, (H - 1)//2 + 1, (W - 1)//2 + 1]",
        ),
        Example(
            {"out_channels": 6, "kernel_size": [3, 2], "padding": [2, 0], "dilation": [2, 1], "groups": 3},
            "float32[6, 7, 9]",
            "float32[6, 7, 8]",
        ),
        Example(
            {"out_channels": 4, "kernel_size": [3, 4], "padding": "same", "padding_mode": "reflect"},
            "float32[B, 2, 8, 8]",
            "float32[B, 4, 8, 8]",
        ),
        Example(
            {"out_channels": 4, "kernel_size": 3, "padding": 1, "padding_mode": "replicate"},
            "bfloat16[B, 2, 8, 8]",
            "bfloat16[B, 4, 8, 8]",
        ),
    )


@op("conv3d", "torch.nn.Conv3d")
class Conv3d(_Conv, axes=3):
    """Three-dimensional convolution of [N, C, D, H, W]."""

    examples = (
        Example(
            {"out_channels": 4, "kernel_size": 3, "padding": 1}, "float32[B, 2, D, H, W]", "float32[B, 4, D, H, W]"
        ),
        Example(
            {"out_channels": 4, "kernel_size": [1, 2, 3], "stride": [1, 2, 2], "bias": False},
            "float32[2, 4, 8, 9]",
            "float32[4, 4, 4, 4]",
        ),
        Example(
            {"out_channels": 2, "kernel_size": 2, "padding": "valid", "padding_mode": "circular"},
            "float32[B, 2, 4, 4, 4]",
            "float32[B, 2, 3, 3, 3]",
        ),
    )


@op("conv_transpose1d", "torch.nn.ConvTranspose1d")
class ConvTranspose1d(_ConvTranspose, axes=1):
    """Transposed convolution of [N, C, L]."""

    examples = (
        Example({"out_channels": 8, "kernel_size": 2, "stride": 2}, "float32[B, 4, T]", "float32[B, 8, 2*T]"),
        Example(
            {
                "out_channels": 6,
                "kernel_size": 3,
                "padding": 1,
                "output_padding": 1,
                "dilation": 2,
                "groups": 2,
                "bias": False,
            },
            "float32[4, 5]",
            "float32[6, 8]",
        ),
    )


@op("conv_transpose2d", "torch.nn.ConvTranspose2d")
class ConvTranspose2d(_ConvTranspose, axes=2):
    """Transposed convolution of [N, C, H, W]."""

    examples = (
        Example(
            {"out_channels": 64, "kernel_size": 2, "stride": 2}, "float32[B, 16, H, W]", "float32[B, 64, 2*H, 2*W]"
        ),
        Example(
            {
                "out_channels": 4,
                "kernel_size": [3, 4],
                "stride": 2,
                "padding": 1,
                "output_padding": [1, 0],
                "bias": False,
            },
            "float32[B, 2, 5, 5]",
            "float32[B, 4, 10, 10]",
        ),
    )


@op("conv_transpose3d", "torch.nn.ConvTranspose3d")
class ConvTranspose3d(_ConvTranspose, axes=3):
    """Transposed convolution of [N, C, D, H, W]."""

    examples = (
        Example(
            {"out_channels": 4, "kernel_size": 2, "stride": 2}, "float32[B, 2, D, H, W]", "float32[B, 4, 2*D, 2*H, 2*W]"
        ),
        Example(
            {
                "out_channels": 4,
                "kernel_size": [1, 2, 3],
                "stride": [1, 2, 3],
                "output_padding": [0, 1, 2],
                "groups": 2,
            },
            "float64[2, 2, 3, 3]",
            "float64[4, 2, 7, 11]",
        ),
    )
