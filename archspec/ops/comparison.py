"""Comparisons, logic, and choosing by a mask."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.ops.arithmetic import Arithmetic
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import broadcast, category, computed_in, require_holds, result_type
from archspec.ops.expr import Binary, Call, In, Method
from archspec.ops.kinds import AScalar, Optional
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import BROADCAST
from archspec.ops.tensor import TensorType


class Comparison(Arithmetic):
    """Base of comparisons of two tensors, or of a tensor and a number."""

    other = arg(Optional(AScalar), None, "a number to compare with")
    examples = (
        Example({}, ("float32[B, 1, 8]", "int64[4, 1]"), "bool[B, 4, 8]"),
        Example({"other": 0}, "float32[B, 4]", "bool[B, 4]"),
        Example({"other": 0.5}, "int32[B, 4]", "bool[B, 4]"),
    )

    def dtype(self, require: Require, operands: list[Any]) -> str:
        return "bool"


class Ordering(Comparison):
    """Base of comparisons that need an order, which complex numbers have not."""

    def dtype(self, require: Require, operands: list[Any]) -> str:
        if category(result_type(*operands)) == 3:
            require.fail("AS303", f"`{self.name}` does not take complex numbers, which have no order", inputs=(0,))
        return "bool"


@op("eq", "torch.eq")
class Eq(Comparison):
    """x == y."""

    infix = "=="


@op("ne", "torch.ne")
class Ne(Comparison):
    """x != y."""

    infix = "!="


@op("lt", "torch.lt")
class Lt(Ordering):
    """x < y."""

    infix = "<"


@op("le", "torch.le")
class Le(Ordering):
    """x <= y."""

    infix = "<="


@op("gt", "torch.gt")
class Gt(Ordering):
    """x > y."""

    infix = ">"


@op("ge", "torch.ge")
class Ge(Ordering):
    """x >= y."""

    infix = ">="


class Logic(Op):
    """Base of logic on two or more tensors; a number is true where it is not zero."""

    rule: ClassVar[str] = BROADCAST
    inputs = ("*x",)
    infix: ClassVar[str] = ""
    examples = (
        Example({}, ("bool[B, 1, 8]", "bool[4, 1]"), "bool[B, 4, 8]"),
        Example({}, ("bool[B, 4]",) * 3, "bool[B, 4]"),
        Example({}, ("float32[B, 4]", "int64[4]"), "bool[B, 4]"),
    )

    def infer(self, require: Require, *tensors: TensorType) -> TensorType:
        if len(tensors) < 2:
            require.fail("AS210", f"`{self.name}` needs two inputs", inputs=(0,), help="read two, `from: [a, b]`")
        shapes = [t.shape for t in tensors]
        return TensorType("bool", broadcast(require, shapes, self.name, tuple(range(len(tensors)))))

    def forward(self, *tensors: TensorType) -> Any:
        out: Any = In(0)
        masks = all(t.dtype == "bool" for t in tensors)
        for number in range(1, len(tensors)):
            right = In(number)
            out = Binary(self.infix, out, right) if masks else Call(f"torch.{self.name}", out, right)
        return out


@op("logical_and", "torch.logical_and")
class LogicalAnd(Logic):
    """True where all are."""

    infix = "&"


@op("logical_or", "torch.logical_or")
class LogicalOr(Logic):
    """True where one is."""

    infix = "|"


@op("logical_xor", "torch.logical_xor")
class LogicalXor(Logic):
    """True where an odd number of them is."""

    infix = "^"


@op("where", "torch.where")
class Where(Op):
    """x where the condition is true, y elsewhere; numbers may stand for either."""

    rule = BROADCAST
    inputs = ("condition", "x?", "y?")
    x = arg(Optional(AScalar), None, "a number instead of x")
    y = arg(Optional(AScalar), None, "a number instead of y")
    examples = (
        Example({}, ("bool[B, 1, 8]", "float32[B, 4, 1]", "float32[]"), "float32[B, 4, 8]"),
        Example({"y": 0}, ("bool[B, 4]", "float16[B, 4]"), "float16[B, 4]"),
        Example({"x": 1, "y": 0.5}, "bool[B, 4]", "float32[B, 4]"),
        Example({"x": 0.5}, ("bool[B, 4]", None, "int64[B, 4]"), "float32[B, 4]"),
    )

    def infer(
        self, require: Require, condition: TensorType, x: TensorType | None = None, y: TensorType | None = None
    ) -> TensorType:
        require.dtype(condition, "bool", what="the condition", inputs=(0,))
        operands = []
        for number, (name, tensor, scalar) in enumerate((("x", x, self.x), ("y", y, self.y)), 1):
            if (tensor is None) == (scalar is None):
                what = "a tensor or a number for" if tensor is None else "either a tensor or a number for"
                inputs = () if tensor is None else (number,)
                require.fail(
                    "AS210", f"`where` needs {what} `{name}`", inputs=inputs, argument=name if scalar else None
                )
            operands.append(scalar if tensor is None else tensor)
        given = [(i, t.shape) for i, t in enumerate((condition, x, y)) if t is not None]
        shape = broadcast(require, [s for _, s in given], self.name, tuple(i for i, _ in given))
        dtype = result_type(*operands)
        for name, scalar in (("x", self.x), ("y", self.y)):
            if computed_in(dtype) == dtype:  # of smaller floats what is too large is infinite
                require_holds(require, dtype, scalar, name)
        if (
            x is not None
            and y is not None
            and 0 in (x.rank, y.rank)
            and {category(x.dtype), category(y.dtype)} == {2, 3}
        ):
            require.fail("AS303", f"`where` has no gradient for {x} beside {y}: one is complex", inputs=(1, 2))
        return TensorType(dtype, shape)

    def forward(self, condition: TensorType, x: TensorType | None = None, y: TensorType | None = None) -> Any:
        return Call("torch.where", In(0), self.x if x is None else In(1), self.y if y is None else In(2))


@op("masked_fill", "torch.Tensor.masked_fill")
class MaskedFill(Op):
    """x with `value` where the mask is true."""

    rule = BROADCAST
    inputs = ("x", "mask")
    value = arg(AScalar, doc="the number to write; `-.inf` before a softmax")
    examples = (
        Example({"value": float("-inf")}, ("float32[B, 4, T, T]", "bool[T, T]"), "float32[B, 4, T, T]"),
        Example(0, ("int64[B, T]", "bool[B, 1]"), "int64[B, T]"),
    )

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        x: TensorType = inputs[number]
        return axis + output.rank - x.rank

    def infer(self, require: Require, x: TensorType, mask: TensorType) -> TensorType:
        require.dtype(mask, "bool", what="the mask", inputs=(1,))
        require_holds(require, x.dtype, self.value, "value")
        return x.with_shape(broadcast(require, [x.shape, mask.shape], self.name, (0, 1)))

    def forward(self, x: TensorType, mask: TensorType) -> Any:
        return Method(In(0), "masked_fill", In(1), self.value)
