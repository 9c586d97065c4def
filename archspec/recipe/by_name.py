"""Arguments that are mappings of names."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from archspec.ops.kinds import BadValue, Kind

T = TypeVar("T")


class ByName(Kind["dict[str, T]"], Generic[T]):
    """A mapping from names, `least` of them, to values of a kind."""

    def __init__(self, kind: Kind[T], title: str, least: int = 0) -> None:
        self.kind = kind
        self.title = title
        self.least = least

    def parse(self, value: Any) -> dict[str, T]:
        if not isinstance(value, dict) or len(value) < self.least:
            raise self.refuse(value)
        out = {}
        for key, each in value.items():
            try:
                out[str(key)] = self.kind.parse(each)
            except BadValue as bad:
                raise BadValue(bad.message, (str(key), *bad.path), bad.help, bad.options) from None
        return out

    def literal(self) -> dict[str, Any]:
        least = {"minProperties": self.least} if self.least else {}
        return {"type": "object", **least, "additionalProperties": self.kind.literal()}


class OrByName(Kind["T | dict[str, Any]"], Generic[T]):
    """The kind, or a mapping of names."""

    def __init__(self, kind: Kind[T], by_name: ByName[Any]) -> None:
        self.kind = kind
        self.by_name = by_name
        self.title = f"{kind.title}, or {by_name.title}"

    def parse(self, value: Any) -> T | dict[str, Any]:
        return self.by_name.parse(value) if isinstance(value, dict) else self.kind.parse(value)

    def literal(self) -> dict[str, Any]:
        return {"anyOf": [self.kind.literal(), self.by_name.literal()]}
