"""Functions of one tensor, element by element."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import category, floating_result
from archspec.ops.expr import In, Method, Name, Unary
from archspec.ops.kinds import AnyDType, AnyInt
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import SAME
from archspec.ops.tensor import COMPLEX, TensorType


class Pointwise(Op):
    """Base: the shape of x; `refused` are categories of dtypes it does not take (0 bool, 3 complex)."""

    rule: ClassVar[str] = SAME
    refused: ClassVar[tuple[int, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, "float32[B, 4]", "float32[B, 4]"),
        Example({}, "int32[B, T, 4]", "int32[B, T, 4]"),
        Example({}, "float64[]", "float64[]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        if category(x.dtype) in self.refused:
            require.fail("AS303", f"`{self.name}` does not take {x.dtype}", inputs=(0,))
        return x.with_dtype(self.dtype_of(x.dtype))

    def dtype_of(self, dtype: str) -> str:
        return dtype

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return axis

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), self.name)


class FloatPointwise(Pointwise):
    """Base of functions of real numbers: integers become floating point."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, "float32[B, 4]", "float32[B, 4]"),
        Example({}, "int32[B, T, 4]", "float32[B, T, 4]"),
        Example({}, "bfloat16[]", "bfloat16[]"),
    )

    def dtype_of(self, dtype: str) -> str:
        return floating_result(dtype)


