"""Where the name under the cursor is given: a value, a parameter, a block, maybe in another file."""

from __future__ import annotations

import re

from archspec.editor.analysis import Analysis
from archspec.editor.names import Definition, before, blocks, last, parameters_at, values_at
from archspec.editor.tree import Found, Step, find
from archspec.graph.names import BEFORE
from archspec.reading.nodes import Scalar

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


def definition(analysis: Analysis, line: int, col: int) -> Definition | None:
    """What the name at a place stands for, and where that is written."""
    if analysis.root is None or (found := find(analysis.root, line, col)) is None:
        return None
    if found.key is not None:
        return block(analysis, found.key)
    if not isinstance(found.node, Scalar) or not isinstance(found.node.value, str):
        return None
    word = word_at(analysis.text, line, col)
    if word is None:
        return None
    path = item_path(found.path)
    if "$" in found.node.value:
        name = word.partition(".")[0]
        return last(parameters_at(analysis.root, found.path), name)
    if _reads(found):
        if "outputs" in (found.path[0], *found.path[2:3]):  # of the spec, or of a block: any of its items
            path = (*(found.path[:2] if found.path[0] == "blocks" else ()), "layers", 1 << 30)
        if word == BEFORE and "from" in found.path:
            return before(analysis.root, path)
        values = values_at(analysis.root, path)
        return last(values, word) or last(values, word.rpartition(".")[0])
    return block(analysis, word)


def block(analysis: Analysis, name: str) -> Definition | None:
    """The block of this name: of this file, or of one that it includes or extends."""
    root = analysis.report.assembled or analysis.root
    return last(blocks(root), name) if root is not None and name[:1].isupper() else None


def word_at(text: str, line: int, col: int) -> str | None:
    """The name at a place of the text."""
    lines = text.split("\n")
    if line > len(lines):
        return None
    for match in _WORD.finditer(lines[line - 1]):
        if match.start() <= col - 1 <= match.end():
            return match.group()
    return None


def item_path(path: tuple[Step, ...]) -> tuple[Step, ...]:
    """The path of the item in which a place is: up to the last position in a list of items."""
    for length in range(len(path), 0, -1):
        if isinstance(path[length - 1], int) and (length < 2 or path[length - 2] not in ("from", "outputs")):
            return path[:length]
    return path


def _reads(found: Found) -> bool:
    """Does the place hold the name of a value?"""
    words = [step for step in found.path if isinstance(step, str)]
    if not words:
        return False
    in_from = "from" in words and words.index("from") >= len(words) - 2
    return (
        in_from
        or words[-1] in ("use", "like")
        or words[0] == "outputs"
        or (words[-1] == "outputs" and words[0] == "blocks")
    )
