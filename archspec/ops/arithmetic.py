"""Sums, products and other elementwise arithmetic on two or more operands, one of which may be a number."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import broadcast, category, floating_result, require_exponent, require_holds, result_type
from archspec.ops.expr import Binary, Call, In, Method
from archspec.ops.kinds import AScalar, BadValue, Choice, Optional
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import BROADCAST, SAME
from archspec.ops.tensor import ITEMSIZE, TensorType

MOST_OPERANDS = 100  # they are written as one expression


class Arithmetic(Op):
    """Base: tensors, and perhaps a scalar as the last operand (argument `scalar_name`)."""

    rule: ClassVar[str] = BROADCAST
    inputs: ClassVar[tuple[str, ...]] = ("x", "y?")
    scalar_name: ClassVar[str] = "other"
    infix: ClassVar[str] = ""

    def operands(self, require: Require, tensors: tuple[TensorType | None, ...]) -> list[Any]:
        """The tensors and the scalar: two or more operands."""
        found: list[Any] = [t for t in tensors if t is not None]
        scalar = getattr(self, self.scalar_name)
        if scalar is not None:
            if len(found) > 1 and not self.inputs[0].startswith("*"):
                require.fail(
                    "AS210",
                    f"`{self.name}` has two inputs and the number `{self.scalar_name}` as well",
                    argument=self.scalar_name,
                )
            found.append(scalar)
        if len(found) > MOST_OPERANDS:
            require.fail("AS210", f"`{self.name}` has {len(found)} operands; at most {MOST_OPERANDS}")
        if len(found) < 2:
            require.fail(
                "AS210",
                f"`{self.name}` needs two operands",
                help=f"give it a number, `{self.name}: 2`, or two inputs, `from: [a, b]`",
            )
        return found

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        x: TensorType = inputs[number]
        return axis + output.rank - x.rank

    def infer(self, require: Require, *tensors: Any) -> TensorType:
        operands = self.operands(require, tensors)
        dtype = self.dtype(require, operands)
        given = [(i, t.shape) for i, t in enumerate(tensors) if t is not None]
        return TensorType(dtype, broadcast(require, [s for _, s in given], self.name, tuple(i for i, _ in given)))

    def dtype(self, require: Require, operands: list[Any]) -> str:
        joint = operands[0]
        for operand in operands[1:]:  # `a + b + c` promotes twice
            dtype = result_type(joint, operand)
            dimensions = [t.shape for t in (joint, operand) if isinstance(t, TensorType)]
            joint = TensorType(dtype, max(dimensions, key=len))
        return str(joint.dtype)

    def forward(self, *tensors: Any) -> Any:
        parts: list[Any] = [In(i) for i, t in enumerate(tensors) if t is not None]
        scalar = getattr(self, self.scalar_name)
        if scalar is not None:
            parts.append(scalar)
        out = parts[0]
        for part in parts[1:]:
            out = self.combine(out, part)
        return out

    def combine(self, left: Any, right: Any) -> Any:
        return Binary(self.infix, left, right)

    def no_zero(self, require: Require, dtype: str) -> None:
        """Integers are not divided by the number 0."""
        number = getattr(self, self.scalar_name)
        if category(dtype) > 1 or not isinstance(number, int):
            return
        if number % 2 ** (8 * ITEMSIZE[dtype]) == 0:  # of a larger number the low bits are left
            is_zero = f", which is 0 in {dtype}" if number else ""
            message = f"`{self.name}` of integers by {int(number)}{is_zero}"
            require.fail("AS205", message, argument=self.scalar_name)

    def no_bool(self, require: Require, operands: list[Any]) -> None:
        for number, operand in enumerate(operands):
            if (operand.dtype == "bool") if isinstance(operand, TensorType) else isinstance(operand, bool):
                require.fail(
                    "AS303", f"`{self.name}` does not take bool", inputs=(number,), help="logical_not inverts a mask"
                )


_PAIR = (
    Example({}, ("float32[B, 4, 8]", "float32[B, 4, 8]"), "float32[B, 4, 8]"),
    Example({}, ("float32[B, 1, 8]", "float32[4, 1]"), "float32[B, 4, 8]"),
    Example({}, ("int64[3, 4]", "float16[4]"), "float16[3, 4]"),
    Example({"other": 2}, "int32[B, 4]", "int32[B, 4]"),
    Example({"other": 0.5}, "float32[B, 4]", "float32[B, 4]"),
)


@op("add", "torch.add")
class Add(Arithmetic):
    """Sum of two or more tensors, or of a tensor and a number, with broadcasting."""

    inputs = ("*x",)
    infix = "+"
    other = arg(Optional(AScalar), None, "a number to add")
    examples = (*_PAIR, Example({}, ("float32[B, 4]",) * 3, "float32[B, 4]"))


@op("mul", "torch.mul")
class Mul(Arithmetic):
    """Product of two or more tensors, or of a tensor and a number, with broadcasting."""

    inputs = ("*x",)
    infix = "*"
    other = arg(Optional(AScalar), None, "a number to multiply by")
    examples = (*_PAIR, Example({}, ("float32[B, 4]",) * 3, "float32[B, 4]"))


@op("sub", "torch.sub")
class Sub(Arithmetic):
    """Difference of two tensors, or of a tensor and a number, with broadcasting."""

    infix = "-"
    other = arg(Optional(AScalar), None, "a number to subtract")
    examples = _PAIR

    def dtype(self, require: Require, operands: list[Any]) -> str:
        self.no_bool(require, operands)
        return result_type(*operands)


@op("rsub", "torch.rsub")
class Rsub(Arithmetic):
    """A number minus a tensor: `rsub: 1` is `1 - x` (torch.rsub)."""

    rule = SAME
    inputs = ("x",)
    infix = "-"
    other = arg(AScalar, doc="the number to subtract from")
    examples = (
        Example(1, "float32[B, 4]", "float32[B, 4]"),
        Example(0.5, "int64[B, 4]", "float32[B, 4]"),
    )

    def dtype(self, require: Require, operands: list[Any]) -> str:
        self.no_bool(require, operands)
        return result_type(*operands)

    def combine(self, left: Any, right: Any) -> Any:
        return Binary("-", right, left)


@op("div", "torch.div")
class Div(Arithmetic):
    """Quotient of two tensors, or of a tensor and a number. Without `rounding_mode` integers give floating point."""

    infix = "/"
    other = arg(Optional(AScalar), None, "a number to divide by")
    rounding_mode = arg(Optional(Choice("trunc", "floor")), None, "round the quotient toward zero or down")
    examples = (
        Example({}, ("float32[B, 1, 8]", "float32[4, 1]"), "float32[B, 4, 8]"),
        Example({}, ("int64[B, 4]", "int64[B, 4]"), "float32[B, 4]"),
        Example({"other": 2, "rounding_mode": "floor"}, "int32[B, 4]", "int32[B, 4]"),
        Example(2, "int32[B, 4]", "float32[B, 4]"),
    )

    def dtype(self, require: Require, operands: list[Any]) -> str:
        dtype = result_type(*operands)
        if self.rounding_mode is None:
            return floating_result(dtype)
        if category(dtype) == 3 or dtype == "bool":
            require.fail("AS303", f"`div` does not round {dtype}", argument="rounding_mode")
        self.no_zero(require, dtype)
        return dtype

    def combine(self, left: Any, right: Any) -> Any:
        if self.rounding_mode is None:
            return Binary("/", left, right)
        return Call("torch.div", left, right, rounding_mode=self.rounding_mode)


@op("remainder", "torch.remainder")
class Remainder(Arithmetic):
    """Remainder with the sign of the divisor, as Python's `%`."""

    infix = "%"
    other = arg(Optional(AScalar), None, "a number to divide by")
    examples = (*_PAIR,)

    def dtype(self, require: Require, operands: list[Any]) -> str:
        dtype = result_type(*operands)
        if category(dtype) == 3 or dtype == "bool":
            require.fail("AS303", f"`remainder` does not take {dtype}", inputs=(0,))
        self.no_zero(require, dtype)
        return dtype


