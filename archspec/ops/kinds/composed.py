"""Kinds made of others: lists of a kind, one of several, a kind or null."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, cast

from archspec.ops.kinds.kind import EXPRESSION, BadValue, Kind, T


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
        try:
            parsed = self.kind.parse(value)
        except BadValue as bad:
            message = bad.message.replace(f"expected {self.kind.title},", f"expected {self.title},", 1)
            raise BadValue(message, bad.path, bad.help) from None
        wrong = self.check(parsed)
        if wrong:
            raise BadValue(wrong)
        return parsed

    def literal(self) -> dict[str, Any]:
        return self.kind.literal()

    def schema(self) -> dict[str, Any]:
        return {**self.kind.schema(), "title": self.title}


def Pair(kind: Kind[T]) -> Kind[tuple[T, T]]:  # noqa: N802 - a kind, like the classes
    return cast("Kind[tuple[T, T]]", Spread(2, kind))


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
