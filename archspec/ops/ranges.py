"""Constants that sizes and numbers tell: evenly spaced numbers, frequencies, identity matrices, triangles' indices.

With `like` they are made in each forward on that value's device, without they are a buffer, as in `creation`.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from archspec.dims import Dim, Real, Size
from archspec.ops.base import Example, State, arg
from archspec.ops.broadcast import require_holds
from archspec.ops.calls import given
from archspec.ops.creation import Made, sizes_of
from archspec.ops.expr import Attr, Call, In, Name, Own
from archspec.ops.kinds import AnyDType, AnyInt, ASized, BadValue, Choice, Kind, Number, Optional, SizeKind, ValueRef
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.tensor import DTYPES, FLOATING, TensorType

Length: Kind[Size] = SizeKind(0)
Positive = SizeKind(1)
FloatDType = Choice(*FLOATING)
NumberDType = Choice(*(dtype for dtype in DTYPES if dtype != "bool"))
REAL_DOC = "dtype of the result"


class Constant(Made):
    """Base of tensors that arguments alone tell: `called` are the positional arguments, `options` keywords."""

    usual: ClassVar[str] = "float32"  # the dtype that PyTorch's function gives by itself
    like = arg(Optional(ValueRef()), None, "a value on whose device it is made; sizes may then be symbols")
    dtype: str

    def shape(self) -> tuple[Size, ...]:
        raise NotImplementedError

    def sizes(self) -> tuple[Size, ...]:
        """What must be known for a constant."""
        return self.shape()

    def called(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def options(self) -> dict[str, Any]:
        return {}

    def infer(self, require: Require, like: TensorType | None = None) -> TensorType:
        self.constant(require, self.sizes(), like)
        return TensorType(self.dtype, self.shape())

    def state(self, like: TensorType | None = None) -> tuple[State, ...]:
        if like is not None:
            return ()
        sizes = tuple(int(size) for size in self.shape())  # type: ignore[arg-type]
        return (State("", sizes, self.dtype, parameter=False, persistent=False),)

    def _call(self, **where: Any) -> Call:
        dtype = {} if self.dtype == self.usual else {"dtype": Name(f"torch.{self.dtype}")}
        return Call(self.counterpart, *self.called(), **self.options(), **dtype, **where)

    def module(self, like: TensorType | None = None) -> Call | None:
        return self._call() if like is None else None

    def forward(self, like: TensorType | None = None) -> Any:
        return Own() if like is None else self._call(device=Attr(In(0), "device"))


@op("linspace", "torch.linspace")
class Linspace(Constant):
    """`steps` numbers from `start` to `end`, both included."""

    rule = "[steps]"
    lead = ("start", "end", "steps")
    start = arg(ASized, doc="the first number")
    end = arg(ASized, doc="the last number")
    steps = arg(Length, doc="how many")
    dtype = arg(NumberDType, "float32", REAL_DOC)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"start": -1, "end": 1, "steps": 8}, (), "float32[8]"),
        Example({"start": 0, "end": 1, "steps": 5, "like": "x"}, "float64[B, T]", "float32[5]"),
        Example({"start": 0, "end": 9, "steps": 4, "dtype": "int64"}, (), "int64[4]"),
    )

    def shape(self) -> tuple[Size, ...]:
        return (self.steps,)

    def converted(self) -> dict[str, Any]:
        """What PyTorch writes into the dtype as it is given, by argument."""
        if self.steps == 1:
            return {} if self.dtype in ("float16", "bfloat16") else {"start": plain(self.start)}
        return {} if self.steps == 0 else {"start": plain(self.start), "end": plain(self.end)}

    def infer(self, require: Require, like: TensorType | None = None) -> TensorType:
        for name, number in self.converted().items():
            require_holds(require, self.dtype, number, name)
        for bound in (self.start, self.end):
            self.constant(require, sizes_of(bound), like)
        return super().infer(require, like)

    def called(self) -> tuple[Any, ...]:
        return plain(self.start), plain(self.end), self.steps


def plain(number: Any) -> Any:
    """`1` for `1.0`: as a person writes it."""
    if isinstance(number, (Dim, Real)):
        return number
    return int(number) if number == int(number) and abs(number) < 2**53 else number


@op("logspace", "torch.logspace")
class Logspace(Linspace):
    """`steps` numbers from `base ** start` to `base ** end`, evenly spaced on a logarithmic scale."""

    base = arg(Number, 10.0, "the base of the powers")
    examples = (
        Example({"start": 0, "end": 4, "steps": 5}, (), "float32[5]"),
        Example({"start": 0, "end": 3, "steps": 4, "base": 2, "dtype": "float64"}, (), "float64[4]"),
    )

    def converted(self) -> dict[str, Any]:
        if self.steps != 1 or isinstance(self.start, (Dim, Real)):
            return super().converted()
        try:
            power = math.pow(self.base, self.start)
        except (ArithmeticError, ValueError):  # too large, or no real number
            power = math.inf
        return {} if self.dtype in ("float16", "bfloat16") else {"start": power}

    def options(self) -> dict[str, Any]:
        return {"base": plain(self.base)} if self.base != 10 else {}


@op("eye", "torch.eye")
class Eye(Constant):
    """An identity matrix: ones on the diagonal, zeros elsewhere."""

    rule = "[n, m], where `m` left out is n"
    lead = ("n", "m")
    n = arg(Length, doc="rows")
    m = arg(Optional(Length), None, "columns; left out: as many as rows")
    dtype = arg(AnyDType, "float32", REAL_DOC)
    examples = (
        Example(4, (), "float32[4, 4]"),
        Example({"n": 2, "m": 3, "dtype": "bool"}, (), "bool[2, 3]"),
        Example({"n": 3, "like": "x"}, "float64[B, T]", "float32[3, 3]"),
    )

    def shape(self) -> tuple[Size, ...]:
        return self.n, self.n if self.m is None else self.m

    def called(self) -> tuple[Any, ...]:
        return (self.n,) if self.m is None else (self.n, self.m)


class Triangle(Constant):
    """Base of the positions in a triangle of a matrix: rows of them, then columns."""

    rule: ClassVar[str] = "[2, as many as the triangle has]"
    usual: ClassVar[str] = "int64"
    lead: ClassVar[tuple[str, ...]] = ("row", "col", "offset")
    row = arg(Length, doc="rows of the matrix")
    col = arg(Length, doc="columns of the matrix")
    offset = arg(AnyInt, 0, "the diagonal that bounds the triangle; above the main one it is positive")
    dtype = arg(Choice("int64", "int32"), "int64", REAL_DOC)

    def _lower(self, offset: int) -> int:
        """How many places of the matrix lie on or below a diagonal."""
        rows, columns = int(self.row), int(self.col)  # type: ignore[arg-type]
        first = min(max(1 - offset, 1), rows + 1)  # the first row that has one
        last = min(max(columns - offset, 0), rows)  # the last row that is not full
        grown = max(last - first + 1, 0)
        full = rows - max(last, first - 1)
        return grown * (first + offset + last + offset) // 2 + full * columns

    def count(self) -> int:
        raise NotImplementedError

    def infer(self, require: Require, like: TensorType | None = None) -> TensorType:
        for name in ("row", "col"):
            require.known(getattr(self, name), f"`{self.name}` has as many columns as places", argument=name)
        return super().infer(require, like)

    def shape(self) -> tuple[Size, ...]:
        return 2, self.count()

    def called(self) -> tuple[Any, ...]:
        return self.row, self.col

    def options(self) -> dict[str, Any]:
        return given(self, "offset")


@op("tril_indices", "torch.tril_indices")
class TrilIndices(Triangle):
    """The places on and below a diagonal of a matrix: rows and columns, to be read with `index`."""

    examples = (
        Example({"row": 3, "col": 3}, (), "int64[2, 6]"),
        Example({"row": 4, "col": 3, "offset": -1}, (), "int64[2, 6]"),
    )

    def count(self) -> int:
        return self._lower(self.offset)


@op("triu_indices", "torch.triu_indices")
class TriuIndices(Triangle):
    """The places on and above a diagonal of a matrix: each pair of features once, as interactions are read."""

    examples = (
        Example({"row": 3, "col": 3, "offset": 1}, (), "int64[2, 3]"),
        Example({"row": 3, "col": 5, "offset": 2, "dtype": "int32"}, (), "int32[2, 6]"),
    )

    def count(self) -> int:
        return int(self.row) * int(self.col) - self._lower(self.offset - 1)  # type: ignore[arg-type]


class Frequencies(Constant):
    """Base of the frequencies that a Fourier transform has."""

    lead: ClassVar[tuple[str, ...]] = ("n", "d")
    n = arg(Positive, doc="length of the signal")
    d = arg(Number, 1.0, "distance between samples")
    dtype = arg(Choice("float32", "float64"), "float32", REAL_DOC)

    def validate(self) -> None:
        if self.d == 0:
            raise BadValue("`d` must not be 0", ("d",))

    def called(self) -> tuple[Any, ...]:
        return (self.n,)

    def options(self) -> dict[str, Any]:
        return given(self, "d")


@op("fftfreq", "torch.fft.fftfreq")
class Fftfreq(Frequencies):
    """The frequencies of what `fft` gives, in cycles per unit of `d`."""

    rule = "[n]"
    examples = (
        Example(8, (), "float32[8]"),
        Example({"n": 9, "d": 0.5, "like": "x"}, "float32[B, T]", "float32[9]"),
    )

    def shape(self) -> tuple[Size, ...]:
        return (self.n,)


@op("rfftfreq", "torch.fft.rfftfreq")
class Rfftfreq(Frequencies):
    """The frequencies of what `rfft` gives, in cycles per unit of `d`."""

    rule = "[n // 2 + 1]"
    examples = (
        Example(8, (), "float32[5]"),
        Example({"n": 9, "like": "x", "dtype": "float64"}, "float32[B, T]", "float64[5]"),
    )

    def shape(self) -> tuple[Size, ...]:
        return (self.n // 2 + 1,)
