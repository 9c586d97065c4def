"""What is being written at a place of a text that may be broken: the path to it, and the word so far."""

from __future__ import annotations

import re
from typing import NamedTuple

from archspec.diagnostics.model import Diagnostics
from archspec.editor.tree import Step
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence
from archspec.reading.reader import read

MARK = "cursor8e1f"
_WORD = re.compile(r"[A-Za-z0-9_.]*\Z")
_TRIES = 8


class Cursor(NamedTuple):
    """`path` leads to what holds the cursor; `role`: it is a "key" of the mapping there, a "value", or an "item" of the
    list there. `word`: what is written of it. `dollar`: it is a name in an expression. `root`: the tree up to here.
    """

    path: tuple[Step, ...]
    role: str
    word: str
    dollar: bool
    root: Node


def cursor(text: str, line: int, col: int) -> Cursor | None:
    """What is written at a place (from 1). What stands behind it is not looked at; lines before it that are no YAML
    are passed over."""
    lines = text.replace("\r\n", "\n").split("\n")
    if line > len(lines):
        return None
    before = lines[line - 1][: col - 1]
    word = _WORD.search(before)
    assert word is not None
    head = before[: word.start()]
    dollar = head.endswith("$") or (head.rfind("$(") > head.rfind(")"))
    if dollar and word.group().endswith("."):
        return None
    kept = lines[: line - 1]
    mark = f"{MARK}:" if re.fullmatch(r"\s*", head) else MARK  # alone in its line it begins a key
    for _ in range(_TRIES):
        found = Diagnostics()
        root = read("\n".join([*kept, _closed(head + mark, kept)]), "<cursor>", found)
        if root is not None:
            break
        bad = min((d.span.line for d in found), default=0)
        if not 1 <= bad <= len(kept) or not kept[bad - 1].strip():
            if not kept:
                return None
            bad = max((n for n, row in enumerate(kept, 1) if row.strip()), default=0)
            if not bad:
                return None
        kept[bad - 1] = ""
    else:
        return None
    place = _where(root, ())
    if place is None:
        return None
    path, role = place
    return Cursor(path, role, word.group(), dollar, root)


def _closed(row: str, before: list[str]) -> str:
    """The row with the brackets and quotes closed that are open at its end."""
    closing: list[str] = []
    quote = ""
    text = "\n".join([*_flow_begin(before), row])
    at = 0
    while at < len(text):
        char = text[at]
        if quote:
            if char == "\\" and quote == '"':
                at += 1
            elif char == quote:
                quote = ""
        elif char == "#" and (at == 0 or text[at - 1] in " \n"):
            at = text.find("\n", at)
            if at < 0:
                break
        elif char in "\"'" and (at == 0 or text[at - 1] in " [{,\n"):
            quote = char
        elif char in "[{":
            closing.append("]" if char == "[" else "}")
        elif char in "]}" and closing and closing[-1] == char:
            closing.pop()
        at += 1
    return row + quote + "".join(reversed(closing))


def _flow_begin(before: list[str]) -> list[str]:
    """The rows before that may belong to the same flow collection: back to one that begins an item or key."""
    rows: list[str] = []
    for row in reversed(before[-200:]):
        rows.insert(0, row)
        if re.match(r"\s*(- |[A-Za-z_]\w*:(\s|$))", row):
            break
    return rows


def _where(node: Node | None, path: tuple[Step, ...]) -> tuple[tuple[Step, ...], str] | None:
    if isinstance(node, Scalar):
        return (path, "value") if isinstance(node.value, str) and MARK in node.value else None
    if isinstance(node, Mapping):
        for key, value in node.entries.items():
            if MARK in key:
                return path, "key"
            if (found := _where(value, (*path, key))) is not None:
                return found
    if isinstance(node, Sequence):
        for number, item in enumerate(node.items):
            if (found := _where(item, (*path, number))) is not None:
                inner, role = found
                return (path, "item") if inner == (*path, number) and role == "value" else found
    return None
