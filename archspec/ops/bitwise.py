"""Bits of integers; on bool they are the logical functions."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.ops.arithmetic import Arithmetic
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import category, result_type
from archspec.ops.expr import In, Method, Name, Unary
from archspec.ops.kinds import AScalar, Optional
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import SAME
from archspec.ops.tensor import TensorType


class Bitwise(Arithmetic):
    """Base: two or more tensors of integers or bool, or a tensor and a number."""

    inputs: ClassVar[tuple[str, ...]] = ("*x",)
    other = arg(Optional(AScalar), None, "an integer as the last operand")
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ("int64[B, 1, 8]", "int64[4, 1]"), "int64[B, 4, 8]"),
        Example({}, ("bool[B, 4]",) * 3, "bool[B, 4]"),
        Example({"other": 3}, "uint8[B, 4]", "uint8[B, 4]"),
        Example({}, ("int16[B, 4]", "uint8[4]"), "int16[B, 4]"),
    )

    def dtype(self, require: Require, operands: list[Any]) -> str:
        for number, operand in enumerate(operands):
            if category(result_type(operand)) > 1:
                require.fail("AS303", f"`{self.name}` takes integers and bool", inputs=(number,))
        return super().dtype(require, operands)


@op("bitwise_and", "torch.bitwise_and")
class BitwiseAnd(Bitwise):
    """The bits that all have."""

    infix = "&"


@op("bitwise_or", "torch.bitwise_or")
class BitwiseOr(Bitwise):
    """The bits that one has."""

    infix = "|"


@op("bitwise_xor", "torch.bitwise_xor")
class BitwiseXor(Bitwise):
    """The bits that an odd number of them has."""

    infix = "^"


class Shift(Bitwise):
    """Base of shifts."""

    inputs = ("x", "y?")
    examples = (
        Example({}, ("int64[B, 1, 8]", "int64[4, 1]"), "int64[B, 4, 8]"),
        Example({"other": 3}, "uint8[B, 4]", "uint8[B, 4]"),
        Example({}, ("int16[B, 4]", "uint8[4]"), "int16[B, 4]"),
        Example({"other": 2}, "bool[B, 4]", "int64[B, 4]"),
        Example({}, ("uint8[B, 4]", "bool[4]"), "uint8[B, 4]"),
    )

    def dtype(self, require: Require, operands: list[Any]) -> str:
        dtype = super().dtype(require, operands)
        if dtype == "bool":
            require.fail("AS303", f"`{self.name}` does not take bool", inputs=(0,))
        return dtype

    def forward(self, *tensors: Any) -> Any:
        """bool beside integers is made one of them: kernels do that, but not what compiles or exports a model."""
        operands = [t for t in (*tensors, self.other) if t is not None]
        dtype = result_type(*operands)
        parts: list[Any] = [
            Method(In(i), "to", Name(f"torch.{dtype}"))
            if isinstance(t, TensorType) and t.dtype == "bool" and dtype != "bool"
            else In(i)
            for i, t in enumerate(tensors)
            if t is not None
        ]
        left, right = parts if len(parts) == 2 else (*parts, self.other)
        return self.combine(left, right)


@op("bitwise_left_shift", "torch.bitwise_left_shift")
class BitwiseLeftShift(Shift):
    """x * 2 ** y, in the bits that the dtype has."""

    infix = "<<"


@op("bitwise_right_shift", "torch.bitwise_right_shift")
class BitwiseRightShift(Shift):
    """x // 2 ** y."""

    infix = ">>"


@op("bitwise_not", "torch.bitwise_not")
class BitwiseNot(Op):
    """All bits turned over; of bool, what is not true."""

    rule = SAME
    examples = (Example({}, "int64[B, 4]", "int64[B, 4]"), Example({}, "bool[]", "bool[]"))

    def infer(self, require: Require, x: TensorType) -> TensorType:
        if category(x.dtype) > 1:
            require.fail("AS303", f"`bitwise_not` takes integers and bool, got {x.dtype}", inputs=(0,))
        return x

    def forward(self, x: TensorType) -> Any:
        return Unary("~", In(0))
