"""Expressions as a spec writes them, as Python over the names of a class: `$(4 * C)` as `4 * c`."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from archspec.codegen.printer import quoted
from archspec.codegen.tree import MISSING
from archspec.dims.real import LOGARITHMS
from archspec.graph.ir import Node, OpCall
from archspec.reading.evaluator import Evaluator
from archspec.reading.expressions import ExpressionError, parse_template
from archspec.reading.grammar import Part, names
from archspec.reading.nodes import Mapping as YamlMapping
from archspec.reading.nodes import Node as YamlNode
from archspec.reading.nodes import Scalar
from archspec.reading.nodes import Sequence as YamlSequence
from archspec.shapes.typed import Typed

_LITERALS = (int, float, bool, str, type(None))
_POWER = re.compile(r"(?<![\w.\])])(-?[\w.]+) \*\* (-?[\w.]+)(?![\w.(\[])")  # of simple operands: no spaces
_NEGATIVE = re.compile(r"\*\* \((-[\w.]+)\)")
_MATH = frozenset({"ceil", "exp", "floor", "log", "sqrt"})  # of numbers; of sizes they mean something else


class Expression(NamedTuple):
    """One `$(…)`: its tree, the names it reads, and the part of the text it is."""

    tree: ast.expr
    names: frozenset[str]
    part: Part


def expression(text: Any) -> Expression | None:
    """The expression that a text is; None for any other text."""
    if not isinstance(text, str) or "$" not in text:
        return None
    try:
        template = parse_template(text)
    except ExpressionError:
        return None
    if template.tree is None or not isinstance(template.parts[0], Part):
        return None
    return Expression(template.tree, template.names, template.parts[0])


def written(raw: YamlNode | None, first: str) -> list[tuple[tuple[str | int, ...], str]]:
    """(path of an argument or of an element of one, text) of what is written as an expression. `first`: the argument
    that a lone value stands for."""
    if raw is None:
        return []
    if not isinstance(raw, YamlMapping):
        return _texts(raw, (first,))
    return [found for key, value in raw.entries.items() for found in _texts(value, (key,))]


def written_arguments(node: Node) -> list[tuple[tuple[str | int, ...], str]]:
    """The same of the arguments of a node."""
    call = node.calls[0]
    return written(node.raw, next(iter(call.cls.args if isinstance(call, OpCall) else call.params), ""))


def _texts(node: YamlNode, path: tuple[str | int, ...]) -> list[tuple[tuple[str | int, ...], str]]:
    if isinstance(node, Scalar):
        return [(path, node.value)] if isinstance(node.value, str) and "$" in node.value else []
    if isinstance(node, YamlSequence):
        return [found for at, item in enumerate(node.items) for found in _texts(item, (*path, at))]
    entries = node.entries.items() if isinstance(node, YamlMapping) else ()
    return [found for key, value in entries for found in _texts(value, (*path, key))]


def value_at(callee: Any, path: tuple[str | int, ...]) -> Any:
    """The value of an argument of an op or block, or of an element of one; MISSING where it has none there."""
    name, rest = str(path[0]), path[1:]
    value: Any = callee.params.get(name, MISSING) if isinstance(callee, Typed) else getattr(callee, name, MISSING)
    for part in rest:
        try:
            value = value[part]
        except (LookupError, TypeError):
            return MISSING
    return value[0] if isinstance(value, tuple) and value and len(set(value)) == 1 else value  # as `calls.lone` has it


def python(
    given: Expression,
    texts: Mapping[str, str],
    constants: Mapping[str, Any],
    values: Sequence[Any],
    kinds: Mapping[str, type] | None = None,
    live: bool = False,
) -> str | None:
    """The expression over other texts for its names, what is constant worked out; None where Python reads it otherwise.

    `values`: what it gives, in each instance or turn (MISSING where it gives nothing). `kinds`: what is known of names.
    `live`: some are sizes that only a running model has.
    """
    if not given.names <= texts.keys() | constants.keys() or given.names <= constants.keys():
        return None
    try:
        tree = _Rewrite(given.part, texts, constants, kinds or {}).visit(copy.deepcopy(given.tree))
    except (ExpressionError, _UnwrittenError):
        return None
    floats = all(v is MISSING or type(v) is float for v in values)
    if _refused(tree, floats, live):
        return None
    return _POWER.sub(r"\1**\2", _NEGATIVE.sub(r"** \1", ast.unparse(tree)))


def _refused(node: ast.AST, floats: bool, live: bool) -> bool:
    """Does Python read it otherwise? Its quotient is a float, the language's an integer where it can be; `round` is the
    language's own, and what `math` has is for numbers."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not floats:
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "round":
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if live:
            return True
        floats = floats or node.func.attr in ("ceil", "floor")  # either quotient is rounded to the same
    return any(_refused(part, floats, live) for part in ast.iter_child_nodes(node))


def evaluated(given: Expression, env: Mapping[str, Any]) -> Any:
    """Its value; MISSING where it has none."""
    try:
        return Evaluator(env, given.part).value(given.tree)
    except ExpressionError:
        return MISSING


