"""The words of a tree that may be names, and where each stands: keys, texts, and the names in expressions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from archspec.diagnostics.model import Span
from archspec.editor.tree import Found, Step
from archspec.reading.expressions import ExpressionError, parse_template, position
from archspec.reading.grammar import column
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence

_NAME = re.compile(r"\w+(?:-\w+)*(?:\.\w+(?:-\w+)*)*\??")


class Word(NamedTuple):
    """`path` leads to the scalar in which it stands, or to the value of the key (`is_key`).

    `read`: it is a name in an expression, and no text. `exact`: `span` holds the word and nothing else; a text that
    is written over several lines, or with escapes, is not looked into.
    """

    text: str
    span: Span
    path: tuple[Step, ...]
    is_key: bool = False
    read: bool = False
    exact: bool = True


def words(root: Node | None, path: tuple[Step, ...] = ()) -> Iterator[Word]:
    """Every word under a node, in the order of the text."""
    if isinstance(root, Mapping):
        for key, value in root.entries.items():
            yield from _of(_written(key, root.keys[key]), (*path, key), is_key=True)
            yield from words(value, (*path, key))
    elif isinstance(root, Sequence):
        for number, item in enumerate(root.items):
            yield from words(item, (*path, number))
    elif isinstance(root, Scalar):
        yield from _of(root, path)


def word_at(found: Found, line: int, col: int) -> Word | None:
    """The word at a place, in the scalar or key that was found there."""
    if found.key is not None and found.key_span is not None:
        inside = list(_of(_written(found.key, found.key_span), found.path, is_key=True))
    elif isinstance(found.node, Scalar):
        inside = list(_of(found.node, found.path))
    else:
        return None
    near = [w for w in inside if (w.span.line, w.span.col) <= (line, col) <= (w.span.end_line, w.span.end_col)]
    return near[-1] if near else None


def _written(key: str, span: Span) -> Scalar:
    return Scalar(key, span, plain=span.end_col - span.col == len(key))


def _of(scalar: Scalar, path: tuple[Step, ...], *, is_key: bool = False) -> Iterator[Word]:
    text = scalar.value
    if not isinstance(text, str):
        return
    for offset, word, read in _split(text):
        span = position(scalar, offset, len(word))
        yield Word(word, span, path, is_key, read, span.end_line == span.line and span.end_col - span.col == len(word))


def _split(text: str) -> Iterator[tuple[int, str, bool]]:
    """The words of a text with their offsets; true: names that an expression reads."""
    if "$" not in text:
        yield from _plain(text, 0)
        return
    try:
        parts = [part for part in parse_template(text).parts if not isinstance(part, str)]
    except ExpressionError:
        return
    at = 0
    for part in parts:
        yield from _plain(text[at : part.start], at)
        at = part.end
        called = {id(node.func) for node in ast.walk(part.tree) if isinstance(node, ast.Call)}
        found = []
        for node in ast.walk(part.tree):
            if isinstance(node, ast.Name) and id(node) not in called:
                found.append((part.shift + column(part.source, node), node.id, True))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                start = part.shift + column(part.source, node) + 1
                found += [(start, node.value, False)] if text.startswith(node.value, start) and node.value else []
        yield from sorted(found)
    yield from _plain(text[at:], at)


def _plain(text: str, at: int) -> Iterator[tuple[int, str, bool]]:
    return ((at + found.start(), found.group(), False) for found in _NAME.finditer(text))
