"""Texts with `$name` and `$(expression)` in them, and whole trees of YAML with such texts.

Nothing is ever handed to `eval`: expressions are parsed by `ast`, checked against a list of what is allowed
(`grammar`), and evaluated on the tree (`evaluator`), with values, lengths and steps bounded (`operations`).
The tree is kept (`Template.tree`) for the stage that prints source.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping as MappingType
from functools import lru_cache
from typing import Any

from archspec.diagnostics.model import Diagnostics, Span
from archspec.diagnostics.suggest import write_instead
from archspec.dims.work import WorkSpentError, charge
from archspec.reading.evaluator import Evaluator
from archspec.reading.grammar import (
    CONSTANTS,
    FAILED,
    MAX_LENGTH,
    ExpressionError,
    FailedNameError,
    Part,
    UnknownNameError,
    names,
    parse_expression,
)
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence
from archspec.reading.operations import MAX_ITEMS, describe, weigh

__all__ = [
    "FAILED",
    "ExpressionError",
    "FailedNameError",
    "Template",
    "UnknownNameError",
    "evaluate",
    "parse_template",
    "position",
    "report",
]

# In steps of `dims.work`. What is short is part of the price of its item.
SHORT = 32  # elements of a list, characters of an expression
_PER_ELEMENT = 20  # of a list that is handed on
_PER_CHARACTER = 8  # of an expression that is evaluated

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Template:
    """A text with its `$` parts. Immutable, and shared: `parse_template` caches."""

    __slots__ = ("name", "names", "parts", "text", "tree", "whole")

    def __init__(self, text: str, parts: tuple[str | Part, ...]) -> None:
        self.text = text
        self.parts = parts
        self.whole = len(parts) == 1 and isinstance(parts[0], Part)
        self.tree: ast.expr | None = parts[0].tree if self.whole and isinstance(parts[0], Part) else None
        self.name = self.tree.id if isinstance(self.tree, ast.Name) else None
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
        if self.name is not None and (known := env.get(self.name, FAILED)) is not FAILED:
            return known
        out: list[str] = []
        for part in self.parts:
            if isinstance(part, str):
                out.append(part)
                continue
            if len(part.source) > SHORT:
                charge(_PER_CHARACTER * len(part.source))
            value = Evaluator(env, part).value(part.tree)
            if self.whole:
                return value
            out.append(_in_text(value, part))
        text = "".join(out)
        if len(text) > MAX_ITEMS and out:
            raise ExpressionError(f"a text of {len(text):,} characters; at most {MAX_ITEMS:,}")
        return text


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
            name: ast.expr = ast.Name(
                word, ast.Load(), lineno=1, col_offset=1, end_lineno=1, end_col_offset=1 + len(word)
            )
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
        whole = word is not None and text.startswith("}", word.end())
        error = ExpressionError(
            "`${` is not how a parameter is written",
            dollar,
            len(name) + 3 if whole else 2,
            f"write ${name}, or $(…) for an expression",
        )
        if whole:
            error.meant = f"${name}", True
        return error
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


def _in_text(value: Any, part: Part) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    help = f"write $({part.source}.key) for one of its values" if isinstance(value, dict) else None
    raise ExpressionError(f"{describe(value)} cannot stand inside a text", part.start, part.end - part.start, help)


# -- on a tree of YAML -------------------------------------------------------------------------------------------


def position(node: Scalar, offset: int, length: int = 1) -> Span:
    """The place of some characters of a scalar's text; all of it, where it does not stand on one line as it is."""
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


def evaluate(
    node: Node, env: MappingType[str, Any], diagnostics: Diagnostics, tensors: frozenset[str] = frozenset()
) -> Any:
    """Plain data of a node with every template replaced by its value; FAILED where one failed, which is reported.

    A name whose value in `env` is FAILED makes the result FAILED without a second report. `tensors`: names that stand
    for what the model reads, and not for parameters. Errors: AS208, AS209.
    """
    if isinstance(node, Scalar):
        text = node.value
        if not isinstance(text, str) or "$" not in text:
            return text
        try:
            value = parse_template(text).evaluate(env)
            if isinstance(value, (list, dict)):
                _hand_on(weigh(value))
            return value
        except FailedNameError:
            return FAILED
        except ExpressionError as error:
            if isinstance(error, UnknownNameError) and error.name in tensors:
                error.of_tensor()
            report(error, node, diagnostics)
            return FAILED
        except WorkSpentError:
            _too_many(node, diagnostics)
            raise
    if isinstance(node, Sequence):
        try:
            _hand_on(len(node.items))
        except WorkSpentError:
            _too_many(node, diagnostics)
            raise
        items = [evaluate(item, env, diagnostics, tensors) for item in node.items]
        return FAILED if any(item is FAILED for item in items) else items
    if isinstance(node, Mapping):
        entries = {key: evaluate(value, env, diagnostics, tensors) for key, value in node.entries.items()}
        return FAILED if any(value is FAILED for value in entries.values()) else entries
    raise TypeError(type(node).__name__)


def _hand_on(elements: int) -> None:
    """Charge a list or record of so many: what is given a long one looks at all of it. Raises WorkSpentError."""
    if elements > SHORT:
        charge(_PER_ELEMENT * elements)


def _too_many(node: Node, diagnostics: Diagnostics) -> None:
    message = "the expressions of this spec take too long to evaluate"
    help = "build long lists once, as a parameter, and give a block the entry that it reads"
    diagnostics.error("AS215", node.span, message, help=help)


def report(error: ExpressionError, node: Scalar, diagnostics: Diagnostics) -> None:
    """The diagnostic of an error in a scalar's template."""
    if isinstance(error, FailedNameError):
        return
    span, fix = position(node, error.offset, error.length), None
    if error.meant is not None and isinstance(node.value, str):
        meant, safe = error.meant
        old = node.value[error.offset : error.offset + error.length]
        fix = write_instead(old, meant, span, safe=safe)
    diagnostics.error(error.code, span, error.message, help=error.help, fix=fix)
