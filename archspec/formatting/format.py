"""Formats a spec: the same data, all comments, one layout."""

from __future__ import annotations

from typing import Any

from archspec.diagnostics.model import Diagnostics, SpecError
from archspec.formatting.comments import comments, parse
from archspec.formatting.printer import layout
from archspec.formatting.tree import build
from archspec.reading.nodes import Mapping
from archspec.reading.reader import read
from archspec.reading.text import decode


class FormattingError(Exception):
    """The layout would have lost something: a bug. The text is left as it is."""


def format_text(text: str | bytes, file: str = "<spec>") -> str:
    """The text in the layout of archspec; formatting it again changes nothing.

    Raises SpecError where it does not read as YAML. Before it is given back it is held against the text that was given:
    the data are equal, to the types, and so are the comments. A text that is no mapping is no spec, and stays as it is.
    """
    found = Diagnostics()
    before = read(text, file, found)
    decoded = decode(text, file, found)
    if before is None or decoded is None or found.has_errors:
        shown = text if isinstance(text, str) else text.decode("utf-8", "replace")
        raise SpecError(found.sorted(), {file: shown})
    if not isinstance(before, Mapping):
        return decoded
    document = parse(decoded)
    made = layout(document)
    after = read(made, file, Diagnostics())
    if after is None or not _same(before.data(), after.data()) or sorted(document.comments) != _comments(made):
        raise FormattingError(f"{file} cannot be laid out anew without a loss")
    return made


def _same(a: Any, b: Any) -> bool:
    """Equal, of equal types; keys in any order."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(value, b[key]) for key, value in a.items())
    if isinstance(a, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b or (a != a and b != b))


def _comments(text: str) -> list[str]:
    root, _, _ = build(text)
    return sorted(comment.text for comment in comments(text.split("\n"), root))
