"""Where in a YAML tree a place of the text is."""

from __future__ import annotations

from typing import NamedTuple

from archspec.diagnostics.model import Span
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence

Step = str | int


class Found(NamedTuple):
    """`path`: keys and positions that lead to `node`. `key`: the key under the place itself, when it is on one.

    `trail`: the nodes on the way, the root first and `node` last.
    """

    path: tuple[Step, ...]
    node: Node
    trail: tuple[Node, ...]
    key: str | None = None
    key_span: Span | None = None


def inside(span: Span, line: int, col: int) -> bool:
    """Is the place in the span, or right behind it?"""
    return (span.line, span.col) <= (line, col) <= (span.end_line, span.end_col)


def find(root: Node | None, line: int, col: int) -> Found | None:
    """The innermost key or scalar at a place (lines and columns count from 1)."""
    if root is None or not inside(root.span, line, col):
        return None
    path: list[Step] = []
    trail: list[Node] = [root]
    node = root
    while True:
        following: tuple[Step, Node] | None = None
        if isinstance(node, Mapping):
            for key, value in node.entries.items():
                if inside(node.keys[key], line, col):
                    return Found((*path, key), value, (*trail, value), key, node.keys[key])
                if inside(value.span, line, col):
                    following = key, value
        elif isinstance(node, Sequence):
            for number, item in enumerate(node.items):
                if inside(item.span, line, col):
                    following = number, item
                    break
        if following is None:
            return Found(tuple(path), node, tuple(trail))
        step, node = following
        path.append(step)
        trail.append(node)


def at(root: Node | None, path: tuple[Step, ...]) -> Node | None:
    """The node that a path leads to."""
    node = root
    for step in path:
        if isinstance(node, Mapping) and isinstance(step, str):
            node = node.get(step)
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            return None
    return node


def text(node: Node | None) -> str | None:
    """The text of a scalar that is one."""
    return node.value if isinstance(node, Scalar) and isinstance(node.value, str) else None
