"""Writes symbolic sizes as the sizes of live tensors: `x.shape[1]`, `x.shape[2] // 2`."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from archspec.codegen.printer import computed
from archspec.codegen.tree import rebuild
from archspec.codegen.written import expression, value_at, written
from archspec.dims import Dim, Real
from archspec.graph.ir import Node
from archspec.ops.base import Op
from archspec.shapes.typed import Typed

_SYMBOL = re.compile(r"\bAT(\w+)")
_INPUT = re.compile(r"IN([0-9]+)(?=\.shape)")


class SizeText:
    """Python text with `{k}` for input k of the op, and `{H}` for a symbol of the spec. `dim`: the size; `source`: the
    expression of the spec that it is written as, over what each instance of the class has; two of one are one."""

    def __init__(
        self, template: str, inputs: tuple[int, ...], symbols: tuple[str, ...], dim: Dim, source: str | None = None
    ) -> None:
        self.template = template
        self.inputs = inputs
        self.symbols = symbols
        self.dim = dim
        self.source = source

    def _key(self) -> Any:
        return (self.source,) if self.source is not None else (self.template, self.inputs, self.symbols)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SizeText) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


def bind_sizes(expr: Any, types: tuple[Any, ...], sources: Mapping[Dim, str] | None = None) -> Any:
    """`expr` with every Dim replaced by a SizeText over the op's own inputs. `sources`: how some are written."""
    if isinstance(expr, Dim):
        made = _size_text(expr, types)
        made.source = (sources or {}).get(expr)
        return made

    if isinstance(expr, Real):
        expr = computed(expr)
    return rebuild(expr, lambda part: bind_sizes(part, types, sources))


def sources_of(node: Node, callee: Any, typed: Typed) -> dict[Dim, str]:
    """The sizes among an op's arguments that are written over what every instance of its class has."""
    if not isinstance(callee, Op):
        return {}
    found = {}
    for path, text in written(node.raw, next(iter(callee.args), "")):
        value = value_at(callee, path)
        if isinstance(value, Dim) and _everywhere(text, typed):
            found[value] = text
    return found


def _everywhere(text: str, typed: Typed) -> bool:
    """Does an expression read only the sizes of the block's inputs, and what is known when the model is built?"""
    given = expression(text)
    graph = typed.graph
    if given is None:
        return False
    for name in given.names:
        # A symbol of the spec may be elsewhere in each instance; the block's own are where its inputs have them.
        if graph.kind != "root" and name[:1].isupper() and name not in typed.params and name not in graph.local_symbols:
            return False
        symbolic = isinstance(typed.params.get(name), Dim)
        if symbolic and not _everywhere(graph.defaults.get(name, ""), typed):
            return False
    return True


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
            return f"AT{part}"
        return None

    text = ast.unparse(ast.parse(size.render(atom), mode="eval"))  # spaces as a formatter sets them
    return SizeText(_SYMBOL.sub(r"{\1}", _INPUT.sub(r"{\1}", text)), tuple(inputs), tuple(symbols), size)
