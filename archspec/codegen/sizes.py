"""Writes symbolic sizes as the sizes of live tensors: `x.shape[1]`, `x.shape[2] // 2`."""

from __future__ import annotations

import ast
import re
from typing import Any, NamedTuple

from archspec.codegen.tree import rebuild
from archspec.dims import Dim

_INPUT = re.compile(r"IN([0-9]+)(?=\.shape)")


class SizeText(NamedTuple):
    """Python text with `{k}` for input k of the op; `symbols` must be assigned at the head of forward."""

    template: str
    inputs: tuple[int, ...]
    symbols: tuple[str, ...]


def bind_sizes(expr: Any, types: tuple[Any, ...]) -> Any:
    """`expr` with every Dim replaced by a SizeText over the op's own inputs."""
    if isinstance(expr, Dim):
        return _size_text(expr, types)

    return rebuild(expr, lambda part: bind_sizes(part, types))


def _size_text(size: Dim, types: tuple[Any, ...]) -> SizeText:
    inputs: list[int] = []
    symbols: list[str] = []

    def atom(part: Dim) -> str | None:
        for number, given in enumerate(types):
            if given is not None and part in given.shape:
                inputs.append(number)
                return f"IN{number}.shape[{given.shape.index(part)}]"
        if len(part.symbols) == 1 and str(part) in part.symbols:
            symbols.append(str(part))
            return str(part)
        return None

    text = ast.unparse(ast.parse(size.render(atom), mode="eval"))  # spaces as a formatter sets them
    return SizeText(_INPUT.sub(r"{\1}", text), tuple(inputs), tuple(symbols))
