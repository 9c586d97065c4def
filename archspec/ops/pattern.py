"""Patterns of `rearrange` (einops' notation, Rogozhnikov 2022), parsed."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from archspec.dims import Size
from archspec.ops.kinds import BadValue, Kind, SizeKind, show

_TOKEN = re.compile(r"\s*(->|\.\.\.|[()]|[A-Za-z_][A-Za-z0-9_]*|[0-9]+|\S)")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")

ELLIPSIS = "..."
Group = tuple[str, ...]  # names that share one dimension; () has size 1
Side = tuple["Group | None", ...]  # None is a bare `...`, in brackets it is a name


class Pattern(NamedTuple):
    """`left -> right`: for each dimension the names in it."""

    left: Side
    right: Side
    text: str

    def __str__(self) -> str:
        return self.text

    @property
    def names(self) -> set[str]:
        return set(_names(self.left))


class PatternKind(Kind[Pattern]):
    """Text like `b c (h p) w -> b h w (c p)`."""

    title = "a pattern like `b c (h p) w -> b h w (c p)`"

    def parse(self, value: Any) -> Pattern:
        if isinstance(value, Pattern):
            return value
        if not isinstance(value, str):
            raise self.refuse(value)
        left, arrow, right = value.partition("->")
        if not arrow or "->" in right:
            raise BadValue(f"expected {self.title}, got {show(value)}")
        pattern = Pattern(_side(left), _side(right), " ".join(value.split()))
        written = [_names(side) for side in (pattern.left, pattern.right)]
        for names in written:
            for name in names:
                if names.count(name) > 1:
                    raise BadValue(f"`{name}` stands twice on one side of `{pattern}`")
        if odd := set(written[0]) ^ set(written[1]):
            raise BadValue(f"`{min(odd)}` stands on one side only of `{pattern}`")
        if any(group is not None and ELLIPSIS in group for group in pattern.left):
            raise BadValue(f"`...` stands in brackets on the left of `{pattern}`")
        return pattern

    def literal(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^[A-Za-z0-9_(). ]*->[A-Za-z0-9_(). ]*$"}


def _names(side: Side) -> list[str]:
    return [name for group in side for name in (group if group is not None else (ELLIPSIS,))]


def _side(text: str) -> Side:
    groups: list[Group | None] = []
    open_group: list[str] | None = None
    tokens = _TOKEN.findall(text)
    if len(tokens) > 256:
        raise BadValue("a pattern of more than 256 signs")
    for token in tokens:
        if token == "(":
            if open_group is not None:
                raise BadValue(f"brackets inside brackets in `{text.strip()}`")
            open_group = []
        elif token == ")":
            if open_group is None:
                raise BadValue(f"`)` without `(` in `{text.strip()}`")
            groups.append(tuple(open_group))
            open_group = None
        else:
            if token.isdigit() and token != "1":
                raise BadValue(f"`{token}` in `{text.strip()}`: the only number in a pattern is 1; name the dimension")
            if token not in ("1", ELLIPSIS) and not _NAME.match(token):
                raise BadValue(f"`{token}` in `{text.strip()}` is no name of a dimension")
            names = () if token == "1" else (token,)
            if open_group is not None:
                open_group += names
            else:
                groups.append(None if token == ELLIPSIS else names)
    if open_group is not None:
        raise BadValue(f"`(` without `)` in `{text.strip()}`")
    return tuple(groups)


class LengthsKind(Kind["dict[str, Size]"]):
    """Sizes by name."""

    title = "a mapping of names to sizes"

    def parse(self, value: Any) -> dict[str, Size]:
        if not isinstance(value, dict):
            raise self.refuse(value)
        out: dict[str, Size] = {}
        for name, size in value.items():
            try:
                out[name] = SizeKind(1).parse(size)
            except BadValue as bad:
                raise BadValue(bad.message, (name, *bad.path), bad.help) from None
        return out

    def literal(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": SizeKind(1).schema()}
