"""Ops that come in one, two and three spatial dimensions: one set of rules, one subclass a rank."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

from archspec.dims import Size
from archspec.ops.base import Arg, Op, Unread
from archspec.ops.kinds import Kind, OneOf, Optional, Spread
from archspec.ops.require import Require
from archspec.ops.tensor import TensorType

T = TypeVar("T")

UNITS = {"length": "position", "height": "row", "width": "column", "depth": "slice"}
AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
LETTERS = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}


class PerAxis(Kind["tuple[T, ...]"], Generic[T]):
    """One value for each spatial axis, or one for all; a subclass of `Spatial` makes it a `Spread` of its rank."""

    def __init__(self, kind: Kind[T]) -> None:
        self.kind = kind


def _at_rank(kind: Kind[Any], axes: int) -> Kind[Any]:
    if isinstance(kind, PerAxis):
        return Spread(axes, kind.kind)
    if isinstance(kind, Optional):
        return Optional(_at_rank(kind.kind, axes))
    if isinstance(kind, OneOf):
        return OneOf(*(_at_rank(k, axes) for k in kind.kinds))
    return kind


class Spatial(Op):
    """Base of ops over `[N, C, *spatial]` or, unbatched, `[C, *spatial]`. A subclass with ``axes=2`` fixes the rank.

    In a `rule`, `{S}` and `{S'}` become the letters of the spatial axes: `H, W` and `H', W'`.
    """

    axes: ClassVar[int] = 0

    def __init_subclass__(cls, axes: int = 0, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if axes:
            cls.axes = axes
            cls.args = {key: _ranked(declared, axes) for key, declared in cls.args.items()}
            letters = LETTERS[axes]
            cls.rule = cls.rule.replace("{S}", ", ".join(letters)).replace("{S'}", "', ".join(letters) + "'")

    def axis_name(self, index: int) -> str:
        """`height` for the first spatial axis of a two-dimensional op."""
        return AXES[self.axes][index]

    def left_by_windows(
        self,
        x: TensorType,
        kernel_size: tuple[int, ...],
        step: tuple[int, ...],
        pads: tuple[tuple[int, int], ...],
        dilation: tuple[int, ...],
    ) -> tuple[Unread, ...]:
        """What windows leave out at the ends. Those further apart than they are wide are meant to skip cells."""
        out = []
        for i, size in enumerate(x.shape[-self.axes :]):
            reach = dilation[i] * (kernel_size[i] - 1) + 1
            if reach >= step[i] > 1:
                left = (size + sum(pads[i]) - reach) % step[i]
                out.append(Unread(x.rank - self.axes + i, left, pads[i][1], UNITS[self.axis_name(i)], reach, step[i]))
        return tuple(out)

    def spatial(self, require: Require, x: TensorType) -> tuple[Size, ...]:
        """The spatial sizes of x, which must be [N, C, *spatial] or [C, *spatial]."""
        require.rank(x, self.axes + 1, self.axes + 2, what=f"the input of `{self.name}`", inputs=(0,))
        axis = x.rank - self.axes - 1
        require.at_least(x.shape[axis], 1, f"`{self.name}` reads no channels", inputs=(0,), axis=(axis,))
        return x.shape[-self.axes :]

    def channels(self, require: Require, x: TensorType) -> int:
        """The number of channels of x, which must be known."""
        message = f"the channel dimension of the input of `{self.name}` must be known"
        return require.features(x, -self.axes - 1, message, inputs=(0,))


def _ranked(declared: Arg[Any], axes: int) -> Arg[Any]:
    kind = _at_rank(declared.kind, axes)
    if kind is declared.kind:
        return declared
    out: Arg[Any] = Arg(kind, declared.default, declared.doc)
    out.name = declared.name
    return out
