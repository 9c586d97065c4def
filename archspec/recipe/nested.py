"""An argument that is a part with arguments of its own: the `adamw` of Muon."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from archspec.ops.kinds import BadValue, Kind
from archspec.recipe.model import Part
from archspec.schema.arguments import arguments_schema

P = TypeVar("P", bound=Part)


class Nested(Kind[P], Generic[P]):
    """The arguments of one declared part, as a mapping. Its value is the part with its arguments checked.

    `true` stands for the defaults. `lone`: another value is the first of them.
    """

    def __init__(self, part: type[P], *, lone: bool = False, title: str = "") -> None:
        self.part = part
        self.lone = lone
        self.title = title or f"arguments of `{part.name}`"

    def parse(self, value: Any) -> P:
        if isinstance(value, self.part):
            return value
        if value is None or (value is True and not self.lone):
            value = {}
        if self.lone and not isinstance(value, dict):
            value = {next(iter(self.part.args)): value}
        if not isinstance(value, dict):
            raise self.refuse(value, f"as `{{{next(iter(self.part.args))}: …}}`")
        for key in value:
            if key not in self.part.args:
                raise BadValue(f"`{self.part.name}` has no argument `{key}`", (key,), "", tuple(self.part.args))
        try:
            return self.part.parse(value)
        except BadValue as bad:
            where = f"`{bad.path[0]}`: " if bad.path else ""
            raise BadValue(f"{where}{bad.message}", bad.path, bad.help, bad.options) from None

    def literal(self) -> dict[str, Any]:
        schema = arguments_schema(self.part)
        return schema if self.lone else {**schema, "anyOf": [*schema["anyOf"], {"enum": [True]}]}