@op("pow", "torch.pow")
class Pow(Arithmetic):
    """Power: of a tensor to a number or to a tensor, or of a number (`base`) to a tensor."""

    infix = "**"
    scalar_name = "exponent"
    exponent = arg(Optional(AScalar), None, "a number as exponent")
    base = arg(Optional(AScalar), None, "a number that is raised to the power x")
    examples = (
        Example(2, "float32[B, 4]", "float32[B, 4]"),
        Example(-0.5, "float32[B, 4]", "float32[B, 4]"),
        Example(0.5, "int64[B, 4]", "float32[B, 4]"),
        Example({}, ("float32[B, 4]", "float32[4]"), "float32[B, 4]"),
        Example({"base": 10000.0}, "float32[4]", "float32[4]"),
        Example({"base": 2}, "int64[4]", "int64[4]"),
    )

    def operands(self, require: Require, tensors: tuple[TensorType | None, ...]) -> list[Any]:
        if self.base is None:
            return super().operands(require, tensors)
        if self.exponent is not None or tensors[1] is not None:
            require.fail(
                "AS210", "`pow` with a `base` raises it to the power x, and takes nothing else", argument="base"
            )
        return [self.base, tensors[0]]

    def forward(self, *tensors: Any) -> Any:
        if self.base is None:
            return super().forward(*tensors)
        base = self.base
        if isinstance(base, bool) and tensors[0].dtype != "bool":
            base = int(base)  # PyTorch has no gradient beside `True`
        return Binary("**", base, In(0))

    def dtype(self, require: Require, operands: list[Any]) -> str:
        base, exponent = operands
        integral = isinstance(base, TensorType) and category(base.dtype) < 2
        if integral and isinstance(exponent, int) and not isinstance(exponent, bool) and exponent < 0:
            require.fail("AS303", "integers cannot be raised to a negative integer power", argument="exponent")
        dtype = result_type(*operands)
        if dtype == "bool" and isinstance(exponent, TensorType):
            require.fail("AS303", "`pow` of bool to the power of a bool tensor", inputs=(0,))
        learned = isinstance(base, TensorType) and category(base.dtype) > 1
        if learned and isinstance(exponent, TensorType) and exponent.dtype == "bool":
            require.fail("AS303", "`pow` to the power of a bool tensor has no gradient", inputs=(1,))
        if isinstance(exponent, (int, float)):
            require_exponent(require, dtype, exponent, "exponent")
        return dtype