def kind_of(node: ast.expr, kinds: Mapping[str, type]) -> type | None:
    """What an expression gives, where that is plain to see: `bool`, `int` or `float`."""
    if isinstance(node, ast.Constant):
        return type(node.value)
    if isinstance(node, ast.Name):
        return kinds.get(node.id)
    if isinstance(node, ast.Compare) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
        return bool
    of: list[ast.expr] = []
    if isinstance(node, ast.BoolOp):
        of = node.values
    elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)):
        of = [node.left, node.right]
    found = {kind_of(part, kinds) for part in of}
    return found.pop() if len(found) == 1 else None


_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


def _summed(node: ast.BinOp) -> ast.expr:
    """`L - 5` for `L - window - 1`: integers, whose sum is the same in any order."""
    inner = node.left
    first, second = _signed(inner), _signed(node)
    if not isinstance(inner, ast.BinOp) or first is None or second is None:
        return node
    total = first + second
    if total == 0:
        return inner.left
    return ast.BinOp(inner.left, ast.Add() if total > 0 else ast.Sub(), ast.Constant(abs(total)))


def _signed(node: ast.expr) -> int | None:
    """The integer that is added at the end, or taken off; None for anything else."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.right, ast.Constant) or type(node.right.value) is not int:
        return None
    sign = {ast.Add: 1, ast.Sub: -1}.get(type(node.op))
    return None if sign is None else sign * node.right.value


class _UnwrittenError(Exception):
    """A constant that cannot be written as a literal."""


class _Rewrite(ast.NodeTransformer):
    def __init__(
        self, part: Part, texts: Mapping[str, str], constants: Mapping[str, Any], kinds: Mapping[str, type]
    ) -> None:
        self.part = part
        self.texts = texts
        self.constants = constants
        self.kinds = {**kinds, **{name: type(value) for name, value in constants.items()}}

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.expr):
            read = names(node)
            if read <= self.constants.keys() and not isinstance(node, ast.Constant):
                value = Evaluator(self.constants, self.part).value(node)
                if isinstance(value, _LITERALS):
                    return self.visit_Constant(ast.Constant(value))
                if not read:  # a list of literals
                    return self.generic_visit(node)
                if isinstance(node, ast.Name):
                    raise _UnwrittenError
        return super().visit(node)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        text = self.texts.get(node.id)
        return node if text is None else ast.parse(text, mode="eval").body

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """`math.sqrt(c)` for `sqrt(C)`."""
        node.args = [self.visit(arg) for arg in node.args]
        if isinstance(node.func, ast.Name) and node.func.id in _MATH:
            name = node.func.id
            base = node.args[1] if len(node.args) == 2 else None
            if isinstance(base, ast.Constant) and isinstance(base.value, (int, float)) and base.value in LOGARITHMS:
                name += f"{base.value:g}"
                del node.args[1]
            node.func = ast.Attribute(ast.Name("math"), name)
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        """`a == b` for `not a != b`, as a linter asks."""
        self.generic_visit(node)
        inner = node.operand
        if isinstance(node.op, ast.Not) and isinstance(inner, ast.Compare) and len(inner.ops) == 1:
            opposite = _OPPOSITE.get(type(inner.ops[0]))
            if opposite is not None:
                return ast.Compare(inner.left, [opposite()], inner.comparators)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        """Without the `True` of an `and` and the `False` of an `or`, which constants have become."""
        neutral = isinstance(node.op, ast.And)
        items = [item for item in node.values[:-1] if not self._is(item, neutral)]
        if not items:
            return self.visit(node.values[-1])  # type: ignore[no-any-return]
        if kind_of(items[-1], self.kinds) is not bool or not self._is(node.values[-1], neutral):
            items.append(node.values[-1])
        visited = [self.visit(item) for item in items]
        return visited[0] if len(visited) == 1 else ast.BoolOp(node.op, visited)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """`L` for `L // stride` where the stride is 1, and the like."""
        sign = type(node.op)
        neutral = 0 if sign in (ast.Add, ast.Sub) else 1
        whole = sign is ast.FloorDiv and kind_of(node.left, self.kinds) is int
        if (whole or sign in (ast.Add, ast.Sub, ast.Mult, ast.Pow)) and self._is(node.right, neutral):
            return self.visit(node.left)  # type: ignore[no-any-return]
        if sign in (ast.Add, ast.Mult) and self._is(node.left, neutral):
            return self.visit(node.right)  # type: ignore[no-any-return]
        whole = kind_of(node.left, self.kinds) is int  # before other names stand there
        self.generic_visit(node)
        return _summed(node) if whole else node

    def _is(self, node: ast.expr, neutral: int | bool) -> bool:
        """Is this the constant, and not written as one?"""
        read = names(node)
        if not read or not read <= self.constants.keys():
            return False
        value = Evaluator(self.constants, self.part).value(node)
        return type(value) is type(neutral) and value == neutral

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        """`ast.unparse` writes texts in single quotes and names as they are."""
        if isinstance(node.value, str):
            return ast.Name(quoted(node.value))
        if isinstance(node.value, (int, float)) and not isinstance(node.value, bool) and node.value < 0:
            return ast.UnaryOp(ast.USub(), ast.Constant(-node.value))
        return node
