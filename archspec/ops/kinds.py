"""Kinds of argument values: what is accepted, its canonical form, its JSON Schema, its words in an error."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, cast

from archspec.dims import Dim, Real, Size
from archspec.ops.tensor import DTYPES

T = TypeVar("T")

EXPRESSION = {"$ref": "#/definitions/expression"}


class BadValue(Exception):  # noqa: N818 - what it is, and it is raised everywhere
    """A value an argument does not take. `path` leads from the arguments to the offending element.

    `options`: the words it may be, where those are few.
    """

    def __init__(
        self,
        message: str,
        path: tuple[str | int, ...] = (),
        help: str | None = None,
        options: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.options = options
        self.message = message
        self.path = path
        self.help = help


def show(value: Any) -> str:
    """A value as it would be written in a spec, shortened."""
    text = {None: "null", True: "true", False: "false"}.get(value) if value is None or isinstance(value, bool) else None
    text = text if text is not None else (str(value) if isinstance(value, (int, float, Dim, Real)) else repr(value))
    return text if len(text) <= 60 else text[:57] + "..."


class Kind(Generic[T]):
    """`parse` gives the canonical value or raises BadValue; `schema` is its draft-07 JSON Schema."""

    title: str = "a value"

    def parse(self, value: Any) -> T:
        raise NotImplementedError

    def bind(self, value: Any, sizes: Mapping[str, Any]) -> Any:
        """The value with symbols that are written plainly (`B` in a list of sizes) as the sizes they are."""
        return value

    def literal(self) -> dict[str, Any]:
        """Schema of literal values."""
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        """Schema of what may be written: a literal, or an expression that gives one."""
        return {"title": self.title, "anyOf": [self.literal(), EXPRESSION]}

    def refuse(self, value: Any, help: str | None = None) -> BadValue:
        if isinstance(value, Real):
            help = help or ("`//` rounds down" if value.op == "/" else None)
            return BadValue(f"expected {self.title}, got {value}, known only when the model runs", (), help)
        if isinstance(value, Dim):
            return BadValue(f"expected {self.title}, got the size {value}, known only when the model runs", (), help)
        return BadValue(f"expected {self.title}, got {show(value)}", (), help)


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


class Optional(Kind["T | None"], Generic[T]):
    """The kind, or null."""

    def __init__(self, kind: Kind[T]) -> None:
        self.kind = kind
        self.title = f"{kind.title}, or null"

    def bind(self, value: Any, sizes: Mapping[str, Any]) -> Any:
        return self.kind.bind(value, sizes)

    def parse(self, value: Any) -> T | None:
        return None if value is None else self.kind.parse(value)

    def literal(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "null"}, self.kind.literal()]}

    def schema(self) -> dict[str, Any]:
        return {"title": self.title, "anyOf": [{"type": "null"}, *self.kind.schema()["anyOf"]]}


class Spread(Kind["tuple[T, ...]"], Generic[T]):
    """`count` values of a kind, or one for all of them (PyTorch's `kernel_size=3`)."""

    def __init__(self, count: int, kind: Kind[T]) -> None:
        self.count = count
        self.kind = kind
        self.title = f"{kind.title}, or a list of {count}" if count > 1 else f"{kind.title}, or a list of one"

    def bind(self, value: Any, sizes: Mapping[str, Any]) -> Any:
        if isinstance(value, (list, tuple)):
            return [self.kind.bind(each, sizes) for each in value]
        return self.kind.bind(value, sizes)

    def parse(self, value: Any) -> tuple[T, ...]:
        if isinstance(value, (list, tuple)):
            if len(value) != self.count:
                raise BadValue(f"expected {self.title}, got a list of {len(value)}")
            return _each(self.kind, value)
        try:
            return (self.kind.parse(value),) * self.count
        except BadValue:
            raise self.refuse(value) from None

    def literal(self) -> dict[str, Any]:
        one = self.kind.literal()
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": self.count, "maxItems": self.count}]}

    def schema(self) -> dict[str, Any]:
        one = self.kind.schema()
        many = {"type": "array", "items": one, "minItems": self.count, "maxItems": self.count}
        return {"title": self.title, "anyOf": [*one["anyOf"], many]}


class ListOf(Kind["tuple[T, ...]"], Generic[T]):
    """A list of a kind; with `lone`, one value stands for a list of one."""

    def __init__(
        self, kind: Kind[T], least: int = 0, most: int | None = None, *, lone: bool = False, title: str | None = None
    ) -> None:
        self.kind = kind
        self.least = least
        self.most = most
        self.lone = lone
        self.title = title or f"{kind.title}, or a list" if lone else title or f"a list, each {kind.title}"

    def bind(self, value: Any, sizes: Mapping[str, Any]) -> Any:
        if isinstance(value, (list, tuple)):
            return [self.kind.bind(each, sizes) for each in value]
        return self.kind.bind(value, sizes)

    def parse(self, value: Any) -> tuple[T, ...]:
        if not isinstance(value, (list, tuple)):
            if not self.lone:
                raise self.refuse(value)
            try:
                return (self.kind.parse(value),)
            except BadValue:
                raise self.refuse(value) from None
        if len(value) < self.least or (self.most is not None and len(value) > self.most):
            raise BadValue(f"expected {self.title} of {_span(self.least, self.most)}, got {len(value)}")
        return _each(self.kind, value)

    def _array(self, items: dict[str, Any]) -> dict[str, Any]:
        out: dict[str, Any] = {"type": "array", "items": items}
        if self.least:
            out["minItems"] = self.least
        if self.most is not None:
            out["maxItems"] = self.most
        return out

    def literal(self) -> dict[str, Any]:
        array = self._array(self.kind.literal())
        return {"anyOf": [self.kind.literal(), array]} if self.lone else array

    def schema(self) -> dict[str, Any]:
        one = self.kind.schema()
        array = self._array(one)
        return {"title": self.title, "anyOf": [*one["anyOf"], array] if self.lone else [array, EXPRESSION]}


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


class ValueRef(Kind[str]):
    """The name of a value of the spec; the graph stage makes it an input of the op (see `Op.ref_inputs`)."""

    title = "the name of a value"

    def parse(self, value: Any) -> str:
        if not isinstance(value, str) or not value:
            raise self.refuse(value)
        return value

    def literal(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


class OneOf(Kind[Any]):
    """The first of several kinds that accepts the value."""

    def __init__(self, *kinds: Kind[Any], title: str | None = None) -> None:
        self.kinds = kinds
        self.title = title or ", or ".join(k.title for k in kinds)

    def bind(self, value: Any, sizes: Mapping[str, Any]) -> Any:
        for kind in self.kinds:
            value = kind.bind(value, sizes)
        return value

    def parse(self, value: Any) -> Any:
        for kind in self.kinds:
            try:
                return kind.parse(value)
            except BadValue:
                continue
        raise self.refuse(value)

    def literal(self) -> dict[str, Any]:
        return {"anyOf": [k.literal() for k in self.kinds]}

    def schema(self) -> dict[str, Any]:
        options: list[Any] = []
        for kind in self.kinds:
            options += [o for o in kind.schema()["anyOf"] if o not in options]
        return {"title": self.title, "anyOf": options}


class Refined(Kind[T], Generic[T]):
    """A kind with a further condition: `check` gives the words of what is wrong, or None."""

    def __init__(self, kind: Kind[T], check: Callable[[T], str | None], title: str | None = None) -> None:
        self.kind = kind
        self.check = check
        self.title = title or kind.title

    def bind(self, value: Any, sizes: Mapping[str, Any]) -> Any:
        return self.kind.bind(value, sizes)

    def parse(self, value: Any) -> T:
        parsed = self.kind.parse(value)
        wrong = self.check(parsed)
        if wrong:
            raise BadValue(wrong)
        return parsed

    def literal(self) -> dict[str, Any]:
        return self.kind.literal()

    def schema(self) -> dict[str, Any]:
        return {**self.kind.schema(), "title": self.title}


def _of_64_bits(value: T) -> T:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise BadValue("an integer beyond 64 bits")
    return value


def _each(kind: Kind[T], values: Any) -> tuple[T, ...]:
    out = []
    for position, value in enumerate(values):
        try:
            out.append(kind.parse(value))
        except BadValue as bad:
            raise BadValue(bad.message, (position, *bad.path), bad.help) from None
    return tuple(out)


def _span(least: int, most: int | None) -> str:
    if most is None:
        return f"{least} or more"
    return str(least) if least == most else f"{least} to {most}"


PositiveInt = Int(1, title="a positive integer")
NonNegativeInt = Int(0, title="a non-negative integer")
AnyInt = Int()
Number = Float()
PositiveFloat = Float(0, open=True, title="a positive number")
NonNegativeFloat = Float(0, title="a non-negative number")
Probability = Float(0, 1, title="a probability from 0 to 1")
Bool = _Bool()
Str = _Str()
ASize = SizeKind(0)
AnySize = SizeKind(-(2**62))
AScalar = Scalar()
ASizeOrNumber = SizeOrNumber()
AnyDType = Choice(*DTYPES)


def Pair(kind: Kind[T]) -> Kind[tuple[T, T]]:  # noqa: N802 - a kind, like the classes
    return cast("Kind[tuple[T, T]]", Spread(2, kind))
