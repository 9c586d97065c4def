"""`$name`, `$(expression)`, and texts that hold them: parsed by `ast`, checked against an allowlist, evaluated on the tree.

Nothing is ever handed to `eval`. Values, lengths and the number of steps are bounded, so that a spec cannot use up
the machine: see the constants. A Python `ast` expression is kept (`Template.tree`) for the stage that prints source.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Callable, Iterable, Mapping as MappingType
from functools import lru_cache
from typing import Any, Final, NamedTuple

from archspec.diagnostics.model import Diagnostics, Span
from archspec.diagnostics.suggest import did_you_mean
from archspec.dims import Dim, maximum, minimum
from archspec.source.nodes import Mapping, Node, Scalar, Sequence

MAX_LENGTH = 1_000  # characters of one expression
MAX_TREE = 100  # levels
MAX_ITEMS = 10_000  # characters of a string, elements of a list (with those of lists inside)
MAX_INT = 2**63
MAX_POWER_BITS = 64

FUNCTIONS = ("abs", "ceil", "floor", "len", "max", "min", "range", "round", "sum")
CONSTANTS = {"true": True, "false": False, "null": None}

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _Failed:
    """Stands for a value that could not be had; its error has been reported."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "FAILED"


FAILED: Final = _Failed()


class ExpressionError(Exception):
    """What is wrong with a template; `offset` counts characters from the template's beginning."""

    code = "AS208"

    def __init__(self, message: str, offset: int = 0, length: int = 1, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.length = length
        self.help = help


class UnknownName(ExpressionError):
    """A name that stands for nothing."""

    code = "AS209"

    def __init__(self, name: str, offset: int, known: Iterable[str]) -> None:
        options = sorted(known)
        help = did_you_mean(name, options)
        if help is None and options:
            help = f"known here: {', '.join(options[:12])}{', …' if len(options) > 12 else ''}"
        super().__init__(f"unknown parameter `{name}`", offset, len(name), help)
        self.name = name


class FailedName(ExpressionError):
    """A name whose own value failed (FAILED in the environment): already reported, so not again."""


class Part(NamedTuple):
    """`tree` stands at `start`..`end` of the template's text; `shift` leads from columns of the tree to the text."""

    tree: ast.expr
    start: int
    end: int
    shift: int
    source: str


class Template:
    """A text with its `$` parts. Immutable, and shared: `parse_template` caches."""

    __slots__ = ("names", "parts", "text", "tree", "whole")

    def __init__(self, text: str, parts: tuple[str | Part, ...]) -> None:
        self.text = text
        self.parts = parts
        self.whole = len(parts) == 1 and isinstance(parts[0], Part)
        self.tree: ast.expr | None = parts[0].tree if self.whole and isinstance(parts[0], Part) else None
        found: set[str] = set()
        for part in parts:
            if isinstance(part, Part):
                found |= names(part.tree)
        self.names = frozenset(found)

    @property
    def literal(self) -> str | None:
        """The text, where it holds no `$` part (`$$` made `$`)."""
        if not self.parts:
            return ""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], str) else None

    def evaluate(self, env: MappingType[str, Any]) -> Any:
        """The typed value of a whole template; text for one that has `$` parts inside. Raises ExpressionError."""
        out: list[str] = []
        for part in self.parts:
            if isinstance(part, str):
                out.append(part)
                continue
            value = Evaluator(env, part).value(part.tree)
            if self.whole:
                return value
            out.append(_in_text(value, part))
        text = "".join(out)
        if len(text) > MAX_ITEMS and out:
            raise ExpressionError(f"a text of {len(text):,} characters; at most {MAX_ITEMS:,}")
        return text


