"""Resampling of spatial axes, and rearrangements between channels and space."""

from __future__ import annotations

from typing import Any

from archspec.dims import Size
from archspec.ops.base import Example, Op, arg
from archspec.ops.calls import given
from archspec.ops.expr import Attr, Call, In, Index, Slice
from archspec.ops.kinds import (
    BadValue,
    Bool,
    Choice,
    ListOf,
    OneOf,
    Optional,
    PositiveFloat,
    PositiveInt,
    SizeKind,
    ValueRef,
)
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import SAME
from archspec.ops.tensor import FLOATING, TensorType

_RANKS = {"linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5}


@op("interpolate", "torch.nn.functional.interpolate")
class Interpolate(Op):
    """Resamples the spatial axes of [N, C, *spatial] to a size, by a factor, or to the size of another value."""

    rule = "x is [N, C, *]; each spatial size S becomes `size`, floor(S * `scale_factor`), or that of `like`"
    ref_inputs = ("like",)
    size = arg(
        Optional(OneOf(SizeKind(1), ListOf(SizeKind(1), 1, 3))), None, "size of the output: one for all axes, or a list"
    )
    scale_factor = arg(Optional(OneOf(PositiveFloat, ListOf(PositiveFloat, 1, 3))), None, "output size over input size")
    mode = arg(
        Choice("nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact"),
        "nearest",
        "how values are found",
    )
    align_corners = arg(Optional(Bool), None, "align the centres of the corner cells (the interpolating modes)")
    antialias = arg(Bool, False, "smooth before shrinking (bilinear, bicubic)")
    like = arg(Optional(ValueRef()), None, "a value whose last sizes are the size of the output")
    examples = (
        Example({"scale_factor": 2}, "float32[B, 3, H, W]", "float32[B, 3, 2*H, 2*W]"),
        Example(
            {"size": [7, 9], "mode": "bilinear", "align_corners": True}, "float32[B, 3, H, W]", "float32[B, 3, 7, 9]"
        ),
        Example({"scale_factor": [0.5, 1.5], "mode": "bicubic"}, "float64[2, 3, 5, W]", "float64[2, 3, 2, 3*W//2]"),
        Example({"size": 5, "mode": "area"}, "float32[B, 3, T]", "float32[B, 3, 5]"),
        Example({"scale_factor": 2, "mode": "trilinear"}, "float32[1, 2, 3, 3, 3]", "float32[1, 2, 6, 6, 6]"),
        Example({"scale_factor": 3, "mode": "linear"}, "float32[2, 3, T]", "float32[2, 3, 3*T]"),
        Example(
            {"scale_factor": 0.5, "mode": "bilinear", "antialias": True}, "float32[2, 3, 8, 8]", "float32[2, 3, 4, 4]"
        ),
        Example(
            {"like": "skip", "mode": "nearest-exact"},
            ("float32[B, 3, 4, 4]", "float32[B, 5, H, W]"),
            "float32[B, 3, H, W]",
        ),
    )

    def validate(self) -> None:
        if sum(given is not None for given in (self.size, self.scale_factor, self.like)) != 1:
            raise BadValue("`interpolate` needs one of `size`, `scale_factor` and `like`", ("size",))
        if self.align_corners is not None and self.mode not in _RANKS:
            raise BadValue(f"`align_corners` does not go with `mode: {self.mode}`", ("align_corners",))
        if self.antialias and self.mode not in ("bilinear", "bicubic"):
            raise BadValue(f"`antialias` does not go with `mode: {self.mode}`", ("antialias",))

    def infer(self, require: Require, x: TensorType, like: TensorType | None) -> TensorType:
        axes = x.rank - 2
        ranks = (_RANKS[self.mode],) if self.mode in _RANKS else (3, 4, 5)
        require.rank(
            x, *ranks, what=f"the input of `interpolate` with `mode: {self.mode}`", inputs=(0,), argument="mode"
        )
        dtypes = (*FLOATING, "uint8") if self.mode not in ("area", "linear", "trilinear") else FLOATING
        require.dtype(x, *dtypes, what="the input of `interpolate`", inputs=(0,))
        require.at_least(x.shape[1], 1, "`interpolate` has no channels", inputs=(0,), axis=(1,))
        out: list[Size] = []
        if like is not None:
            require.rank(like, least=axes, what="the value that `like` names", inputs=(1,))
            wanted: tuple[Any, ...] = like.shape[like.rank - axes :]
        else:
            wanted = self.each("size" if self.size is not None else "scale_factor", axes, require)
        for i, (size, each) in enumerate(zip(x.shape[2:], wanted, strict=True)):
            where: dict[str, Any] = {"inputs": (0,), "axis": (2 + i,)}
            require.at_least(size, 1, "`interpolate` reads an empty axis", **where)
            result = scaled(require, size, each, where) if self.scale_factor is not None else each
            require.at_least(result, 1, "`interpolate` would leave nothing of an axis", **where)
            out.append(result)
        return x.with_shape((*x.shape[:2], *out))

    def each(self, name: str, axes: int, require: Require) -> tuple[Any, ...]:
        """The argument for each axis."""
        value = getattr(self, name)
        values: tuple[Any, ...] = value if isinstance(value, tuple) else (value,) * axes
        if len(values) != axes:
            require.fail(
                "AS301", f"`{name}` has {len(values)} numbers, but the input {axes} spatial axes", argument=name
            )
        return values

    def settings(self) -> dict[str, Any]:
        out: dict[str, Any] = given(self, "size")
        if self.scale_factor is not None:
            many = isinstance(self.scale_factor, tuple)
            factors = [int(f) if f.is_integer() else f for f in (self.scale_factor if many else [self.scale_factor])]
            out["scale_factor"] = tuple(factors) if many else factors[0]
        return {**out, **given(self, "mode", "align_corners", "antialias")}

    def module(self, x: TensorType, like: TensorType | None) -> Call | None:
        if self.antialias or like is not None:
            return None
        return Call("nn.Upsample", **self.settings())

    def forward(self, x: TensorType, like: TensorType | None) -> Any:
        if like is None:
            return Call("F.interpolate", In(0), **self.settings())
        last = Slice(2) if like.rank == x.rank else Slice(2 - x.rank)
        size = Index(Attr(In(1), "shape"), (last,))
        return Call("F.interpolate", In(0), size=size, **self.settings())


def scaled(require: Require, size: Size, factor: float, where: dict[str, Any], argument: str = "scale_factor") -> Size:
    """floor(size * factor) as PyTorch computes it, in double precision."""
    if isinstance(size, int):
        return int(size * factor)
    above, below = factor.as_integer_ratio()
    if below > 2**16:  # the product would be rounded, and the floor depend on it
        require.fail(
            "AS306",
            f"a size times {factor:g} is only known for a known size, not for {size}",
            argument=argument,
            **where,
        )
    return size * above // below


class _Shuffle(Op):
    """Rearranges channels: axis -3 of [*, C, H, W]."""

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.rank(x, least=3, what=f"the input of `{self.name}`", inputs=(0,))
        return x

    def module(self, x: TensorType) -> Call:
        return Call(self.counterpart[6:], *(getattr(self, name) for name in self.args))

    def forward(self, x: TensorType) -> Any:
        return Call(f"F.{self.name}", In(0), *(getattr(self, name) for name in self.args))


@op("pixel_shuffle", "torch.nn.PixelShuffle")
class PixelShuffle(_Shuffle):
    """[*, C*r*r, H, W] becomes [*, C, H*r, W*r] (Shi et al., 2016)."""

    rule = "[*, C, H, W] → [*, C//upscale_factor**2, H*upscale_factor, W*upscale_factor]"
    upscale_factor = arg(PositiveInt, doc="the factor r")
    examples = (
        Example(2, "float32[B, 12, H, W]", "float32[B, 3, 2*H, 2*W]"),
        Example({"upscale_factor": 3}, "int64[9, 2, 2]", "int64[1, 6, 6]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        super().infer(require, x)
        require.elements(x, "the input of `pixel_shuffle`", inputs=(0,))
        r, axis = self.upscale_factor, x.rank - 3
        message = "the channels of the input of `pixel_shuffle` do not divide into squares of `upscale_factor`"
        require.divisible(x.shape[-3], r * r, message, inputs=(0,), axis=(axis,), argument="upscale_factor")
        return x.with_shape((*x.shape[:-3], x.shape[-3] // (r * r), x.shape[-2] * r, x.shape[-1] * r))


@op("pixel_unshuffle", "torch.nn.PixelUnshuffle")
class PixelUnshuffle(_Shuffle):
    """[*, C, H*r, W*r] becomes [*, C*r*r, H, W]."""

    rule = "[*, C, H, W] → [*, C*downscale_factor**2, H//downscale_factor, W//downscale_factor]"
    downscale_factor = arg(PositiveInt, doc="the factor r")
    examples = (
        Example(2, "float32[B, 3, 8, 8]", "float32[B, 12, 4, 4]"),
        Example({"downscale_factor": 3}, "float64[1, 6, 6]", "float64[9, 2, 2]"),
        Example(2, "float32[B, 3, 2*H, 2*W]", "float32[B, 12, H, W]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        super().infer(require, x)
        if x.numel() == 0:
            require.fail("AS304", "`pixel_unshuffle` reads a tensor without elements", inputs=(0,))
        r = self.downscale_factor
        for axis, name in ((x.rank - 2, "height"), (x.rank - 1, "width")):
            message = f"the {name} of the input of `pixel_unshuffle` does not divide by `downscale_factor`"
            require.divisible(x.shape[axis], r, message, inputs=(0,), axis=(axis,), argument="downscale_factor")
        return x.with_shape((*x.shape[:-3], x.shape[-3] * r * r, x.shape[-2] // r, x.shape[-1] // r))


@op("channel_shuffle", "torch.nn.ChannelShuffle")
class ChannelShuffle(_Shuffle):
    """Interleaves `groups` groups of the channels of [N, C, *] (Zhang et al., 2018)."""

    rule = SAME
    groups = arg(PositiveInt, doc="number of groups")
    examples = (
        Example(2, "float32[B, 4, H, W]", "float32[B, 4, H, W]"),
        Example({"groups": 3}, "float64[2, 6, 5]", "float64[2, 6, 5]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        super().infer(require, x)
        message = "the channels of the input of `channel_shuffle` do not divide into `groups`"
        require.at_least(x.shape[1], 1, "`channel_shuffle` has no channels", inputs=(0,), axis=(1,))
        require.divisible(x.shape[1], self.groups, message, inputs=(0,), axis=(1,), argument="groups")
        return x
