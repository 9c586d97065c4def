"""Padding (torch.nn.functional.pad)."""

from __future__ import annotations

from typing import Any

from archspec.dims import Size, maximum
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import require_holds
from archspec.ops.calls import given
from archspec.ops.expr import Call, In
from archspec.ops.kinds import AnySize, AScalar, BadValue, Choice, ListOf, Optional
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.tensor import COMPLEX, FLOATING, INTEGRAL, TensorType


@op("pad", "torch.nn.functional.pad")
class Pad(Op):
    """Adds cells before and after the last dimensions, or takes them off (negative numbers)."""

    rule = "the sizes of x, each padded one larger by its two numbers of `pad`"
    pad = arg(
        ListOf(AnySize, title="a list of sizes, two for each dimension"),
        doc="[before, after] of the last dimension, then of the one before it, and so on",
    )
    mode = arg(Choice("constant", "reflect", "replicate", "circular"), "constant", "what the new cells hold")
    value = arg(Optional(AScalar), None, "the constant; null: 0")
    examples = (
        Example([1, 1], "float32[B, 3, T]", "float32[B, 3, T + 2]"),
        Example({"pad": [1, 2, 0, 3], "value": 0.5}, "float64[2, H, W]", "float64[2, H + 3, W + 3]"),
        Example({"pad": [0, 1], "value": float("-inf")}, "float16[B, 3, T]", "float16[B, 3, T + 1]"),
        Example({"pad": [2, 1, 1, 2], "mode": "reflect"}, "float32[B, 3, 8, W]", "float32[B, 3, 11, W + 3]"),
        Example({"pad": [1, 1, 1, 1, 2, 0], "mode": "replicate"}, "float32[3, 4, 4, 4]", "float32[3, 6, 6, 6]"),
        Example({"pad": [3, 2], "mode": "circular"}, "float32[2, 3, T]", "float32[2, 3, T + 5]"),
        Example({"pad": [-1, 0]}, "int64[B, T]", "int64[B, T - 1]"),
    )

    def validate(self) -> None:
        if len(self.pad) % 2:
            raise BadValue(f"`pad` needs two numbers for each dimension, got {len(self.pad)}", ("pad",))
        if self.value not in (None, 0) and self.mode != "constant":
            raise BadValue(f"`value` goes with `mode: constant`, not {self.mode}", ("value",))

    def infer(self, require: Require, x: TensorType) -> TensorType:
        axes = len(self.pad) // 2
        what = "the input of `pad`"
        where: dict[str, Any] = {"inputs": (0,), "argument": "pad"}
        if self.mode == "constant":
            require.rank(x, least=axes, what=what, **where)
            require_holds(require, x.dtype, self.value, "value")
        else:
            if axes not in (1, 2, 3):
                require.fail("AS301", f"`mode: {self.mode}` pads 1, 2 or 3 dimensions, got {axes}", **where)
            require.rank(x, axes + 1, axes + 2, what=what, **where)
            require.elements(x, what, inputs=(0,))
            dtypes = (*FLOATING, *INTEGRAL, *COMPLEX, *(("bool",) if self.mode == "circular" else ()))
            require.dtype(x, *dtypes, what=what, inputs=(0,))
        shape = list(x.shape)
        for i in range(axes):
            axis = x.rank - 1 - i
            shape[axis] = self.padded(require, x.shape[axis], self.pad[2 * i], self.pad[2 * i + 1], axis)
        return x.with_shape(shape)

    def padded(self, require: Require, size: Size, before: Size, after: Size, axis: int) -> Size:
        where: dict[str, Any] = {"inputs": (0,), "axis": (axis,)}
        out = size + before + after
        least = maximum(maximum(before, after), 0)
        if self.mode == "reflect":
            require.at_least(size, least + 1, f"dimension {axis} is too small to be reflected", **where)
        elif self.mode == "circular":
            require.at_least(size, least, f"dimension {axis} is too small to go around it once", **where)
        taken = maximum(-before, 0) + maximum(-after, 0)
        require.at_least(size, taken, f"`pad` takes more off dimension {axis} than there is", **where)
        if self.mode != "constant":
            require.at_least(out, 1, f"`pad` leaves nothing of dimension {axis}", **where)
        return out

    def forward(self, x: TensorType) -> Any:
        return Call("F.pad", In(0), self.pad, **given(self, "mode", "value"))
