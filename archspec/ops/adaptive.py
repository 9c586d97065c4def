"""Pooling to a given output size (torch.nn.AdaptiveAvgPool1d … AdaptiveMaxPool3d)."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.ops.base import Example, arg
from archspec.ops.calls import given, lone
from archspec.ops.expr import Call, In
from archspec.ops.kinds import Bool, Optional, PositiveInt
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.spatial import PerAxis, Spatial
from archspec.ops.tensor import FLOATING, TensorType


class _AdaptivePool(Spatial):
    rule: ClassVar[str] = "[N?, C, {S}] → [N?, C, {S'}], each S' = output_size or S"
    functional: ClassVar[str]

    output_size: Any = arg(PerAxis(Optional(PositiveInt)), doc="size of the output; null for an axis keeps its size")

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.dtype(x, *FLOATING, what=f"the input of `{self.name}`", inputs=(0,))
        sizes = self.spatial(require, x)
        for i, size in enumerate(sizes):
            require.at_least(
                size,
                1,
                f"`{self.name}` reads an empty {self.axis_name(i)}",
                inputs=(0,),
                axis=(x.rank - self.axes + i,),
            )
        out = [size if wanted is None else wanted for size, wanted in zip(sizes, self.output_size, strict=True)]
        return x.with_shape((*x.shape[: -self.axes], *out))

    def size(self) -> Any:
        """The size as written in a call; PyTorch does not take a lone None for all axes."""
        return self.output_size if self.output_size[0] is None else lone(self.output_size)

    def settings(self) -> dict[str, Any]:
        return {}

    def module(self, x: TensorType) -> Call:
        return Call(self.counterpart[6:], self.size(), **self.settings())

    def forward(self, x: TensorType) -> Any:
        return Call(self.functional, In(0), self.size(), **self.settings())


class _AdaptivePool1d(_AdaptivePool):
    output_size = arg(PerAxis(PositiveInt), doc="size of the output")


class _AdaptiveMaxPool(_AdaptivePool):
    return_indices = arg(Bool, False, "give the positions of the largest values as a second result")
    result: ClassVar[tuple[str, ...]] = ("output", "indices")

    def infer(self, require: Require, x: TensorType) -> TensorType | tuple[TensorType, ...]:  # type: ignore[override]
        y = super().infer(require, x)
        return (y, y.with_dtype("int64")) if self.return_indices else y

    def settings(self) -> dict[str, Any]:
        return given(self, "return_indices")

    def sequential(self) -> bool:
        return not self.return_indices


@op("adaptive_avg_pool1d", "torch.nn.AdaptiveAvgPool1d")
class AdaptiveAvgPool1d(_AdaptivePool1d, axes=1):
    """Mean of each of `output_size` equal parts of [N, C, L]."""

    functional = "F.adaptive_avg_pool1d"
    examples = (
        Example(1, "float32[B, 4, T]", "float32[B, 4, 1]"),
        Example(5, "float64[4, 3]", "float64[4, 5]"),
    )


@op("adaptive_avg_pool2d", "torch.nn.AdaptiveAvgPool2d")
class AdaptiveAvgPool2d(_AdaptivePool, axes=2):
    """Mean of each of `output_size` equal parts of [N, C, H, W]."""

    functional = "F.adaptive_avg_pool2d"
    examples = (
        Example(1, "float32[B, 4, H, W]", "float32[B, 4, 1, 1]"),
        Example({"output_size": [3, None]}, "float32[4, 7, W]", "float32[4, 3, W]"),
    )


@op("adaptive_avg_pool3d", "torch.nn.AdaptiveAvgPool3d")
class AdaptiveAvgPool3d(_AdaptivePool, axes=3):
    """Mean of each of `output_size` equal parts of [N, C, D, H, W]."""

    functional = "F.adaptive_avg_pool3d"
    examples = (
        Example([1, 2, 3], "float32[B, 4, D, H, W]", "float32[B, 4, 1, 2, 3]"),
        Example({"output_size": 2}, "float32[4, 3, 4, 5]", "float32[4, 2, 2, 2]"),
    )


@op("adaptive_max_pool1d", "torch.nn.AdaptiveMaxPool1d")
class AdaptiveMaxPool1d(_AdaptiveMaxPool, axes=1):
    """Largest value of each of `output_size` equal parts of [N, C, L]."""

    functional = "F.adaptive_max_pool1d"
    output_size = arg(PerAxis(PositiveInt), doc="size of the output")
    examples = (
        Example(1, "float32[B, 4, T]", "float32[B, 4, 1]"),
        Example({"output_size": 5, "return_indices": True}, "float64[4, 3]", ("float64[4, 5]", "int64[4, 5]")),
    )


@op("adaptive_max_pool2d", "torch.nn.AdaptiveMaxPool2d")
class AdaptiveMaxPool2d(_AdaptiveMaxPool, axes=2):
    """Largest value of each of `output_size` equal parts of [N, C, H, W]."""

    functional = "F.adaptive_max_pool2d"
    examples = (
        Example(1, "float32[B, 4, H, W]", "float32[B, 4, 1, 1]"),
        Example({"output_size": [3, None]}, "float32[4, 7, W]", "float32[4, 3, W]"),
        Example({"output_size": 2, "return_indices": True}, "float32[4, 7, 7]", ("float32[4, 2, 2]", "int64[4, 2, 2]")),
    )


@op("adaptive_max_pool3d", "torch.nn.AdaptiveMaxPool3d")
class AdaptiveMaxPool3d(_AdaptiveMaxPool, axes=3):
    """Largest value of each of `output_size` equal parts of [N, C, D, H, W]."""

    functional = "F.adaptive_max_pool3d"
    examples = (
        Example([1, 2, 3], "float32[B, 4, D, H, W]", "float32[B, 4, 1, 2, 3]"),
        Example(
            {"output_size": 2, "return_indices": True},
            "float32[4, 3, 4, 5]",
            ("float32[4, 2, 2, 2]", "int64[4, 2, 2, 2]"),
        ),
    )