def names(tree: ast.expr) -> frozenset[str]:
    """The names an expression reads (functions that it calls left out)."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called)


def parse_template(text: str) -> Template:
    """The parts of a text. Raises ExpressionError with the offset of what is wrong."""
    return _parse_cached(text) if len(text) <= MAX_LENGTH else _parse(text)


def _parse(text: str) -> Template:
    parts: list[str | Part] = []
    plain: list[str] = []
    position = 0
    while (dollar := text.find("$", position)) >= 0:
        plain.append(text[position:dollar])
        following = text[dollar + 1 : dollar + 2]
        if following == "$":
            plain.append("$")
            position = dollar + 2
            continue
        if following == "(":
            end = _closing(text, dollar + 1)
            source = text[dollar + 2 : end - 1]
            tree = parse_expression(source, dollar + 2)
            part = Part(tree, dollar, end, dollar + 2, source)
        else:
            found = _NAME.match(text, dollar + 1)
            if found is None:
                raise _bad_dollar(text, dollar)
            end = found.end()
            word = found.group()
            name: ast.expr = ast.Name(word, ast.Load(), lineno=1, col_offset=1, end_lineno=1, end_col_offset=1 + len(word))
            if word in CONSTANTS:
                name = ast.copy_location(ast.Constant(CONSTANTS[word]), name)
            part = Part(name, dollar, end, dollar + 1, word)
        if joined := "".join(plain):
            parts.append(joined)
        plain = []
        parts.append(part)
        position = end
    plain.append(text[position:])
    if joined := "".join(plain):
        parts.append(joined)
    return Template(text, tuple(parts))


_parse_cached = lru_cache(maxsize=4096)(_parse)


def _bad_dollar(text: str, dollar: int) -> ExpressionError:
    if text.startswith("${", dollar):
        word = _NAME.match(text, dollar + 2)
        name = word.group() if word else "name"
        return ExpressionError("`${` is not how a parameter is written", dollar, 2, f"write ${name}, or $(…) for an expression")
    return ExpressionError("`$` begins `$name` or `$(expression)`", dollar, 1, "write `$$` for a dollar sign")


def _closing(text: str, start: int) -> int:
    """The offset behind the parenthesis that closes the one at `start`."""
    depth, quote = 0, ""
    for index in range(start, len(text)):
        char = text[index]
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                return index + 1
    what = "a quote" if quote else "a parenthesis"
    raise ExpressionError(f"{what} is not closed", start - 1, len(text) - start + 1)


# -- from text to an allowed tree --------------------------------------------------------------------------------

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
        # Columns of a SyntaxError count from 1, and the parenthesis before the text is one more.
        offset = min(max((error.offset or 2) - 2, 0), max(len(source) - 1, 0))
        message, help = _syntax(source, error.msg or "")
        raise ExpressionError(message, shift + offset, help=help) from None
    except (ValueError, RecursionError, MemoryError, OverflowError):
        raise ExpressionError("the expression is too large or too deeply nested", shift) from None
    return _checked(tree, source, shift)


def _syntax(source: str, message: str) -> tuple[str, str | None]:
    if "&&" in source or "||" in source:
        return "not an expression: `&&` and `||` are written `and` and `or`", None
    if "?" in source:
        return "not an expression: a choice is written `x if c else y`", None
    if "$" in source:
        return "inside `$(…)` a parameter is written without `$`", None
    if "#" in source:
        return "not an expression: `#` has no meaning here", None
    if re.search(r"(?<![=!<>])=(?!=)", source):
        return "not an expression: `=` assigns; equality is `==`", None
    words = message.replace("invalid syntax. ", "").split(". ")[0] if message.isascii() else ""
    return (f"not an expression: {words}" if words and len(words) < 80 else "not an expression"), None


def column(source: str, node: ast.AST) -> int:
    """Characters from the source's beginning to a node (`ast` counts UTF-8 bytes, and one parenthesis is added)."""
    at = max(getattr(node, "col_offset", 1) - 1, 0)
    return at if source.isascii() else len(source.encode("utf-8", "replace")[:at].decode("utf-8", "ignore"))


def _width(source: str, node: ast.AST) -> int:
    return max(1, getattr(node, "end_col_offset", 2) - getattr(node, "col_offset", 1)) if source.isascii() else 1


def _checked(tree: ast.expr, source: str, shift: int) -> ast.expr:
    """The tree with `true`, `false`, `null` made constants, if every node of it is allowed."""

    def refuse(node: ast.AST, message: str, help: str | None = None) -> ExpressionError:
        return ExpressionError(message, shift + column(source, node), _width(source, node), help)

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
            if not node.id.isascii():
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
                part.lower, part.upper, part.step = (walk(x, below) if x else None for x in (part.lower, part.upper, part.step))
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


# -- evaluation --------------------------------------------------------------------------------------------------


