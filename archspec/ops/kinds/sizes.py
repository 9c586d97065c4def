"""Kinds of sizes, and of numbers that may be computed of sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec.dims import Dim, Real, Size
from archspec.ops.kinds.kind import BadValue, Kind, T
from archspec.ops.kinds.plain import Number


class SizeKind(Kind["Size"]):
    """A size: an integer at least `least`, a symbol of an input (`B`), or an expression of them."""

    def __init__(self, least: int = 0, *, infer: bool = False) -> None:
        self.least = least
        self.infer = infer  # may be -1: worked out from the rest
        self.title = "a size (an integer or a symbol)" + (", or -1" if infer else "")

    def bind(self, value: Any, sizes: Mapping[str, Any]) -> Any:
        found = sizes.get(value) if isinstance(value, str) else None
        return found if isinstance(found, Dim) else value

    def parse(self, value: Any) -> Size:
        if isinstance(value, Dim):
            return value
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.refuse(value)
        if value < self.least and not (self.infer and value == -1):
            raise self.refuse(value)
        return value

    def literal(self) -> dict[str, Any]:
        symbol = {"type": "string", "pattern": "^[A-Z][A-Za-z0-9_]*$"}
        return {"anyOf": [{"type": "integer", "minimum": -1 if self.infer else self.least}, symbol]}


class SizeOrNumber(Kind["Size | float"]):
    """A size, possibly negative, or a number: `2` is an integer and `2.0` is none, as to PyTorch."""

    title = "a number, or a size"

    def bind(self, value: Any, sizes: Mapping[str, Any]) -> Any:
        return AnySize.bind(value, sizes)

    def parse(self, value: Any) -> Size | float:
        return Number.parse(value) if isinstance(value, float) else _of_64_bits(AnySize.parse(value))

    def literal(self) -> dict[str, Any]:
        return {"anyOf": [Number.literal(), *AnySize.literal()["anyOf"][1:]]}


class Scalar(Kind["Size | float | bool | Real"]):
    """A Python scalar operand: an integer stays one, as PyTorch's type promotion tells them apart; or a size, or a
    number computed from sizes."""

    title = "a number"

    def parse(self, value: Any) -> Size | float | bool | Real:
        if isinstance(value, Real) and not value.sizes:
            raise BadValue(f"{value} has no value")
        if not isinstance(value, (bool, int, float, Dim, Real)):
            raise self.refuse(value, "YAML writes infinity `.inf`" if value in ("inf", "-inf", "+inf") else None)
        return _of_64_bits(value)

    def literal(self) -> dict[str, Any]:
        return {"type": ["number", "boolean"]}


class Sized(Kind["float | Dim | Real"]):
    """A finite number, which may be a size or computed from sizes."""

    title = "a number"

    def parse(self, value: Any) -> float | Dim | Real:
        if isinstance(value, Real) and not value.sizes:
            raise BadValue(f"{value} has no value")
        return value if isinstance(value, (Dim, Real)) else Number.parse(value)

    def literal(self) -> dict[str, Any]:
        return Number.literal()


def _of_64_bits(value: T) -> T:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise BadValue("an integer beyond 64 bits")
    return value


ASize = SizeKind(0)
AnySize = SizeKind(-(2**62))
AScalar = Scalar()
ASizeOrNumber = SizeOrNumber()
ASized = Sized()
