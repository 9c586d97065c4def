"""Prints an op's expression (ops/expr.py) as Python text.

Text is made only from the checked names of torch, identifiers handed in, and `repr` of literals.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from archspec.dims import Dim, Real
from archspec.dims.real import FUNCTIONS, LOGARITHMS
from archspec.ops.expr import Attr, Binary, Call, In, Index, Method, Module, Name, Own, Slice, Training, Unary

_DOTTED = re.compile(r"(?:nn|F|torch|math|parametrizations)(?:\.[A-Za-z_][A-Za-z0-9_]*)+\Z")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_HUGGED = re.compile(r"-?(?:[A-Za-z_][\w.]*|[0-9][\w.]*)\Z")
_SIMPLE_BOUND = re.compile(r"-?\w*\Z")

_BINDING = {
    "|": 5, "^": 6, "&": 7, "<<": 8, ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "//": 10, "%": 10, "@": 10, "**": 12,
    "<": 4, "<=": 4, ">": 4, ">=": 4, "==": 4, "!=": 4,
}  # fmt: skip
_UNARY = 11
_ATOM = 20

Leaf = Callable[[Any], "str | None"]


def computed(number: Real) -> Any:
    """How Python computes a number from sizes."""
    args = [computed(each) if isinstance(each, Real) else each for each in number.args]
    if number.op == "log" and len(args) == 2 and isinstance(args[1], (int, float)) and args[1] in LOGARITHMS:
        return Call(f"math.log{args[1]:g}", args[0])
    return Call(f"math.{number.op}", *args) if number.op in FUNCTIONS else Binary(number.op, *args)


def print_expr(
    expr: Any,
    inputs: Sequence[str] = ("x",),
    own: str = "self.module",
    leaf: Leaf | None = None,
) -> str:
    """Python text of `expr`.

    inputs: the text of each `In`; own: the text of the op's attribute; leaf: asked first for every node and literal,
    may return replacement text (symbolic sizes, constructor parameters). A symbolic size it leaves alone is an error.
    """
    return _Printer(inputs, own, leaf or (lambda value: None)).text(expr, 0)


class _Printer:
    def __init__(self, inputs: Sequence[str], own: str, leaf: Leaf) -> None:
        self.inputs = inputs
        self.own = own
        self.leaf = leaf

    def text(self, expr: Any, tight: int) -> str:
        """`tight`: how strongly the context binds; looser expressions get parentheses."""
        text, binding = self.node(expr)
        return f"({text})" if binding < tight else text

    def node(self, expr: Any) -> tuple[str, int]:
        replaced = self.leaf(expr)
        if replaced is not None:
            return replaced, binding_of(replaced)
        if isinstance(expr, Real):
            return self.node(computed(expr))
        if isinstance(expr, In):
            given = self.inputs[expr.index]
            return given, binding_of(given)
        if isinstance(expr, Own):
            return self.own, _ATOM
        if isinstance(expr, Module):
            return f"{self.own}({self.arguments(expr.args, expr.kwargs)})", _ATOM
        if isinstance(expr, Call):
            return f"{_checked(expr.fn)}({self.arguments(expr.args, expr.kwargs)})", _ATOM
        if isinstance(expr, Method):
            name = _identifier(expr.name)
            return f"{self.text(expr.of, _ATOM)}.{name}({self.arguments(expr.args, expr.kwargs)})", _ATOM
        if isinstance(expr, Attr):
            return f"{self.text(expr.of, _ATOM)}.{_identifier(expr.name)}", _ATOM
        if isinstance(expr, Name):
            return _checked(expr.text), _ATOM
        if isinstance(expr, Binary):
            own = _BINDING[expr.op]
            # `**` groups to the right and comparisons do not chain; all else groups to the left
            left = self.text(expr.left, own + 1 if expr.op == "**" or own == 4 else own)
            right = self.text(expr.right, _UNARY if expr.op == "**" else own + 1)
            if expr.op == "**" and _HUGGED.match(left) and _HUGGED.match(right):  # as a formatter sets it
                return f"{left}**{right}", own
            return f"{left} {expr.op} {right}", own
        if isinstance(expr, Unary):
            return f"{expr.op}{self.text(expr.of, _UNARY)}", _UNARY
        if isinstance(expr, Index):
            items = ", ".join(self.item(i) for i in expr.items)
            return f"{self.text(expr.of, _ATOM)}[{items}]", _ATOM
        if isinstance(expr, Training):
            return f"{self.text(expr.value, 1)} if self.training else {self.text(expr.otherwise, 1)}", 0
        return self.literal(expr)

    def arguments(self, args: Sequence[Any], kwargs: dict[str, Any]) -> str:
        parts = [self.text(a, 0) for a in args]
        parts += [f"{_identifier(k)}={self.text(v, 0)}" for k, v in kwargs.items()]
        return ", ".join(parts)

    def item(self, expr: Any) -> str:
        if isinstance(expr, Slice):
            parts = ["" if p is None else self.text(p, 0) for p in expr]
            space = "" if all(_SIMPLE_BOUND.match(p) for p in parts) else " "  # as ruff and black have it
            start, stop, step = parts
            text = f"{start}{space if start else ''}:{space if stop else ''}{stop}"
            return f"{text}{space if stop else ''}:{space}{step}" if step else text
        return self.text(expr, 0)

    def literal(self, value: Any) -> tuple[str, int]:
        if value is None or isinstance(value, (bool, str)):
            return repr(value) if not isinstance(value, str) else quoted(value), _ATOM
        if value is Ellipsis:
            return "...", _ATOM
        if isinstance(value, int):
            return repr(value), _ATOM if value >= 0 else _UNARY
        if isinstance(value, float):
            return number(value), _ATOM if value >= 0 else _UNARY
        if isinstance(value, tuple):
            inside = ", ".join(self.text(v, 0) for v in value)
            return f"({inside},)" if len(value) == 1 else f"({inside})", _ATOM
        if isinstance(value, list):
            return f"[{', '.join(self.text(v, 0) for v in value)}]", _ATOM
        if isinstance(value, Dim):
            raise ValueError(f"the size {value} is not bound to a tensor")
        raise TypeError(f"cannot print {type(value).__name__}")


def quoted(text: str) -> str:
    """A string literal with double quotes, as ruff format writes it."""
    plain = repr(text)
    if plain[0] == "'" and '"' not in text:
        return f'"{plain[1:-1]}"'.replace("\\'", "'")
    return plain


def number(value: float) -> str:
    if math.isinf(value):
        return 'float("-inf")' if value < 0 else 'float("inf")'
    if math.isnan(value):
        return 'float("nan")'
    return re.sub(r"e(-?)[+]?0?(?=[0-9])", r"e\1", repr(value).replace("e-0", "e-"))


def binding_of(text: str) -> int:
    """How strongly a piece of ready text binds (names, calls and indexing are atoms)."""
    depth, loosest, word = 0, _ATOM, ""
    for char in f"{text} ":
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        if depth or char != " ":
            word += "." if depth else char
            continue
        if word in _BINDING or "**" in word:
            loosest = min(loosest, _BINDING.get(word, _BINDING["**"]))
        elif word in ("if", "for", "is", "not", "in", "and", "or"):
            return 0
        word = ""
    return min(loosest, _UNARY) if text.startswith("-") else loosest


def _checked(dotted: str) -> str:
    if not _DOTTED.match(dotted):
        raise ValueError(f"{dotted!r} is not a name of torch")
    return dotted


def _identifier(name: str) -> str:
    if not _IDENTIFIER.match(name):
        raise ValueError(f"{name!r} is not an identifier")
    return name
