"""From the text of an expression to an allowed syntax tree: Python's `ast`, and a list of what may stand in it."""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Iterable
from typing import Final, NamedTuple

from archspec.diagnostics.suggest import closest, did_you_mean, plain

MAX_LENGTH = 1_000  # characters of one expression
MAX_TREE = 100  # levels
MAX_INT = 2**63

FUNCTIONS = ("abs", "ceil", "exp", "floor", "len", "log", "max", "min", "range", "round", "sqrt", "sum", "zip")
CONSTANTS = {"true": True, "false": False, "null": None}


class _Failed:
    """Stands for a value that could not be had; its error has been reported."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "FAILED"


FAILED: Final = _Failed()


class ExpressionError(Exception):
    """What is wrong with a template; `offset` counts characters from the template's beginning."""

    code = "AS208"

    meant: tuple[str, bool] | None = None  # what to write at offset..length instead, and whether that is safe

    def __init__(self, message: str, offset: int = 0, length: int = 1, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.length = length
        self.help = help


class UnknownNameError(ExpressionError):
    """A name that stands for nothing."""

    code = "AS209"

    def __init__(self, name: str, offset: int, known: Iterable[str]) -> None:
        options = sorted(known)
        help = did_you_mean(name, options)
        if help is None and options:
            help = f"known here: {', '.join(options[:12])}{', …' if len(options) > 12 else ''}"
        super().__init__(f"unknown parameter `{name}`", offset, len(name), help)
        self.name = name
        best = closest(name, options)
        if len(best) == 1:
            self.meant = best[0], plain(best[0]) == plain(name)

    def of_tensor(self) -> None:
        """The name is that of an input."""
        name, self.meant = self.name, None
        self.message = f"`{name}` is an input, and no parameter that `$` could read"
        self.help = f"`from: {name}` reads it; of an input `{name}?`, `${name}` tells whether it is given"


class FailedNameError(ExpressionError):
    """A name whose own value failed (FAILED in the environment): already reported, so not again."""


class Part(NamedTuple):
    """`tree` stands at `start`..`end` of the template's text; `shift` leads from columns of the tree to the text."""

    tree: ast.expr
    start: int
    end: int
    shift: int
    source: str


def names(tree: ast.expr) -> frozenset[str]:
    """The names an expression reads (functions that it calls left out)."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called)


_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
}  # fmt: skip
_COMPARE = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn)

_REFUSED: dict[type[ast.AST], str] = {
    ast.Lambda: "`lambda` is not part of an expression",
    ast.ListComp: "a comprehension is not part of an expression; `repeat` with `each` goes through a list",
    ast.SetComp: "a comprehension is not part of an expression",
    ast.DictComp: "a comprehension is not part of an expression",
    ast.GeneratorExp: "a comprehension is not part of an expression",
    ast.Dict: "a mapping is written in YAML, not inside an expression",
    ast.Set: "a set is not part of an expression; write a list",
    ast.Tuple: "a tuple is not part of an expression; write a list: [a, b]",
    ast.JoinedStr: "an f-string is not part of an expression; a text may hold `$(…)` itself",
    ast.NamedExpr: "an assignment is not part of an expression",
    ast.Starred: "`*` cannot unpack here",
    ast.Await: "`await` is not part of an expression",
    ast.Yield: "`yield` is not part of an expression",
}


def parse_expression(source: str, shift: int) -> ast.expr:
    if len(source) > MAX_LENGTH:
        raise ExpressionError(f"an expression of {len(source):,} characters; at most {MAX_LENGTH:,}", shift)
    if not source.strip():
        raise ExpressionError("the expression is empty", shift - 2, 3)
    flat = source.replace("\n", " ").replace("\t", " ")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of literals written oddly: the tree is checked below
            tree = ast.parse(f"({flat})", mode="eval").body
    except SyntaxError as error:
        raise _syntax(source, shift, error) from None
    except (ValueError, RecursionError, MemoryError, OverflowError):
        raise ExpressionError("the expression is too large or too deeply nested", shift) from None
    return _checked(tree, source, shift)


# What other languages write, and how it is said here.
_FOREIGN = (
    (r"&&|\|\|", "`&&` and `||` are written `and` and `or`"),
    (r"\?", "a choice is written `x if c else y`"),
    (r"\$", "a parameter is written without `$` inside `$(…)`"),
    (r"#", "`#` has no meaning here"),
    (r"!(?!=)", "`!` is written `not`"),
    (r"(?<![=!<>:])=(?!=)", "`=` assigns; equality is `==`"),
)


def _syntax(source: str, shift: int, error: SyntaxError) -> ExpressionError:
    for sign, words in _FOREIGN:
        found = re.search(sign, source)
        if found is not None:
            return ExpressionError(f"not an expression: {words}", shift + found.start(), len(found.group()))
    # Columns of a SyntaxError count from 1, and the parenthesis before the text is one more.
    offset = min(max((error.offset or 2) - 2, 0), max(len(source) - 1, 0))
    return ExpressionError("not an expression from here on", shift + offset)


def column(source: str, node: ast.AST) -> int:
    """Characters from the source's beginning to a node (`ast` counts UTF-8 bytes, and one parenthesis is added)."""
    at = max(getattr(node, "col_offset", 1) - 1, 0)
    return at if source.isascii() else len(source.encode("utf-8", "replace")[:at].decode("utf-8", "ignore"))


def width(source: str, node: ast.AST) -> int:
    return max(1, getattr(node, "end_col_offset", 2) - getattr(node, "col_offset", 1)) if source.isascii() else 1


def _as_written(source: str, node: ast.Name) -> bool:
    """Python takes look-alikes of letters (`ａ`) for the letters; a spec does not."""
    start, end = node.col_offset - 1, (node.end_col_offset or node.col_offset) - 1
    return source.isascii() or source.encode("utf-8", "replace")[start:end].decode("utf-8", "replace") == node.id


def _checked(tree: ast.expr, source: str, shift: int) -> ast.expr:
    """The tree with `true`, `false`, `null` made constants, if every node of it is allowed."""

    def refuse(node: ast.AST, message: str, help: str | None = None) -> ExpressionError:
        return ExpressionError(message, shift + column(source, node), width(source, node), help)

    def walk(node: ast.expr, depth: int) -> ast.expr:
        if depth > MAX_TREE:
            raise refuse(node, "the expression is too deeply nested")
        below = depth + 1
        if isinstance(node, ast.Constant):
            value = node.value
            if value is None or isinstance(value, (bool, str, float)):
                if isinstance(value, float) and not math.isfinite(value):
                    raise refuse(node, "the number is too large")
                return node
            if isinstance(value, int):
                if value > MAX_INT:
                    raise refuse(node, "the number is too large")
                return node
            raise refuse(node, f"{type(value).__name__} values are not part of an expression")
        if isinstance(node, ast.Name):
            if not node.id.isascii() or not _as_written(source, node):
                raise refuse(node, "a name is made of the letters a to z, digits and `_`")
            return ast.copy_location(ast.Constant(CONSTANTS[node.id]), node) if node.id in CONSTANTS else node
        if isinstance(node, ast.List):
            node.elts = [walk(item, below) for item in node.elts]
            return node
        if isinstance(node, ast.BinOp):
            if type(node.op) not in _BINARY:
                sign = {ast.BitXor: "^", ast.BitAnd: "&", ast.BitOr: "|"}.get(type(node.op), "this operator")
                help = {"^": "a power is written `**`", "&": "write `and`", "|": "write `or`"}.get(sign)
                raise refuse(node, f"`{sign}` is not part of an expression", help)
            node.left, node.right = walk(node.left, below), walk(node.right, below)
            return node
        if isinstance(node, ast.UnaryOp):
            if isinstance(node.op, ast.Invert):
                raise refuse(node, "`~` is not part of an expression", "write `not`")
            node.operand = walk(node.operand, below)
            return node
        if isinstance(node, ast.BoolOp):
            node.values = [walk(item, below) for item in node.values]
            return node
        if isinstance(node, ast.Compare):
            for op in node.ops:
                if not isinstance(op, _COMPARE):
                    raise refuse(node, "`is` is not part of an expression", "write `==` or `!=`")
            node.left = walk(node.left, below)
            node.comparators = [walk(item, below) for item in node.comparators]
            return node
        if isinstance(node, ast.IfExp):
            node.test, node.body, node.orelse = walk(node.test, below), walk(node.body, below), walk(node.orelse, below)
            return node
        if isinstance(node, ast.Subscript):
            node.value = walk(node.value, below)
            if isinstance(node.slice, ast.Slice):
                part = node.slice
                part.lower, part.upper, part.step = (
                    walk(x, below) if x else None for x in (part.lower, part.upper, part.step)
                )
            else:
                node.slice = walk(node.slice, below)
            return node
        if isinstance(node, ast.Attribute):
            if node.attr.startswith("_") or not node.attr.isascii():
                raise refuse(node, f"`.{node.attr}` cannot be read")
            node.value = walk(node.value, below)
            return node
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else None
            if name not in FUNCTIONS:
                help = did_you_mean(name, FUNCTIONS) if name else None
                shown = f"`{name}` cannot be called" if name else "only functions can be called"
                raise refuse(node.func, shown, help or f"the functions are {', '.join(FUNCTIONS)}")
            if node.keywords:
                raise refuse(node, f"`{name}` takes no named arguments")
            node.args = [walk(item, below) for item in node.args]
            return node
        raise refuse(node, _REFUSED.get(type(node), f"{type(node).__name__} is not part of an expression"))

    return walk(tree, 1)