class Evaluator:
    def __init__(self, env: MappingType[str, Any], part: Part) -> None:
        self.env = env
        self.part = part

    def fail(self, node: ast.AST, message: str, help: str | None = None) -> ExpressionError:
        source = self.part.source
        return ExpressionError(message, self.part.shift + column(source, node), _width(source, node), help)

    def value(self, node: ast.expr) -> Any:
        try:
            return self.kinds[type(node)](self, node)
        except ExpressionError:
            raise
        except _Refused as error:
            raise self.fail(node, error.args[0], error.help) from None
        except ZeroDivisionError:
            raise self.fail(node, "division by zero") from None
        except OverflowError:
            raise self.fail(node, "the number is too large") from None
        except (TypeError, ValueError, ArithmeticError) as error:
            raise self.fail(node, f"cannot be computed: {error}"[:200]) from None

    def constant(self, node: ast.Constant) -> Any:
        return node.value

    def name(self, node: ast.Name) -> Any:
        try:
            found = self.env[node.id]
        except KeyError:
            at = self.part.shift + column(self.part.source, node)
            if node.id in FUNCTIONS:
                raise ExpressionError(f"`{node.id}` is a function; it is called: {node.id}(…)", at, len(node.id)) from None
            raise UnknownName(node.id, at, self.env) from None
        if found is FAILED:
            raise FailedName(node.id)
        return found

    def list(self, node: ast.List) -> Any:
        return _bounded([self.value(item) for item in node.elts])

    def binary(self, node: ast.BinOp) -> Any:
        return _OPERATIONS[type(node.op)](self.value(node.left), self.value(node.right))

    def unary(self, node: ast.UnaryOp) -> Any:
        operand = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            return not truth(operand)
        if not isinstance(operand, (int, float, Dim)):
            raise _Refused(f"`{'-' if isinstance(node.op, ast.USub) else '+'}` wants a number, not {describe(operand)}")
        return _bounded(-operand) if isinstance(node.op, ast.USub) else operand

    def boolean(self, node: ast.BoolOp) -> Any:
        stop = isinstance(node.op, ast.Or)
        found: Any = None
        for item in node.values:
            found = self.value(item)
            if truth(found) is stop:
                break
        return found

    def compare(self, node: ast.Compare) -> Any:
        left = self.value(node.left)
        for op, item in zip(node.ops, node.comparators, strict=True):
            right = self.value(item)
            if not _compare(op, left, right):
                return False
            left = right
        return True

    def choice(self, node: ast.IfExp) -> Any:
        return self.value(node.body if truth(self.value(node.test)) else node.orelse)

    def subscript(self, node: ast.Subscript) -> Any:
        holder = self.value(node.value)
        if isinstance(node.slice, ast.Slice):
            part = node.slice
            bounds = [None if x is None else self.value(x) for x in (part.lower, part.upper, part.step)]
            if not isinstance(holder, (str, list)):
                raise _Refused(f"{describe(holder)} has no parts")
            if any(b is not None and not isinstance(b, int) for b in bounds):
                raise _Refused("the bounds of a part are integers")
            return holder[slice(*bounds)]
        index = self.value(node.slice)
        if isinstance(holder, dict):
            return self.record(node.slice, holder, index)
        if not isinstance(holder, (str, list)):
            raise _Refused(f"{describe(holder)} cannot be indexed")
        if isinstance(index, bool) or not isinstance(index, int):
            raise self.fail(node.slice, f"an index is an integer, not {describe(index)}")
        if not -len(holder) <= index < len(holder):
            raise self.fail(node.slice, f"index {index} of a {_noun(holder)} of {len(holder)}")
        return holder[index]

    def attribute(self, node: ast.Attribute) -> Any:
        holder = self.value(node.value)
        if not isinstance(holder, dict):
            raise _Refused(f"`.{node.attr}` reads a record; this is {describe(holder)}")
        return self.record(node, holder, node.attr)

    def record(self, node: ast.expr, holder: dict[str, Any], key: Any) -> Any:
        if not isinstance(key, str) or key not in holder:
            options = [k for k in holder if isinstance(k, str)]
            help = did_you_mean(str(key), options) or (f"it has {', '.join(options[:12])}" if options else None)
            raise self.fail(node, f"the record has no `{key}`", help)
        if holder[key] is FAILED:
            raise FailedName(key)
        return holder[key]

    def call(self, node: ast.Call) -> Any:
        assert isinstance(node.func, ast.Name)  # _checked
        return _CALLS[node.func.id]([self.value(item) for item in node.args])

    kinds: dict[type[ast.AST], Callable[[Evaluator, Any], Any]] = {
        ast.Constant: constant, ast.Name: name, ast.List: list, ast.BinOp: binary, ast.UnaryOp: unary, ast.BoolOp: boolean,
        ast.Compare: compare, ast.IfExp: choice, ast.Subscript: subscript, ast.Attribute: attribute, ast.Call: call,
    }  # fmt: skip


