"""Type text: `float32[B, 3, $dim, $(2 * k), H // 2]`."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from archspec.diagnostics.suggest import closest, did_you_mean
from archspec.dims import Dim, Real, Size, symbol
from archspec.reading.dtypes import DTYPES, MEANT
from archspec.reading.evaluator import Evaluator
from archspec.reading.expressions import parse_template
from archspec.reading.grammar import ExpressionError, Part, parse_expression
from archspec.reading.operations import describe

MAX_RANK = 64  # torch's own limit

_WORD = re.compile(r"\s*([A-Za-z_][\w.]*|\$[A-Za-z_]\w*|\$(?=\())")
_NAME = re.compile(r"[A-Z][A-Za-z0-9_]*")
_INT = re.compile(r"[0-9]{1,18}")
_CALLS = ("max", "min")
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)


class TypeTextError(ExpressionError):
    """What is wrong with a type text; `offset` counts characters from its beginning."""

    code = "AS217"


def parse_type(
    text: str, env: Mapping[str, Any] | None = None, symbols: Callable[[str], Dim] = symbol
) -> tuple[str, tuple[Size, ...]]:
    """dtype and sizes of a type text.

    A name that begins with a capital is a symbol (`symbols` makes it), `$name` and `$(…)` are read in `env`, and sizes
    may be computed: `H // 2`. Raises TypeTextError, or ExpressionError for what stands behind a `$`.
    """
    env = env or {}
    dtype, position = _dtype(text, env)
    rest = text[position:]
    if not rest.strip():
        raise TypeTextError(
            "the sizes are missing", position, 1, f"write {dtype}[B, 3], or {dtype}[] for a single number"
        )
    opened = position + len(rest) - len(rest.lstrip())
    if text[opened] != "[":
        raise TypeTextError(f"`[` was expected after {dtype}", opened, 1, f"write {dtype}[B, 3]")
    close = _matching(text, opened)
    if text[close + 1 :].strip():
        raise TypeTextError("the type has ended before this", close + 1, len(text) - close - 1)
    shape = [_size(piece, start, env, symbols) for piece, start in _pieces(text, opened + 1, close)]
    if len(shape) > MAX_RANK:
        raise TypeTextError(f"{len(shape)} dimensions; at most {MAX_RANK}", opened)
    return dtype, tuple(shape)


def _dtype(text: str, env: Mapping[str, Any]) -> tuple[str, int]:
    """The dtype and where it ends."""
    found = _WORD.match(text)
    if found is None:
        raise TypeTextError("a type begins with its dtype", 0, max(len(text), 1), "write float32[B, 3, H, W]")
    start, end = found.start(1), found.end(1)
    word = found.group(1)
    if word.startswith("$"):
        if word == "$":
            end = _matching(text, start + 1) + 1
        value = _evaluated(text[start:end], start, env)
        if not isinstance(value, str):
            raise TypeTextError(f"a dtype was expected, not {describe(value)}", start, end - start)
        word = value
    if word in DTYPES:
        return word, end
    bare = word.removeprefix("torch.")
    meant = bare if bare in DTYPES else MEANT.get(bare.lower())
    help = f"write {meant}" if meant else did_you_mean(bare, DTYPES) or f"the dtypes are {', '.join(DTYPES)}"
    error = TypeTextError(f"unknown dtype `{word[:60]}`", start, end - start, help)
    near = closest(bare, DTYPES)
    if word == text[start:end] and (meant or len(near) == 1):
        error.meant = (meant, True) if meant else (near[0], False)
    raise error


def _matching(text: str, start: int) -> int:
    """The offset of the bracket that closes the one at `start`."""
    pairs = {")": "(", "]": "["}
    stack: list[str] = []
    quote = ""
    for index in range(start, len(text)):
        char = text[index]
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "([":
            stack.append(char)
        elif char in ")]":
            if not stack or stack.pop() != pairs[char]:
                raise TypeTextError(f"`{char}` closes nothing", index)
            if not stack:
                return index
    raise TypeTextError(f"`{text[start]}` is not closed", start)


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[str, int]]:
    """The texts between the outer commas, stripped, with their offsets."""
    if not text[start:end].strip():
        return
    depth, quote, begin = 0, "", start
    for index in range(start, end + 1):
        char = text[index] if index < end else ","
        if quote and index < end:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif char == "," and (depth == 0 or index == end):
            piece = text[begin:index]
            stripped = piece.strip()
            if not stripped:
                if index == end:
                    return  # a comma after the last size, as in Python
                raise TypeTextError("a size is missing before the comma", index)
            yield stripped, begin + len(piece) - len(piece.lstrip())
            begin = index + 1


def _evaluated(text: str, start: int, env: Mapping[str, Any]) -> Any:
    try:
        return parse_template(text).evaluate(env)
    except ExpressionError as error:
        error.offset += start
        raise


def _size(text: str, start: int, env: Mapping[str, Any], symbols: Callable[[str], Dim]) -> Size:
    value: Any
    if _INT.fullmatch(text):
        value = int(text)
    elif _NAME.fullmatch(text) and text != "None":
        return symbols(text)
    elif text in ("?", "-1", "None", "null", "*", "...", ":", "_"):
        raise TypeTextError(f"`{text}` is no size", start, len(text), "a size that may vary has a name: B, T, H, W")
    else:
        value = _computed(text, start, env, symbols)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, Real):
        help = "write `//`, which rounds down" if value.op == "/" else None
        raise TypeTextError(f"{value} need not be a whole number", start, len(text), help)
    if isinstance(value, bool) or not isinstance(value, (int, Dim)):
        raise TypeTextError(f"a size is an integer, not {describe(value)}", start, len(text))
    if isinstance(value, int) and value < 1:
        raise TypeTextError(f"a size is at least 1, not {value}", start, len(text))
    return value


class _Names(dict[str, Any]):
    """Names of a size: the values of its `$` parts, and symbols for whatever begins with a capital."""

    def __init__(self, symbols: Callable[[str], Dim]) -> None:
        super().__init__()
        self.symbols = symbols

    def __missing__(self, name: str) -> Dim:
        if _NAME.fullmatch(name):
            return self.symbols(name)
        raise KeyError(name)


def _computed(text: str, start: int, env: Mapping[str, Any], symbols: Callable[[str], Dim]) -> Any:
    """The value of a size that is more than a number or a symbol."""
    try:
        template = parse_template(text)
    except ExpressionError as error:
        error.offset += start
        raise
    if template.whole:
        return _evaluated(text, start, env)
    # `$` parts become names, so that the size is one expression; `origin` leads from its columns back to the text.
    names = _Names(symbols)
    joined, position = "", start
    origin: list[int] = []
    for number, part in enumerate(template.parts):
        if isinstance(part, str):
            joined += part
            origin += range(position, position + len(part))
            position += len(part)
        else:
            name = f"__{number}"
            names[name] = _evaluated(text[part.start : part.end], start + part.start, env)
            joined += name
            origin += [position] * len(name)
            position = start + part.end
    origin.append(position)
    try:
        tree = parse_expression(joined, 0)
        for node in ast.walk(tree):
            _allowed(node, names, env)
        return Evaluator(names, Part(tree, 0, len(joined), 0, joined)).value(tree)
    except ExpressionError as error:
        raise TypeTextError(
            error.message, origin[min(max(error.offset, 0), len(joined))], error.length, error.help
        ) from None


def _allowed(node: ast.AST, names: _Names, env: Mapping[str, Any]) -> None:
    """Sizes are computed with integers, symbols, + - * // %, min and max."""
    if isinstance(node, ast.Name) and node.id not in names and node.id not in _CALLS and not _NAME.fullmatch(node.id):
        at = max(node.col_offset - 1, 0)
        help = (
            f"write ${node.id} for the parameter"
            if node.id in env
            else "a symbol begins with a capital; a parameter with `$`"
        )
        raise TypeTextError(f"`{node.id}` is no size", at, len(node.id), help)
    if isinstance(node, ast.Constant) and type(node.value) is not int:
        raise TypeTextError(f"a size is an integer, not {describe(node.value)}", max(node.col_offset - 1, 0))
    if isinstance(node, ast.BinOp) and not isinstance(node.op, _OPERATORS):
        raise TypeTextError("sizes are computed with + - * // % alone", max(node.col_offset - 1, 0), help="use $(…)")
    if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in _CALLS):
        raise TypeTextError("of functions a size has `min` and `max`", max(node.col_offset - 1, 0), help="use $(…)")
    if isinstance(node, (ast.BoolOp, ast.Compare, ast.IfExp, ast.Subscript, ast.Attribute, ast.List)):
        raise TypeTextError("sizes are computed with + - * // % alone", max(node.col_offset - 1, 0), help="use $(…)")
