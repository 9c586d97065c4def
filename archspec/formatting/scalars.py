"""Scalars as they are written: quotes only where YAML 1.2, as the reader reads it, needs them."""

from __future__ import annotations

import json
import re
from functools import lru_cache

from archspec.formatting.tree import Node
from archspec.graph.names import TYPES
from archspec.reading.reader import open_expression
from archspec.reading.scalars import TooLargeError, resolve
from archspec.reading.text import forbidden

_INDICATORS = frozenset(",[]{}#&*!|>'\"%@`")
# What YAML 1.1 reads as something else than a text: quotes that are there stay, for readers of other tools.
_OLD = re.compile(
    r"(?i:y|n|yes|no|on|off)|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE].*)?"
    r"|[-+]?0[bxo]?[0-9a-fA-F_]+|\d{4}-\d\d?-\d\d?.*|=|<<"
)


def scalar(node: Node, *, flow: bool, key: bool = False) -> str:
    """The text of a scalar or alias on one line. Not for block scalars."""
    if node.kind == "alias":
        return f"*{node.text}"
    mark = prefix(node)
    if node.tag is not None:  # what a tag says depends on how the text is written
        return mark + _as_it_was(node, flow)
    if node.style is None:
        if not _is_text(node.text):
            return mark + (node.text or ("null" if flow or mark else ""))
        return mark + (node.text if plain(node.text, flow=flow) else quoted(node.text))
    if plain(node.text, flow=flow) and not _OLD.fullmatch(node.text) and (key or node.text not in TYPES):
        return mark + node.text
    return mark + quoted(node.text)


def prefix(node: Node) -> str:
    """The anchor and tag before a value."""
    out = f"&{node.anchor} " if node.anchor is not None else ""
    if node.tag is not None:
        tag = node.tag
        out += (f"!!{tag.removeprefix('tag:yaml.org,2002:')}" if tag.startswith("tag:yaml.org,2002:") else tag) + " "
    return out


def _as_it_was(node: Node, flow: bool) -> str:
    if node.style is None:
        if flow and not node.text:
            return "null" if node.tag == "tag:yaml.org,2002:null" else '""'
        return quoted(node.text) if flow and _is_text(node.text) and not plain(node.text, flow=True) else node.text
    return (
        "'" + node.text.replace("'", "''") + "'" if node.style == "'" and node.text.isprintable() else quoted(node.text)
    )


def quoted(text: str) -> str:
    """In double quotes; in single ones where double quotes would need escapes."""
    if ('"' in text or "\\" in text) and text.isprintable() and "'" not in text:
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False)


@lru_cache(4096)
def plain(text: str, *, flow: bool) -> bool:
    """Is the text, written without quotes, that very text?"""
    if not text or text != text.strip() or not text.replace("\u00a0", "x").isprintable() or forbidden(text):
        return False
    if not _is_text(text):
        return False
    first, second = text[0], text[1:2]
    if first in _INDICATORS or first == ":" or (first in "-?" and (not second or second in " ,[]{}")):
        return False
    if text.startswith(("---", "...")) or ": " in text or " #" in text or text.endswith(":"):
        return False
    if not flow:
        return True
    if "$" in text and open_expression(text):
        return False
    return first != "?" and not any(char in ",[]{}" for char in text) and not re.search(r":(?=[,\[\]{}]|$)", text)


def _is_text(text: str) -> bool:
    try:
        return isinstance(resolve(text), str)
    except TooLargeError:
        return False