class Extremum(Arithmetic):
    """Base of the larger and the smaller of two operands."""

    bound: ClassVar[str] = ""
    examples = (
        Example({}, ("float32[B, 4, 8]", "float32[4, 1]"), "float32[B, 4, 8]"),
        Example({}, ("int64[3, 4]", "float16[4]"), "float16[3, 4]"),
        Example({"other": 0.5}, "float32[B, 4]", "float32[B, 4]"),
        Example({"other": 1.5}, "int64[B, 4]", "float32[B, 4]"),
    )

    def dtype(self, require: Require, operands: list[Any]) -> str:
        dtype = result_type(*operands)
        if category(dtype) == 3:
            require.fail("AS303", f"`{self.name}` does not take {dtype}", inputs=(0,))
        if dtype == "bool" and not isinstance(operands[1], TensorType):
            require.fail("AS303", f"`{self.name}` of a bool tensor and a number", inputs=(0,))
        require_holds(require, dtype, getattr(self, self.scalar_name), self.scalar_name)
        return dtype

    def combine(self, left: Any, right: Any) -> Any:
        if isinstance(right, In):
            return Call(f"torch.{self.name}", left, right)
        return Method(left, "clamp", **{self.bound: right})


@op("maximum", "torch.maximum")
class Maximum(Extremum):
    """The larger of two tensors, or of a tensor and a number, elementwise."""

    bound = "min"
    other = arg(Optional(AScalar), None, "a number")


@op("minimum", "torch.minimum")
class Minimum(Extremum):
    """The smaller of two tensors, or of a tensor and a number, elementwise."""

    bound = "max"
    other = arg(Optional(AScalar), None, "a number")


@op("clamp", "torch.clamp")
class Clamp(Op):
    """Limit every element to the range from `min` to `max`."""

    rule = SAME
    min = arg(Optional(AScalar), None, "lower bound")
    max = arg(Optional(AScalar), None, "upper bound")
    examples = (
        Example({"min": 0}, "float32[B, 4]", "float32[B, 4]"),
        Example({"min": 0, "max": 6}, "int64[B, 4]", "int64[B, 4]"),
        Example({"max": 0.5}, "int64[B, 4]", "float32[B, 4]"),
    )

    def validate(self) -> None:
        if self.min is None and self.max is None:
            raise BadValue("`clamp` needs `min` or `max`")

    def infer(self, require: Require, x: TensorType) -> TensorType:
        dtype = result_type(x, *(bound for bound in (self.min, self.max) if bound is not None))
        if dtype in ("bool", "complex64", "complex128"):
            require.fail("AS303", f"`clamp` does not take {dtype}", inputs=(0,))
        for name in ("min", "max"):
            require_holds(require, dtype, getattr(self, name), name)
        return x.with_dtype(dtype)

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return axis

    def forward(self, x: TensorType) -> Any:
        bounds = {"min": self.min, "max": self.max}
        return Method(In(0), "clamp", **{k: v for k, v in bounds.items() if v is not None})
