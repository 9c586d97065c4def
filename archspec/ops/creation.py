"""Tensors made from sizes: ranges and constants, one-hot codes.

With `like`, the name of a value, the tensor is made in each forward on that value's device, and its sizes may be known
only then. Without, it is a constant: a buffer of the module, made once and not in `state_dict()`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar

from archspec.dims import Dim, Real, Size, ceil_div
from archspec.ops.base import Example, Op, State, arg
from archspec.ops.broadcast import require_holds, scalar_dtype
from archspec.ops.expr import Attr, Call, In, Method, Name, Own
from archspec.ops.kinds import (
    AnyDType,
    AnyInt,
    AScalar,
    ASizeOrNumber,
    BadValue,
    Int,
    ListOf,
    Optional,
    SizeKind,
    ValueRef,
)
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.tensor import FLOATING, TensorType

MOST_KNOWN = 2**31  # elements of a constant made by one op
FINEST = 2**20  # parts of 1 in which a symbol is counted: there, the division of floats rounds up as exact numbers do


def sizes_of(number: Any) -> tuple[Dim, ...]:
    """The sizes that a number is computed from."""
    return number.sizes if isinstance(number, Real) else (number,) if isinstance(number, Dim) else ()


class Made(Op):
    """Base of tensors made from sizes."""

    inputs = ()
    ref_inputs = ("like",)
    attribute = "buffer"
    persistent = False

    @classmethod
    def bare_with(cls, values: Mapping[str, Any]) -> bool:
        return values.get("like") is not None

    def constant(self, require: Require, sizes: tuple[Size, ...], like: TensorType | None) -> None:
        """A size that is only known when the model runs needs a tensor to say the device."""
        for size in sizes:
            if like is None and isinstance(size, Dim):
                require.fail(
                    "AS306",
                    f"`{self.name}` has the size {size}, known only when the model runs",
                    help="name a value on whose device it is made: `like: x`",
                )
        total: Size = 1
        for size in sizes:
            total = total * size
        if isinstance(total, int) and total > MOST_KNOWN:
            require.fail("AS304", f"`{self.name}` of {total} elements; at most {MOST_KNOWN} can be made")


@op("arange", "torch.arange")
class Arange(Made):
    """Evenly spaced numbers: 0 to the size of a dimension of `like`, or `start` to `end` (excluded)."""

    rule = "[ceil((end - start) / step)]"
    like = arg(Optional(ValueRef()), None, "a value: with `dim`, its size is the end; it gives the device")
    dim = arg(Optional(AnyInt), None, "the dimension of `like` whose size is the end")
    start = arg(ASizeOrNumber, 0, "the first number")
    end = arg(Optional(ASizeOrNumber), None, "the number after the last")
    step = arg(ASizeOrNumber, 1, "distance between numbers")
    dtype = arg(Optional(AnyDType), None, "dtype of the result; left out: int64, or float32 where a number is a float")
    examples = (
        Example({"like": "tokens", "dim": 1}, "int64[B, T]", "int64[T]"),
        Example({"end": 10, "start": 2, "step": 3}, (), "int64[3]"),
        Example({"end": 10, "dtype": "float32"}, (), "float32[10]"),
        Example({"like": "x", "dim": 0, "start": -2, "dtype": "float32"}, "float32[6]", "float32[8]"),
        Example({"end": 0, "start": 4, "step": -1}, (), "int64[4]"),
        Example({"end": 1.0, "step": 0.1}, (), "float32[10]"),
        Example({"like": "x", "dim": 1, "start": 0.25, "step": 0.5}, "float32[B, T]", "float32[2*T]"),
    )

    def validate(self) -> None:
        if self.step == 0:
            raise BadValue("`step` must not be 0", ("step",))
        if isinstance(self.step, Dim):
            raise BadValue(f"`step` is the size {self.step}, known only when the model runs", ("step",))
        if self.dim is not None and self.like is None:
            raise BadValue("`dim` is a dimension of `like`, which is missing", ("dim",))
        if (self.dim is None) == (self.end is None):
            raise BadValue("`arange` needs either `like` and `dim`, or `end`", ("end",) if self.end is not None else ())
        if self.dtype in ("bool", "complex64", "complex128"):
            raise BadValue(f"`arange` makes no {self.dtype}", ("dtype",))
        if self.dtype is not None and self.dtype not in FLOATING and self.usual() != "int64":
            raise BadValue(f"`arange` of floats makes no {self.dtype}", ("dtype",))

    def usual(self) -> str:
        """The dtype that PyTorch's function gives by itself."""
        return "float32" if any(isinstance(n, float) for n in (self.start, self.end, self.step)) else "int64"

    def infer(self, require: Require, like: TensorType | None = None) -> TensorType:
        if like is not None and self.dim is not None:
            require.rank(like, least=1, what="`like`", inputs=(0,))
            require.axis(like, self.dim)
        start, end, step = self.start, self._end(like), self.step
        if isinstance(start, Dim) or isinstance(end, Dim):
            count = self._symbolic(require, start, end, step, () if like is None else (0,))
        else:
            count = _count(start, end, step)
            if count < 0:
                require.fail("AS304", f"`arange` never gets from {start} to {end} by steps of {step}")
        self.constant(require, (count, start) if isinstance(start, Dim) else (count,), like)
        return TensorType(self.dtype or self.usual(), (count,))

    def _symbolic(self, require: Require, start: Any, end: Any, step: Any, inputs: tuple[int, ...]) -> Size:
        """How many; that floats divide as exact numbers do is sure of small fractions alone."""
        unit = math.lcm(*(Fraction(n).denominator for n in (start, end, step) if isinstance(n, float)))
        if unit > FINEST:
            require.fail(
                "AS306",
                f"how many steps of {step} lie between {start} and {end}, known when the model runs, goes by rounding",
                help="floats hold 0.5 and 0.125 exactly: `arange` of integers, then `mul`, has any step",
            )
        first, last, stride = (
            int(Fraction(n) * unit) if isinstance(n, float) else n * unit for n in (start, end, step)
        )
        distance = last - first if step > 0 else first - last
        require.at_least(distance, 0, "`arange` would run backwards", inputs=inputs)
        return ceil_div(distance, abs(stride))

    def _end(self, like: TensorType | None) -> Size | float:
        if self.end is not None:
            return self.end
        assert like is not None and self.dim is not None
        return like.shape[self.dim]

    def _bounds(self, like: TensorType | None) -> tuple[Any, ...]:
        end = self._end(like)
        if self.step != 1 or isinstance(self.step, float):
            return (self.start, end, self.step)
        return (end,) if self.start == 0 and not isinstance(self.start, float) else (self.start, end)

    def state(self, like: TensorType | None = None) -> tuple[State, ...]:
        if like is not None:
            return ()
        count = _count(self.start, self._end(like), self.step)
        return (State("", (count,), self.dtype or self.usual(), parameter=False, persistent=False),)

    def _call(self, like: TensorType | None, **where: Any) -> Call:
        dtype = {} if self.dtype in (None, self.usual()) else {"dtype": Name(f"torch.{self.dtype}")}
        return Call("torch.arange", *self._bounds(like), **dtype, **where)

    def module(self, like: TensorType | None = None) -> Call | None:
        return self._call(like) if like is None else None

    def forward(self, like: TensorType | None = None) -> Any:
        return Own() if like is None else self._call(like, device=Attr(In(0), "device"))


