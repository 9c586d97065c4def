"""The YAML tree: plain data in which every node and key knows its place in the file."""

from __future__ import annotations

from typing import Any

from archspec.diagnostics.model import Span


class Node:
    """A YAML node with its span."""

    __slots__ = ("span",)
    span: Span

    def data(self) -> Any:
        """Plain Python data (dict, list, str, int, float, bool, None)."""
        raise NotImplementedError


class Scalar(Node):
    """A string, number, boolean or null; `plain` is false for quoted and block strings."""

    __slots__ = ("plain", "value")

    def __init__(self, value: str | int | float | bool | None, span: Span, plain: bool = True) -> None:
        self.value = value
        self.span = span
        self.plain = plain

    def data(self) -> Any:
        return self.value


class Sequence(Node):
    __slots__ = ("items",)

    def __init__(self, items: list[Node], span: Span) -> None:
        self.items = items
        self.span = span

    def data(self) -> list[Any]:
        return [item.data() for item in self.items]


class Kept(dict[Any, Any]):
    """What stages remember of a block, and of every block of the same form (see kept.py). Equal to itself alone."""

    __slots__ = ("__weakref__",)
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self is other


class Mapping(Node):
    """Keys are strings, each with a span of its own (`keys`); `entries` keeps the file's order.

    `kept`: of a block or item that the next reading of the text may hold again, what stages remember of it.
    """

    __slots__ = ("entries", "kept", "keys")

    def __init__(self, entries: dict[str, Node], keys: dict[str, Span], span: Span) -> None:
        self.entries = entries
        self.keys = keys
        self.span = span
        self.kept: Kept | None = None

    def data(self) -> dict[str, Any]:
        return {key: value.data() for key, value in self.entries.items()}

    def get(self, key: str) -> Node | None:
        return self.entries.get(key)

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def without(self, *keys: str) -> Mapping:
        """The same without some of its entries."""
        entries = {key: value for key, value in self.entries.items() if key not in keys}
        return Mapping(entries, {key: self.keys[key] for key in entries}, self.span)


def renamed(node: Mapping, names: dict[str, str]) -> Mapping:
    """The mapping with other names for some keys; their places and values stay."""
    if not names:
        return node
    entries = {names.get(key, key): value for key, value in node.entries.items()}
    return Mapping(entries, {names.get(key, key): span for key, span in node.keys.items()}, node.span)


def entry_span(node: Mapping, key: str) -> Span | None:
    """From a key to the end of its value; None where the value stands elsewhere (an alias)."""
    first, last = node.keys[key], node.entries[key].span
    if first.file != last.file or (last.line, last.col) < (first.end_line, first.end_col):
        return None
    return first._replace(end_line=last.end_line, end_col=last.end_col)
