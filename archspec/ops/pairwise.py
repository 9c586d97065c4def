"""Functions of two tensors, element by element, with broadcasting."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.ops.arithmetic import Arithmetic
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import broadcast, category, floating_result, result_type
from archspec.ops.calls import given
from archspec.ops.expr import Call, In
from archspec.ops.kinds import AScalar, Bool, NonNegativeFloat, Optional
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import BROADCAST
from archspec.ops.tensor import TensorType


class Pairwise(Op):
    """Base: two tensors. `refused` are categories of dtypes it does not take (0 bool, 1 integers, 3 complex)."""

    rule: ClassVar[str] = BROADCAST
    inputs: ClassVar[tuple[str, ...]] = ("x", "y")
    refused: ClassVar[tuple[int, ...]] = (3,)
    to_float: ClassVar[bool] = True  # integers become floating point
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ("float32[B, 4, 8]", "float32[B, 4, 8]"), "float32[B, 4, 8]"),
        Example({}, ("float64[B, 1, 8]", "float64[4, 1]"), "float64[B, 4, 8]"),
    )

    def infer(self, require: Require, x: TensorType, y: TensorType) -> TensorType:
        dtype = result_type(x, y)
        if category(dtype) in self.refused:
            require.fail("AS303", f"`{self.name}` does not take {dtype}", inputs=(0, 1))
        shape = broadcast(require, [x.shape, y.shape], self.name, (0, 1))
        return TensorType(floating_result(dtype) if self.to_float else dtype, shape)

    def forward(self, x: TensorType, y: TensorType) -> Any:
        return Call(self.counterpart, In(0), In(1))


@op("atan2", "torch.atan2")
class Atan2(Pairwise):
    """The angle of the point (y, x), in radians: the inputs are y, then x."""

    inputs = ("y", "x")

    def infer(self, require: Require, x: TensorType, y: TensorType) -> TensorType:
        if x.dtype == "bool" and y.is_floating:
            require.fail("AS303", f"`atan2` has no gradient for bool beside {y.dtype}", inputs=(0, 1))
        return super().infer(require, x, y)


@op("hypot", "torch.hypot")
class Hypot(Pairwise):
    """sqrt(x * x + y * y) without overflow."""

    refused = (0, 1, 3)


class SumOfPowers(Pairwise):
    """Base of sums in logarithms."""

    def infer(self, require: Require, x: TensorType, y: TensorType) -> TensorType:
        for number, t in enumerate((x, y)):
            if t.dtype == "bool":
                require.fail("AS303", f"`{self.name}` does not take bool", inputs=(number,))
        if {category(x.dtype), category(y.dtype)} == {2, 3}:
            require.fail("AS303", f"`{self.name}` does not take {x.dtype} beside {y.dtype}", inputs=(0, 1))
        return super().infer(require, x, y)


@op("logaddexp", "torch.logaddexp")
class Logaddexp(SumOfPowers):
    """log(exp(x) + exp(y)) without overflow."""

    refused = (0, 1)


@op("logaddexp2", "torch.logaddexp2")
class Logaddexp2(SumOfPowers):
    """log2(2 ** x + 2 ** y) without overflow."""

    refused = (0, 1, 3)


@op("fmax", "torch.fmax")
class Fmax(Pairwise):
    """The larger of two; where one is not a number, the other."""

    to_float = False
    examples = (*Pairwise.examples, Example({}, ("int64[3, 4]", "float16[4]"), "float16[3, 4]"))


@op("fmin", "torch.fmin")
class Fmin(Pairwise):
    """The smaller of two; where one is not a number, the other."""

    to_float = False
    examples = (*Pairwise.examples, Example({}, ("int64[3, 4]", "float16[4]"), "float16[3, 4]"))


class WholeNumbers(Pairwise):
    """Base of functions of integers."""

    refused = (0, 2, 3)
    to_float = False
    examples = (
        Example({}, ("int64[B, 4, 8]", "int64[B, 4, 8]"), "int64[B, 4, 8]"),
        Example({}, ("int32[B, 1, 8]", "uint8[4, 1]"), "int32[B, 4, 8]"),
    )


@op("gcd", "torch.gcd")
class Gcd(WholeNumbers):
    """Greatest common divisor of integers."""


@op("lcm", "torch.lcm")
class Lcm(WholeNumbers):
    """Least common multiple of integers."""


class OrNumber(Arithmetic):
    """Base of functions whose second operand may be a number."""

    refused: ClassVar[tuple[int, ...]] = (3,)
    other = arg(Optional(AScalar), None, "a number as the second operand")
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ("float32[B, 1, 8]", "float32[4, 1]"), "float32[B, 4, 8]"),
        Example({"other": 0.5}, "float32[B, 4]", "float32[B, 4]"),
        Example(2, "float64[B, 4]", "float64[B, 4]"),
    )

    def dtype(self, require: Require, operands: list[Any]) -> str:
        dtype = result_type(*operands)
        if category(dtype) in self.refused:
            require.fail("AS303", f"`{self.name}` does not take {dtype}", inputs=(0,))
        return floating_result(dtype)

    def combine(self, left: Any, right: Any) -> Any:
        return Call(self.counterpart, left, right)


@op("copysign", "torch.copysign")
class Copysign(OrNumber):
    """x with the sign of y, or of a number."""


@op("xlogy", "torch.xlogy")
class Xlogy(OrNumber):
    """x * log(y), and 0 where x is 0."""


@op("xlog1py", "torch.special.xlog1py")
class Xlog1py(OrNumber):
    """x * log(1 + y), and 0 where x is 0."""


@op("fmod", "torch.fmod")
class Fmod(OrNumber):
    """Remainder with the sign of x, as C's `fmod`; `remainder` has the sign of the divisor."""

    refused = (0, 3)

    def dtype(self, require: Require, operands: list[Any]) -> str:
        super().dtype(require, operands)
        dtype = result_type(*operands)
        self.no_zero(require, dtype)
        return dtype


@op("float_power", "torch.float_power")
class FloatPower(OrNumber):
    """Power, computed in double precision: the result is float64, or complex128."""

    refused = ()
    examples = (
        Example({}, ("float32[B, 1, 8]", "float32[4, 1]"), "float64[B, 4, 8]"),
        Example({"other": 0.5}, "int64[B, 4]", "float64[B, 4]"),
    )

    def dtype(self, require: Require, operands: list[Any]) -> str:
        return "complex128" if category(result_type(*operands)) == 3 else "float64"


@op("isclose", "torch.isclose")
class Isclose(Op):
    """Is |x - y| at most atol + rtol * |y|?"""

    rule = BROADCAST
    inputs = ("x", "y")
    rtol = arg(NonNegativeFloat, 1e-5, "the part of |y| by which they may differ")
    atol = arg(NonNegativeFloat, 1e-8, "by how much they may differ besides")
    equal_nan = arg(Bool, False, "two that are no numbers are close")
    examples = (
        Example({}, ("float32[B, 4, 8]", "float32[B, 4, 8]"), "bool[B, 4, 8]"),
        Example({"atol": 0.1, "rtol": 0}, ("float64[B, 1, 8]", "float64[4, 1]"), "bool[B, 4, 8]"),
    )

    def infer(self, require: Require, x: TensorType, y: TensorType) -> TensorType:
        require.same_dtype(x, y, "the inputs of `isclose`", inputs=(0, 1))
        return TensorType("bool", broadcast(require, [x.shape, y.shape], self.name, (0, 1)))

    def forward(self, x: TensorType, y: TensorType) -> Any:
        return Call(self.counterpart, In(0), In(1), **given(self, "rtol", "atol", "equal_nan"))
