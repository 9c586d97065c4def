"""Declared types of inputs: `float32[B, 3, H, W]`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from archspec.dims import Dim, symbol
from archspec.graph.context import Context
from archspec.ops.tensor import TensorType
from archspec.reading.expressions import ExpressionError, report
from archspec.reading.nodes import Node, Scalar
from archspec.reading.types import parse_type

_OPEN = re.compile(r"([^\[]*\[)\s*\*\s*(?:,|(?=\]))")
_SYMBOL = re.compile(r"(?<![$\w])[A-Z][A-Za-z0-9_]*")


def read_type(ctx: Context, node: Node, env: dict[str, Any], block: str = "") -> TensorType | None:
    """The type written at a node, or None (reported). In a block the symbols are its own: `D` is `Block.D`.

    Of an open type (`float32[*, C]`) it is what stands behind the star.
    """
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return None  # the schema stage has reported it
    prefix = f"{block}." if block else ""
    text = _OPEN.sub(lambda m: m[1] + " " * (len(m[0]) - len(m[1])), node.value) if block else node.value
    try:
        return TensorType(*parse_type(text, env, lambda name: symbol(prefix + name)))
    except ExpressionError as error:
        report(error, node, ctx.diagnostics)
        return None


def is_open(node: Node | None) -> bool:
    """May a type begin with any number of sizes: `float32[*, C]`?"""
    text = node.value if isinstance(node, Scalar) else None
    return isinstance(text, str) and _OPEN.match(text) is not None


def symbols_of(types: Iterable[TensorType | None]) -> list[str]:
    """Names of the symbols of some types, in order of appearance."""
    found: dict[str, None] = {}
    for each in types:
        for size in each.shape if each is not None else ():
            if isinstance(size, Dim):
                found.update(dict.fromkeys(sorted(size.symbols)))
    return list(found)


def symbols_in_text(node: Node) -> list[str]:
    """What look like symbols in a text in error, so that they are not reported again where they are used."""
    text = node.value if isinstance(node, Scalar) and isinstance(node.value, str) else ""
    return _SYMBOL.findall(text)