class Test(Pointwise):
    """Base of questions about each element."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, "float32[B, 4]", "bool[B, 4]"),
        Example({}, "int64[]", "bool[]"),
    )

    def dtype_of(self, dtype: str) -> str:
        return "bool"


@op("neg", "torch.neg")
class Neg(Pointwise):
    """-x."""

    refused = (0,)

    def forward(self, x: TensorType) -> Any:
        return Unary("-", In(0))


@op("abs", "torch.abs")
class Abs(Pointwise):
    """Absolute value; of a complex number its length."""

    refused = (0,)

    def dtype_of(self, dtype: str) -> str:
        return {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)


@op("square", "torch.square")
class Square(Pointwise):
    """x * x."""

    def dtype_of(self, dtype: str) -> str:
        return "int64" if dtype == "bool" else dtype


@op("sign", "torch.sign")
class Sign(Pointwise):
    """-1, 0 or 1."""

    refused = (3,)


class Rounded(Pointwise):
    """Base of roundings to whole numbers; the dtype stays."""

    refused = (0, 3)


@op("floor", "torch.floor")
class Floor(Rounded):
    """The largest whole number not above x."""


@op("ceil", "torch.ceil")
class Ceil(Rounded):
    """The smallest whole number not below x."""


@op("trunc", "torch.trunc")
class Trunc(Rounded):
    """x without its fraction."""


@op("round", "torch.round")
class Round(Rounded):
    """The nearest number with so many decimals; halves to the even one."""

    decimals = arg(AnyInt, 0, "decimal places; negative counts left of the point")
    examples = (*Rounded.examples, Example({"decimals": 2}, "float32[B, 4]", "float32[B, 4]"))

    def infer(self, require: Require, x: TensorType) -> TensorType:
        if self.decimals and not x.is_floating:
            require.fail("AS303", f"`decimals` of {x.dtype}", inputs=(0,), argument="decimals")
        return super().infer(require, x)

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "round", **({"decimals": self.decimals} if self.decimals else {}))


@op("exp", "torch.exp")
class Exp(FloatPointwise):
    """e to the power x."""


@op("exp2", "torch.exp2")
class Exp2(FloatPointwise):
    """2 to the power x."""


@op("expm1", "torch.expm1")
class Expm1(FloatPointwise):
    """exp(x) - 1, exact for small x."""


@op("log", "torch.log")
class Log(FloatPointwise):
    """Natural logarithm."""


@op("log1p", "torch.log1p")
class Log1p(FloatPointwise):
    """log(1 + x), exact for small x."""


@op("log2", "torch.log2")
class Log2(FloatPointwise):
    """Logarithm to base 2."""


@op("log10", "torch.log10")
class Log10(FloatPointwise):
    """Logarithm to base 10."""


@op("sqrt", "torch.sqrt")
class Sqrt(FloatPointwise):
    """Square root."""


@op("rsqrt", "torch.rsqrt")
class Rsqrt(FloatPointwise):
    """1 / sqrt(x)."""


@op("reciprocal", "torch.reciprocal")
class Reciprocal(FloatPointwise):
    """1 / x."""


@op("sin", "torch.sin")
class Sin(FloatPointwise):
    """Sine of x in radians."""


@op("cos", "torch.cos")
class Cos(FloatPointwise):
    """Cosine of x in radians."""


@op("tan", "torch.tan")
class Tan(FloatPointwise):
    """Tangent of x in radians."""


@op("asin", "torch.asin")
class Asin(FloatPointwise):
    """Arc sine, in radians."""


@op("acos", "torch.acos")
class Acos(FloatPointwise):
    """Arc cosine, in radians."""


@op("atan", "torch.atan")
class Atan(FloatPointwise):
    """Arc tangent, in radians."""


@op("sinh", "torch.sinh")
class Sinh(FloatPointwise):
    """Hyperbolic sine."""


@op("cosh", "torch.cosh")
class Cosh(FloatPointwise):
    """Hyperbolic cosine."""


@op("asinh", "torch.asinh")
class Asinh(FloatPointwise):
    """Inverse of sinh."""


@op("acosh", "torch.acosh")
class Acosh(FloatPointwise):
    """Inverse of cosh."""


@op("atanh", "torch.atanh")
class Atanh(FloatPointwise):
    """Inverse of tanh."""


@op("erf", "torch.erf")
class Erf(FloatPointwise):
    """The error function."""

    refused = (3,)


@op("frac", "torch.frac")
class Frac(Pointwise):
    """The part of x behind the point, with the sign of x."""

    refused = (0, 1, 3)
    examples = (Example({}, "float32[B, 4]", "float32[B, 4]"), Example({}, "bfloat16[]", "bfloat16[]"))


@op("sgn", "torch.sgn")
class Sgn(Pointwise):
    """-1, 0 or 1; of a complex number the number of length 1 in its direction."""


@op("signbit", "torch.signbit")
class Signbit(Test):
    """Is it negative, or minus zero?"""

    refused = (3,)


@op("isnan", "torch.isnan")
class Isnan(Test):
    """Is it not a number?"""


@op("isfinite", "torch.isfinite")
class Isfinite(Test):
    """Is it neither infinite nor not a number?"""


@op("isinf", "torch.isinf")
class Isinf(Test):
    """Is it infinite?"""


@op("isposinf", "torch.isposinf")
class Isposinf(Test):
    """Is it infinity?"""

    refused = (3,)


@op("isneginf", "torch.isneginf")
class Isneginf(Test):
    """Is it minus infinity?"""

    refused = (3,)


@op("isreal", "torch.isreal")
class Isreal(Test):
    """Has it no imaginary part?"""


@op("deg2rad", "torch.deg2rad")
class Deg2rad(FloatPointwise):
    """Degrees as radians."""

    refused = (3,)


@op("rad2deg", "torch.rad2deg")
class Rad2deg(FloatPointwise):
    """Radians as degrees."""

    refused = (3,)


@op("logical_not", "torch.logical_not")
class LogicalNot(Test):
    """True where x is zero or false."""

    examples = (*Test.examples, Example({}, "bool[B, 4]", "bool[B, 4]"))

    def forward(self, x: TensorType) -> Any:
        return Unary("~", In(0)) if x.dtype == "bool" else Method(In(0), "logical_not")


@op("to", "torch.Tensor.to")
class To(Op):
    """The same numbers in another dtype."""

    rule = SAME
    dtype = arg(AnyDType, doc="the new dtype")
    examples = (
        Example("float32", "int64[B, T]", "float32[B, T]"),
        Example("int32", "float32[B, T]", "int32[B, T]"),
        Example("bool", "float32[]", "bool[]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        if x.dtype in COMPLEX and self.dtype not in COMPLEX:
            require.fail("AS303", f"`to` {self.dtype} would drop the imaginary part of {x.dtype}", inputs=(0,))
        return x.with_dtype(self.dtype)

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return axis

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "to", Name(f"torch.{self.dtype}"))
