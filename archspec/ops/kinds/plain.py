"""Kinds of single values: numbers, words, true or false, the name of a value."""

from __future__ import annotations

import math
from typing import Any

from archspec.ops.kinds.kind import Kind
from archspec.ops.tensor import DTYPES


class Int(Kind[int]):
    def __init__(self, least: int | None = None, most: int | None = None, title: str | None = None) -> None:
        self.least = least
        self.most = most
        bounds = [f"at least {least}"] * (least is not None) + [f"at most {most}"] * (most is not None)
        self.title = title or " ".join(["an integer", *([" and ".join(bounds)] if bounds else [])])

    def parse(self, value: Any) -> int:
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            value = int(value)  # JSON Schema's integer: 3.0 is 3
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.refuse(value)
        if (self.least is not None and value < self.least) or (self.most is not None and value > self.most):
            raise self.refuse(value)
        return value

    def literal(self) -> dict[str, Any]:
        out: dict[str, Any] = {"type": "integer"}
        if self.least is not None:
            out["minimum"] = self.least
        if self.most is not None:
            out["maximum"] = self.most
        return out


class Float(Kind[float]):
    """A finite number. Bounds are inclusive unless `open`."""

    def __init__(
        self, least: float | None = None, most: float | None = None, title: str | None = None, *, open: bool = False
    ) -> None:
        self.least = least
        self.most = most
        self.open = open
        words = [f"{'above' if open else 'at least'} {least:g}"] if least is not None else []
        words += [f"{'below' if open else 'at most'} {most:g}"] if most is not None else []
        self.title = title or " ".join(["a number", " and ".join(words)]).strip()

    def parse(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.refuse(value)
        try:
            number = float(value)
        except OverflowError:
            raise self.refuse(value) from None
        low, high = self.least, self.most
        bad = not math.isfinite(number)
        bad = bad or (low is not None and (number <= low if self.open else number < low))
        bad = bad or (high is not None and (number >= high if self.open else number > high))
        if bad:
            raise self.refuse(value)
        return number

    def literal(self) -> dict[str, Any]:
        out: dict[str, Any] = {"type": "number"}
        if self.least is not None:
            out["exclusiveMinimum" if self.open else "minimum"] = self.least
        if self.most is not None:
            out["exclusiveMaximum" if self.open else "maximum"] = self.most
        return out


class _Bool(Kind[bool]):
    title = "true or false"

    def parse(self, value: Any) -> bool:
        if not isinstance(value, bool):
            help = "YAML 1.2 writes booleans `true` and `false`" if value in ("yes", "no", "on", "off") else None
            raise self.refuse(value, help)
        return value

    def literal(self) -> dict[str, Any]:
        return {"type": "boolean"}


class _Str(Kind[str]):
    title = "a string"

    def parse(self, value: Any) -> str:
        if not isinstance(value, str):
            raise self.refuse(value)
        return value

    def literal(self) -> dict[str, Any]:
        return {"type": "string"}


class Choice(Kind[str]):
    """One of a few words."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.title = "one of " + ", ".join(words) if len(words) > 1 else f"`{words[0]}`"

    def parse(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.words:
            from archspec.diagnostics.suggest import did_you_mean

            bad = self.refuse(value, did_you_mean(value, self.words) if isinstance(value, str) else None)
            bad.options = self.words
            raise bad
        return value

    def literal(self) -> dict[str, Any]:
        return {"enum": list(self.words)}


class ValueRef(Kind[str]):
    """The name of a value of the spec; the graph stage makes it an input of the op (see `Op.ref_inputs`)."""

    title = "the name of a value"

    def parse(self, value: Any) -> str:
        if not isinstance(value, str) or not value:
            raise self.refuse(value)
        return value

    def literal(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


PositiveInt = Int(1, title="a positive integer")
NonNegativeInt = Int(0, title="a non-negative integer")
AnyInt = Int()
Number = Float()
PositiveFloat = Float(0, open=True, title="a positive number")
NonNegativeFloat = Float(0, title="a non-negative number")
Probability = Float(0, 1, title="a probability from 0 to 1")
Bool = _Bool()
Str = _Str()
AnyDType = Choice(*DTYPES)