class _Refused(Exception):
    """An operation that its operands do not admit; becomes an ExpressionError with a place."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.help = help


def describe(value: Any) -> str:
    """What a value is, for a message: "the text 'abc'", "a list of 3"."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {value!r}" if len(value) <= 40 else f"a text of {len(value)} characters"
    if isinstance(value, Dim):
        return f"the size {value}"
    if isinstance(value, (list, dict)):
        return f"a {_noun(value)} of {len(value)}"
    return f"a {type(value).__name__}"


def _noun(value: Any) -> str:
    return "text" if isinstance(value, str) else "list" if isinstance(value, list) else "record"


def weigh(value: Any) -> int:
    """Elements of a value with those of the lists and records in it, counted to a little above MAX_ITEMS."""
    count, pending = 0, [value]
    while pending and count <= MAX_ITEMS:
        item = pending.pop()
        count += 1
        if isinstance(item, list):
            pending.extend(item[: MAX_ITEMS + 1])
        elif isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, str):
            count += len(item) // 64
    return count + len(pending)


def _bounded(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        if abs(value) > MAX_INT:
            raise _Refused("the number is too large (more than 2**63)")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise _Refused("the number is too large")
    elif isinstance(value, complex):
        raise _Refused("the result is not a real number")
    elif isinstance(value, str):
        if len(value) > MAX_ITEMS:
            raise _Refused(f"a text of more than {MAX_ITEMS:,} characters")
    elif isinstance(value, list) and weigh(value) > MAX_ITEMS + 1:
        raise _Refused(f"a list of more than {MAX_ITEMS:,} elements")
    return value


def truth(value: Any) -> bool:
    """Python's truth of a value. Whether a symbolic size is 0 is not known."""
    if isinstance(value, Dim):
        raise _Refused(f"whether the size {value} is 0 is known only when the model runs")
    return bool(value)


def _numbers(sign: str, a: Any, b: Any) -> None:
    for x in (a, b):
        if not isinstance(x, (int, float, Dim)):
            raise _Refused(f"`{sign}` wants numbers, not {describe(x)}")
    for x, y in ((a, b), (b, a)):
        if isinstance(x, Dim) and isinstance(y, float):
            raise _Refused(f"the size {x} is an integer; `{sign}` cannot join it with {y}")


def _add(a: Any, b: Any) -> Any:
    for kind in (str, list):
        if isinstance(a, kind) and isinstance(b, kind):
            return _bounded(a + b)
    if isinstance(a, str) or isinstance(b, str):
        raise _Refused(f"`+` cannot join {describe(a)} and {describe(b)}", "a text may hold `$(…)`: layer_$(i + 1)")
    _numbers("+", a, b)
    return _bounded(a + b)


def _subtract(a: Any, b: Any) -> Any:
    _numbers("-", a, b)
    return _bounded(a - b)


def _multiply(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, (str, list)):
        a, b = b, a
    if isinstance(a, (str, list)) and isinstance(b, int):
        if len(a) * max(b, 0) > MAX_ITEMS:
            raise _Refused(f"a {_noun(a)} of more than {MAX_ITEMS:,} elements")
        return _bounded(a * b)
    _numbers("*", a, b)
    return _bounded(a * b)


def _divide(a: Any, b: Any) -> Any:
    _numbers("/", a, b)
    if isinstance(a, Dim) or isinstance(b, Dim):
        rest = a % b
        if isinstance(rest, int) and rest == 0:
            return a // b
        raise _Refused(f"{a} / {b} need not be a whole number", "write `//`, which rounds down")
    return _bounded(a / b)


def _floor_divide(a: Any, b: Any) -> Any:
    _numbers("//", a, b)
    return _bounded(a // b)


def _remainder(a: Any, b: Any) -> Any:
    _numbers("%", a, b)
    return _bounded(a % b)


def _power(a: Any, b: Any) -> Any:
    _numbers("**", a, b)
    if isinstance(a, Dim) or isinstance(b, Dim):
        if isinstance(a, Dim) and isinstance(b, int) and 1 <= b <= 8:
            out: Any = a
            for _ in range(b - 1):
                out = out * a
            return out
        raise _Refused("a power of a size has an exponent from 1 to 8")
    if isinstance(a, int) and isinstance(b, int) and b >= 0 and abs(a) > 1 and b * (abs(a).bit_length() - 1) >= MAX_POWER_BITS:
        raise _Refused("the number is too large (more than 2**63)")
    if isinstance(a, int) and isinstance(b, int) and abs(b) > MAX_POWER_BITS:
        b = b % 2 + 2 if b > 0 else -(b % 2 + 2)  # 0, 1 and -1 depend on no more
        if abs(a) > 1:
            return 0.0
    return _bounded(a**b)


_OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: _add, ast.Sub: _subtract, ast.Mult: _multiply, ast.Div: _divide,
    ast.FloorDiv: _floor_divide, ast.Mod: _remainder, ast.Pow: _power,
}  # fmt: skip


def equal(a: Any, b: Any) -> bool:
    """a == b; an error where that depends on a symbolic size."""
    if isinstance(a, Dim) or isinstance(b, Dim):
        if not isinstance(a, (int, Dim)) or not isinstance(b, (int, Dim)):
            return False
        difference = a - b
        if isinstance(difference, int):
            return difference == 0
        raise _Refused(f"whether {a} is {b} is known only when the model runs")
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def _compare(op: ast.cmpop, a: Any, b: Any) -> bool:
    if isinstance(op, ast.Eq):
        return equal(a, b)
    if isinstance(op, ast.NotEq):
        return not equal(a, b)
    if isinstance(op, (ast.In, ast.NotIn)):
        if isinstance(b, str):
            if not isinstance(a, str):
                raise _Refused(f"a text holds texts, not {describe(a)}")
            inside = a in b
        elif isinstance(b, list):
            inside = any(equal(a, item) for item in b)
        elif isinstance(b, dict):
            inside = isinstance(a, str) and a in b
        else:
            raise _Refused(f"{describe(b)} holds nothing")
        return inside is isinstance(op, ast.In)
    if isinstance(a, Dim) or isinstance(b, Dim):
        if isinstance(a, (int, Dim)) and isinstance(b, (int, Dim)):
            difference = a - b
            if not isinstance(difference, int):
                raise _Refused(f"which of {a} and {b} is larger is known only when the model runs")
            a, b = difference, 0
        else:
            raise _Refused(f"{describe(a)} and {describe(b)} have no order")
    if isinstance(a, dict) or isinstance(b, dict):
        raise _Refused(f"{describe(a)} and {describe(b)} have no order")
    try:
        if isinstance(op, ast.Lt):
            return bool(a < b)
        if isinstance(op, ast.LtE):
            return bool(a <= b)
        if isinstance(op, ast.Gt):
            return bool(a > b)
        return bool(a >= b)
    except TypeError:
        raise _Refused(f"{describe(a)} and {describe(b)} have no order") from None


# -- functions ---------------------------------------------------------------------------------------------------


def _count(name: str, args: list[Any], least: int, most: int) -> None:
    if not least <= len(args) <= most:
        want = str(least) if least == most else f"{least} to {most}"
        raise _Refused(f"`{name}` takes {want} argument{'s' if most > 1 else ''}, not {len(args)}")


def _extreme(name: str, args: list[Any]) -> Any:
    items = args[0] if len(args) == 1 and isinstance(args[0], list) else args
    if not items or (len(args) == 1 and not isinstance(args[0], list)):
        raise _Refused(f"`{name}` takes a list that is not empty, or several values")
    out = items[0]
    for item in items[1:]:
        if isinstance(out, Dim) or isinstance(item, Dim):
            _numbers(name, out, item)
            out = (maximum if name == "max" else minimum)(out, item)
        elif _compare(ast.Gt() if name == "max" else ast.Lt(), item, out):
            out = item
    return out


def _absolute(args: list[Any]) -> Any:
    _count("abs", args, 1, 1)
    if not isinstance(args[0], (int, float)):
        raise _Refused(f"`abs` wants a number, not {describe(args[0])}")
    return _bounded(abs(args[0]))


def _length(args: list[Any]) -> int:
    _count("len", args, 1, 1)
    if not isinstance(args[0], (str, list, dict)):
        raise _Refused(f"{describe(args[0])} has no length")
    return len(args[0])


def _integral(name: str, function: Callable[[float], int]) -> Callable[[list[Any]], Any]:
    def call(args: list[Any]) -> Any:
        _count(name, args, 1, 1)
        value = args[0]
        if isinstance(value, Dim):
            return value
        if not isinstance(value, (int, float)):
            raise _Refused(f"`{name}` wants a number, not {describe(value)}")
        return _bounded(function(value))

    return call


def _round(args: list[Any]) -> Any:
    _count("round", args, 1, 2)
    value = args[0]
    if isinstance(value, Dim):
        return value
    digits = args[1] if len(args) == 2 else None
    if not isinstance(value, (int, float)) or not (digits is None or (isinstance(digits, int) and abs(digits) <= 30)):
        raise _Refused("`round` takes a number, and a number of digits")
    return _bounded(round(value) if digits is None else round(value, digits))


def _sum(args: list[Any]) -> Any:
    _count("sum", args, 1, 1)
    if not isinstance(args[0], list):
        raise _Refused(f"`sum` wants a list, not {describe(args[0])}")
    total: Any = 0
    for item in args[0]:
        _numbers("sum", total, item)
        total = _bounded(total + item)
    return total


def _range(args: list[Any]) -> list[int]:
    _count("range", args, 1, 3)
    for x in args:
        if isinstance(x, Dim):
            raise _Refused(f"the size {x} is known only when the model runs")
        if not isinstance(x, int):
            raise _Refused(f"`range` wants integers, not {describe(x)}")
    found = range(*args)
    if len(found) > MAX_ITEMS:
        raise _Refused(f"a list of more than {MAX_ITEMS:,} elements")
    return list(found)


_CALLS: dict[str, Callable[[list[Any]], Any]] = {
    "abs": _absolute,
    "ceil": _integral("ceil", math.ceil),
    "floor": _integral("floor", math.floor),
    "len": _length,
    "max": lambda args: _extreme("max", args),
    "min": lambda args: _extreme("min", args),
    "range": _range,
    "round": _round,
    "sum": _sum,
}


def _in_text(value: Any, part: Part) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    help = f"write $({part.source}.key) for one of its values" if isinstance(value, dict) else None
    raise ExpressionError(f"{describe(value)} cannot stand inside a text", part.start, part.end - part.start, help)


# -- on a tree of YAML -------------------------------------------------------------------------------------------


def position(node: Scalar, offset: int, length: int = 1) -> Span:
    """The place of some characters of a scalar's text: exact where it stands on one line as it is written, else all of it."""
    span = node.span
    if not isinstance(node.value, str) or span.line != span.end_line:
        return span
    width = span.end_col - span.col
    quotes = 0 if node.plain else 1
    if width != len(node.value) + 2 * quotes:
        return span
    start = span.col + quotes + min(max(offset, 0), len(node.value))
    end = min(start + max(length, 1), span.end_col)
    return span._replace(col=start, end_col=max(end, start))


def evaluate(node: Node, env: MappingType[str, Any], diagnostics: Diagnostics) -> Any:
    """Plain data of a node with every template replaced by its value; FAILED where one failed, which is reported.

    A name whose value in `env` is FAILED makes the result FAILED without a second report. Errors: AS208, AS209.
    """
    if isinstance(node, Scalar):
        text = node.value
        if not isinstance(text, str) or "$" not in text:
            return text
        try:
            return parse_template(text).evaluate(env)
        except FailedName:
            return FAILED
        except ExpressionError as error:
            report(error, node, diagnostics)
            return FAILED
    if isinstance(node, Sequence):
        items = [evaluate(item, env, diagnostics) for item in node.items]
        return FAILED if any(item is FAILED for item in items) else items
    if isinstance(node, Mapping):
        entries = {key: evaluate(value, env, diagnostics) for key, value in node.entries.items()}
        return FAILED if any(value is FAILED for value in entries.values()) else entries
    raise TypeError(type(node).__name__)


def report(error: ExpressionError, node: Scalar, diagnostics: Diagnostics) -> None:
    """The diagnostic of an error in a scalar's template."""
    if not isinstance(error, FailedName):
        diagnostics.error(error.code, position(node, error.offset, error.length), error.message, help=error.help)