def _count(start: Any, end: Any, step: Any) -> int:
    """How many numbers there are, as PyTorch reckons it; below 0 where `step` leads away from `end`."""
    distance = end - start
    if distance and (distance > 0) != (step > 0):
        return -1
    if not any(isinstance(n, float) for n in (start, end, step)):
        return int(-(-distance // step))
    steps: float = distance / step
    try:
        return math.ceil(steps)
    except OverflowError:
        return MOST_KNOWN + 1


class Filled(Made):
    """Base of tensors all of whose elements are one number."""

    rule: ClassVar[str] = "`shape`, or that of `like`"
    shape = arg(
        Optional(ListOf(SizeKind(0), lone=True, title="a size or a list of sizes")), None, "left out: that of `like`"
    )
    dtype = arg(Optional(AnyDType), None, "left out: that of `like`, else float32")
    like = arg(Optional(ValueRef()), None, "a value that gives the device, and what is left out")

    def validate(self) -> None:
        if self.shape is None and self.like is None:
            raise BadValue(f"`{self.name}` needs `shape` or `like`")

    def fill(self) -> Any:
        raise NotImplementedError

    def infer(self, require: Require, like: TensorType | None = None) -> TensorType:
        made = self._type(like)
        self.constant(require, made.shape, like)
        return made

    def _type(self, like: TensorType | None) -> TensorType:
        dtype = self.dtype or (like.dtype if like is not None else self.default_dtype())
        if self.shape is not None:
            return TensorType(dtype, self.shape)
        assert like is not None
        return TensorType(dtype, like.shape)

    def default_dtype(self) -> str:
        return "float32"

    def state(self, like: TensorType | None = None) -> tuple[State, ...]:
        made = self._type(like)
        if like is not None:
            return ()
        shape = tuple(int(size) for size in made.shape)  # type: ignore[arg-type]
        return (State("", shape, made.dtype, parameter=False, persistent=False),)

    def module(self, like: TensorType | None = None) -> Call | None:
        if like is not None:
            return None
        made = self._type(like)
        dtype = {} if made.dtype == self.default_dtype() else {"dtype": Name(f"torch.{made.dtype}")}
        return self.make(made.shape, **dtype)

    def make(self, shape: tuple[Any, ...], **options: Any) -> Call:
        return Call(f"torch.{self.name}", *(shape or ((),)), **options)

    def forward(self, like: TensorType | None = None) -> Any:
        if like is None:
            return Own()
        made = self._type(like)
        dtype = {} if made.dtype == like.dtype else {"dtype": Name(f"torch.{made.dtype}")}
        if self.shape is None:
            return Call(f"torch.{self.name}_like", In(0), *self._value(), **dtype)
        sizes = (self.shape, *self._value()) if self._value() else self.shape or ((),)
        return Method(In(0), f"new_{self.name}", *sizes, **dtype)

    def _value(self) -> tuple[Any, ...]:
        return ()


@op("zeros", "torch.zeros")
class Zeros(Filled):
    """A tensor of zeros."""

    examples = (
        Example({"shape": [2, 3]}, (), "float32[2, 3]"),
        Example({"like": "x"}, "int64[B, 3]", "int64[B, 3]"),
        Example({"shape": 4, "dtype": "bool"}, (), "bool[4]"),
    )


@op("ones", "torch.ones")
class Ones(Filled):
    """A tensor of ones."""

    examples = (
        Example({"shape": [2, 3]}, (), "float32[2, 3]"),
        Example({"like": "x", "dtype": "bool"}, "int64[B, 3]", "bool[B, 3]"),
        Example({"shape": [2, 3], "like": "x"}, "float64[B]", "float64[2, 3]"),
    )


@op("full", "torch.full")
class Full(Filled):
    """A tensor of one number."""

    fill_value = arg(AScalar, doc="the number")
    examples = (
        Example({"shape": [2, 3], "fill_value": 7}, (), "int64[2, 3]"),
        Example({"shape": [2], "fill_value": 0.5}, (), "float32[2]"),
        Example({"like": "x", "fill_value": 2}, "float32[B, 3]", "float32[B, 3]"),
    )

    def default_dtype(self) -> str:
        return scalar_dtype(self.fill_value)

    def make(self, shape: tuple[Any, ...], **options: Any) -> Call:
        return Call("torch.full", shape, self.fill_value, **options)

    def _value(self) -> tuple[Any, ...]:
        return (self.fill_value,)

    def infer(self, require: Require, like: TensorType | None = None) -> TensorType:
        made = super().infer(require, like)
        self.constant(require, sizes_of(self.fill_value), like)
        require_holds(require, made.dtype, self.fill_value, "fill_value")
        return made


@op("one_hot", "torch.nn.functional.one_hot")
class OneHot(Op):
    """Class numbers as vectors of zeros with a single one, in a new last dimension."""

    rule = "[*] → [*, num_classes]"
    num_classes = arg(Int(1), doc="number of classes")
    examples = (Example(10, "int64[B, T]", "int64[B, T, 10]"),)

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.dtype(x, "int64", inputs=(0,))
        return x.with_shape((*x.shape, self.num_classes))

    def forward(self, x: TensorType) -> Any:
        return Call("F.one_hot", In(0), self.num_classes)
