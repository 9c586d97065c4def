"""Blocks that stand where they stood, in the same words, are the same nodes as in an earlier reading.

An editor reads a file again at every change, and most of its blocks are untouched. Whatever a stage has worked out of a
block it may leave on the node (`Mapping.kept`), as it is the same only if everything in it is, its places included.
"""

from __future__ import annotations

from archspec.diagnostics.model import Span
from archspec.reading.nodes import Mapping

MAX_BLOCKS = 1024
MAX_TEXT = 1 << 22  # characters of them together

_Key = tuple[Span, str]
_blocks: dict[_Key, Mapping] = {}
_size = 0


def keep_blocks(root: Mapping, lines: list[str]) -> None:
    """Put the nodes of an earlier reading in the place of equal ones. (Only for a file without anchors: an alias
    means another value where its anchor does.)"""
    blocks = root.get("blocks")
    if isinstance(blocks, Mapping):
        for name, node in blocks.entries.items():
            if isinstance(node, Mapping):
                blocks.entries[name] = _kept(node, lines)


def _kept(node: Mapping, lines: list[str]) -> Mapping:
    """A value that begins and ends at the same places of the same lines is the same value."""
    global _size
    span = node.span
    text = "\n".join(lines[span.line - 1 : span.end_line])
    key = (span, text)
    found = _blocks.pop(key, None)
    if found is None:
        found = node
        found.kept = {}
        _size += len(text)
        while _blocks and (_size > MAX_TEXT or len(_blocks) >= MAX_BLOCKS):
            oldest = next(iter(_blocks))
            del _blocks[oldest]
            _size -= len(oldest[1])
    _blocks[key] = found  # the last one used is the last to go
    return found


def forget() -> None:
    """Begin anew."""
    global _size
    _blocks.clear()
    _size = 0
