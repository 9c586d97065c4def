"""One index where slices of several dimensions follow one another: `x[:, :h, :w]`."""

from __future__ import annotations

import re
from typing import Any

from archspec.ops.expr import In, Index, Slice

_SLICED = re.compile(r"(.+)\[([^\[\]]*:[^\[\]]*)\]\Z")


def one_index(text: str, expr: Any, texts: list[str]) -> str:
    """The `text` of an expression over `texts`; a slice of a slice of other dimensions in one pair of brackets."""
    if not (
        isinstance(expr, Index) and isinstance(expr.of, In) and all(isinstance(item, Slice) for item in expr.items)
    ):
        return text
    read = texts[expr.of.index]
    before, after = _SLICED.match(read), _SLICED.match(text)
    if before is None or after is None or after[1] != read:
        return text
    first, second = before[2].split(", "), after[2].split(", ")
    if not all(":" in part for part in (*first, *second)):
        return text
    length = max(len(first), len(second))
    pairs = [(_at(first, axis), _at(second, axis)) for axis in range(length)]
    if any(a != ":" and b != ":" for a, b in pairs):
        return text
    return f"{before[1]}[{', '.join(a if b == ':' else b for a, b in pairs)}]"


def _at(parts: list[str], axis: int) -> str:
    return parts[axis] if axis < len(parts) else ":"
