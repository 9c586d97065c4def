"""What a kind of argument is, and how it refuses a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from archspec.dims import Dim, Real

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
