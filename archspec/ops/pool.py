"""Pooling over windows (torch.nn.MaxPool1d … LPPool3d)."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.dims import Size
from archspec.ops.base import Example, Unread, arg
from archspec.ops.broadcast import require_exponent
from archspec.ops.calls import given
from archspec.ops.expr import Call, In
from archspec.ops.kinds import BadValue, Bool, NonNegativeInt, Number, Optional, PositiveInt
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.spatial import PerAxis, Spatial
from archspec.ops.tensor import FLOATING, INTEGRAL, TensorType


class _Pool(Spatial):
    """Windows over the spatial axes, channel by channel."""

    functional: ClassVar[str]
    dtypes: ClassVar[tuple[str, ...]] = FLOATING
    whole: ClassVar[bool] = False  # the input without its padding must be as large as the window (avg_pool3d)
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...] | None
    padding: tuple[int, ...]
    ceil_mode: bool

    @property
    def steps(self) -> tuple[int, ...]:
        return self.kernel_size if self.stride is None else self.stride

    def settings(self) -> dict[str, Any]:
        """The arguments, without a stride that says what it is anyway."""
        names = [name for name in self.args if name != "stride" or self.stride != self.kernel_size]
        return given(self, *names)

    def module(self, x: TensorType) -> Call:
        settings = self.settings()
        if len(settings) == 1:
            return Call(self.counterpart[6:], *settings.values())
        return Call(self.counterpart[6:], **settings)

    def forward(self, x: TensorType) -> Any:
        call = self.module(x)
        return Call(self.functional, In(0), *call.args, **call.kwargs)

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.dtype(x, *self.dtypes, what=f"the input of `{self.name}`", inputs=(0,))
        return self.windows(require, x, (0,) * self.axes, (1,) * self.axes)

    def windows(
        self, require: Require, x: TensorType, padding: tuple[int, ...], dilation: tuple[int, ...]
    ) -> TensorType:
        """The windows that fit, by PyTorch's `pooling_output_shape` (aten/src/ATen/native/Pool.h).

        With `ceil_mode` the last window may hang over the end, but must begin inside the input or its left padding:
        of the two bounds (H + 2p - r + s - 1)//s and (H + p - 1)//s the smaller counts, r the reach of the window.
        """
        out: list[Size] = []
        for i, size in enumerate(self.spatial(require, x)):
            reach, step, pad = dilation[i] * (self.kernel_size[i] - 1) + 1, self.steps[i], padding[i]
            slack = 2 * pad - reach
            if self.ceil_mode:
                slack = min(slack + step - 1, pad - 1)
            where: dict[str, Any] = {"inputs": (0,), "axis": (x.rank - self.axes + i,)}
            message = f"{self.axis_name(i)} is too small for the window of `{self.name}`"
            least = self.kernel_size[i] if self.whole else 1
            require.at_least(size, max(least, -slack), message, **where)
            out.append((size + slack) // step + 1)
        return x.with_shape((*x.shape[: -self.axes], *out))

    def unread(self, x: TensorType) -> tuple[Unread, ...]:
        if self.ceil_mode:
            return ()
        pads = tuple((pad, pad) for pad in getattr(self, "padding", (0,) * self.axes))
        dilation = getattr(self, "dilation", (1,) * self.axes)
        return self.left_by_windows(x, self.kernel_size, self.steps, pads, dilation)

    def validate(self) -> None:
        for kernel, pad in zip(self.kernel_size, self.padding, strict=True):
            if pad > kernel // 2:
                raise BadValue(f"`padding` must be at most half of the kernel size {kernel}, got {pad}", ("padding",))


class _MaxPool(_Pool):
    rule: ClassVar[str] = (
        "[N?, C, {S}] → [N?, C, {S'}], each S' = (S + 2*padding - dilation*(kernel_size - 1) - 1)//stride + 1;"
        " `ceil_mode` also keeps a last window that hangs over the end, if it begins before it"
    )
    kernel_size = arg(PerAxis(PositiveInt), doc="size of the window")
    stride = arg(Optional(PerAxis(PositiveInt)), None, "step between windows; the window's size when left out")
    padding = arg(PerAxis(NonNegativeInt), 0, "cells of minus infinity added to both ends of each axis")
    dilation = arg(PerAxis(PositiveInt), 1, "step between the cells of a window")
    ceil_mode = arg(Bool, False, "keep a last window that hangs over the end")
    return_indices = arg(Bool, False, "give the positions of the largest values as a second result, for `max_unpool`")
    result: ClassVar[tuple[str, ...]] = ("output", "indices")

    def infer(self, require: Require, x: TensorType) -> TensorType | tuple[TensorType, ...]:  # type: ignore[override]
        require.dtype(x, *self.dtypes, what=f"the input of `{self.name}`", inputs=(0,))
        y = self.windows(require, x, self.padding, self.dilation)
        for i, size in enumerate(x.shape[-self.axes :]):
            if (
                self.padding[i] and self.dilation[i] > 1
            ):  # PyTorch reads beyond the input where no cell of a window is in it
                message = f"a window of `{self.name}` may step over the whole {self.axis_name(i)}"
                require.at_least(size, self.dilation[i], message, inputs=(0,), axis=(x.rank - self.axes + i,))
        return (y, y.with_dtype("int64")) if self.return_indices else y

    def sequential(self) -> bool:
        return not self.return_indices


class _AvgPool(_Pool):
    rule: ClassVar[str] = (
        "[N?, C, {S}] → [N?, C, {S'}], each S' = (S + 2*padding - kernel_size)//stride + 1;"
        " `ceil_mode` also keeps a last window that hangs over the end, if it begins before it"
    )
    kernel_size = arg(PerAxis(PositiveInt), doc="size of the window")
    stride = arg(Optional(PerAxis(PositiveInt)), None, "step between windows; the window's size when left out")
    padding = arg(PerAxis(NonNegativeInt), 0, "cells of zero added to both ends of each axis")
    ceil_mode = arg(Bool, False, "keep a last window that hangs over the end")
    count_include_pad = arg(Bool, True, "let the padding count in the mean")

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.dtype(x, *self.dtypes, what=f"the input of `{self.name}`", inputs=(0,))
        return self.windows(require, x, self.padding, (1,) * self.axes)


class _LPPool(_Pool):
    rule: ClassVar[str] = (
        "[N?, C, {S}] → [N?, C, {S'}], each S' = (S - kernel_size)//stride + 1;"
        " `ceil_mode` also keeps a last window that hangs over the end"
    )
    dtypes = (*FLOATING, *INTEGRAL, "bool")
    norm_type = arg(Number, doc="the power p: (sum of x**p)**(1/p)")
    kernel_size = arg(PerAxis(PositiveInt), doc="size of the window")
    stride = arg(Optional(PerAxis(PositiveInt)), None, "step between windows; the window's size when left out")
    ceil_mode = arg(Bool, False, "keep a last window that hangs over the end")

    def validate(self) -> None:
        if self.norm_type == 0:
            raise BadValue("`norm_type` must not be 0", ("norm_type",))

    def module(self, x: TensorType) -> Call:
        settings = self.settings()
        del settings["norm_type"]
        return Call(self.counterpart[6:], self.norm_type, **settings)

    def infer(self, require: Require, x: TensorType) -> TensorType:
        y = super().infer(require, x)
        if not x.is_floating:
            return y.with_dtype("float32")
        for exponent in (self.norm_type, 1 / self.norm_type):
            require_exponent(require, x.dtype, exponent, "norm_type")
        return y


@op("max_pool1d", "torch.nn.MaxPool1d")
class MaxPool1d(_MaxPool, axes=1):
    """Largest value of each window of [N, C, L]."""

    functional = "F.max_pool1d"
    examples = (
        Example(2, "float32[B, 4, T]", "float32[B, 4, T//2]"),
        Example({"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, "float32[4, 8]", "float32[4, 5]"),
        Example({"kernel_size": 2, "return_indices": True}, "float32[B, 4, 8]", ("float32[B, 4, 4]", "int64[B, 4, 4]")),
    )


@op("max_pool2d", "torch.nn.MaxPool2d")
class MaxPool2d(_MaxPool, axes=2):
    """Largest value of each window of [N, C, H, W]."""

    functional = "F.max_pool2d"
    examples = (
        Example(2, "float32[B, 4, 32, 32]", "float32[B, 4, 16, 16]"),
        Example(
            {"kernel_size": 3, "stride": 2, "padding": 1},
            "float32[B, 4, H, W]",
            "float32[B, 4, (H - 1)//2 + 1, (W - 1)//2 + 1]",
        ),
        Example({"kernel_size": [3, 2], "stride": [2, 2], "ceil_mode": True}, "float32[4, 8, 7]", "float32[4, 4, 4]"),
        Example(
            {"kernel_size": 2, "stride": 3, "dilation": 2, "ceil_mode": True, "padding": 1},
            "float64[B, 4, 9, 11]",
            "float64[B, 4, 4, 4]",
        ),
        Example(
            {"kernel_size": 2, "return_indices": True},
            "float32[B, 4, 8, 8]",
            ("float32[B, 4, 4, 4]", "int64[B, 4, 4, 4]"),
        ),
    )


@op("max_pool3d", "torch.nn.MaxPool3d")
class MaxPool3d(_MaxPool, axes=3):
    """Largest value of each window of [N, C, D, H, W]."""

    functional = "F.max_pool3d"
    examples = (
        Example(2, "float32[B, 4, D, 8, 8]", "float32[B, 4, D//2, 4, 4]"),
        Example(
            {"kernel_size": [1, 3, 3], "stride": [1, 2, 2], "padding": [0, 1, 1]},
            "float32[4, 5, 8, 8]",
            "float32[4, 5, 4, 4]",
        ),
        Example(
            {"kernel_size": 2, "return_indices": True},
            "float32[B, 2, 4, 4, 4]",
            ("float32[B, 2, 2, 2, 2]", "int64[B, 2, 2, 2, 2]"),
        ),
    )


@op("avg_pool1d", "torch.nn.AvgPool1d")
class AvgPool1d(_AvgPool, axes=1):
    """Mean of each window of [N, C, L]."""

    functional = "F.avg_pool1d"
    examples = (
        Example(2, "float32[B, 4, T]", "float32[B, 4, T//2]"),
        Example(
            {"kernel_size": 3, "stride": 1, "padding": 1, "count_include_pad": False}, "float32[4, 8]", "float32[4, 8]"
        ),
    )


@op("avg_pool2d", "torch.nn.AvgPool2d")
class AvgPool2d(_AvgPool, axes=2):
    """Mean of each window of [N, C, H, W]."""

    functional = "F.avg_pool2d"
    examples = (
        Example(2, "float32[B, 4, H, W]", "float32[B, 4, H//2, W//2]"),
        Example(
            {"kernel_size": [3, 2], "stride": 2, "padding": [1, 0], "ceil_mode": True},
            "float32[4, 8, 7]",
            "float32[4, 5, 4]",
        ),
    )


@op("avg_pool3d", "torch.nn.AvgPool3d")
class AvgPool3d(_AvgPool, axes=3):
    """Mean of each window of [N, C, D, H, W]."""

    functional = "F.avg_pool3d"
    whole = True
    examples = (
        Example(2, "float32[B, 4, D, 8, 8]", "float32[B, 4, D//2, 4, 4]"),
        Example(
            {"kernel_size": [1, 3, 3], "stride": 1, "padding": [0, 1, 1]}, "float64[4, 5, 8, 8]", "float64[4, 5, 8, 8]"
        ),
    )


@op("lp_pool1d", "torch.nn.LPPool1d")
class LPPool1d(_LPPool, axes=1):
    """Power-average of each window of [N, C, L]."""

    functional = "F.lp_pool1d"
    examples = (
        Example({"kernel_size": 2, "norm_type": 2}, "float32[B, 4, T]", "float32[B, 4, T//2]"),
        Example({"norm_type": 1.5, "kernel_size": 3, "stride": 2, "ceil_mode": True}, "float32[4, 8]", "float32[4, 4]"),
    )


@op("lp_pool2d", "torch.nn.LPPool2d")
class LPPool2d(_LPPool, axes=2):
    """Power-average of each window of [N, C, H, W]."""

    functional = "F.lp_pool2d"
    examples = (
        Example({"norm_type": 2, "kernel_size": 2}, "float32[B, 4, H, W]", "float32[B, 4, H//2, W//2]"),
        Example({"norm_type": 3, "kernel_size": [3, 2], "stride": 2}, "float64[4, 8, 7]", "float64[4, 3, 3]"),
    )


@op("lp_pool3d", "torch.nn.LPPool3d")
class LPPool3d(_LPPool, axes=3):
    """Power-average of each window of [N, C, D, H, W]."""

    functional = "F.lp_pool3d"
    whole = True
    examples = (
        Example({"norm_type": 2, "kernel_size": 2}, "float32[B, 4, 8, 8, 8]", "float32[B, 4, 4, 4, 4]"),
        Example({"norm_type": 2, "kernel_size": [1, 2, 3], "stride": 1}, "float32[4, 5, 8, 8]", "float32[4, 5, 7, 6]"),
    )
