"""YAML text as a tree that still knows how it was written: styles, anchors, tags, comments, blank lines.

The reader's own tree (reading/nodes.py) is for what a spec means; aliases are resolved there and styles are gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml


class Position(NamedTuple):
    """From 0, as PyYAML's marks."""

    line: int
    col: int


class Comment(NamedTuple):
    """`text` begins with `#`. `alone`: nothing else stands on its line."""

    at: Position
    text: str
    alone: bool


class Node:
    """A scalar, alias, mapping or sequence.

    `text`: a scalar's value, or an alias's name. `style`: of a scalar as PyYAML has it: None for a plain one, or one of
    `'"|>`. `flow`: a collection in brackets. `end`: behind its last character. `block`: the header and the lines of a
    block scalar. `foot`: comments behind its last entry; None stands for a blank line.
    """

    __slots__ = ("anchor", "block", "end", "entries", "flow", "foot", "kind", "start", "style", "tag", "text")

    def __init__(self, kind: str, start: Position, end: Position) -> None:
        self.kind = kind
        self.start = start
        self.end = end
        self.text = ""
        self.style: str | None = None
        self.flow = False
        self.anchor: str | None = None
        self.tag: str | None = None
        self.entries: list[Entry] = []
        self.block: tuple[str, list[str]] | None = None
        self.foot: list[str | None] = []

    @property
    def is_collection(self) -> bool:
        return self.kind in ("mapping", "sequence")

    def get(self, key: str) -> Node | None:
        return next((e.value for e in self.entries if e.key is not None and e.key.text == key), None)


class Entry:
    """A pair of a mapping, or an item of a sequence (`key` is None).

    `lead`: comments on lines of their own before it (None: a blank line); `blank`: a blank line before all of these.
    `trail`: comments at the end of its first line.
    """

    __slots__ = ("blank", "key", "lead", "trail", "value")

    def __init__(self, key: Node | None, value: Node) -> None:
        self.key = key
        self.value = value
        self.blank = False
        self.lead: list[str | None] = []
        self.trail: list[Comment] = []

    @property
    def start(self) -> Position:
        return self.value.start if self.key is None else self.key.start

    @property
    def end(self) -> Position:
        return self.value.end if self.key is None else max(self.key.end, self.value.end)

    @property
    def name(self) -> str:
        return "" if self.key is None else self.key.text


class Document(NamedTuple):
    """`head`: comments and directives before everything; None stands for a blank line. `comments`: all of the text."""

    root: Node
    head: list[str | None]
    anchors: bool
    comments: list[str]


def walk(node: Node) -> Iterator[Node]:
    """The node and everything in it, keys included."""
    todo = [node]
    while todo:
        each = todo.pop()
        yield each
        for entry in reversed(each.entries):
            todo.append(entry.value)
            if entry.key is not None:
                todo.append(entry.key)


class _Builder:
    """Reads the events of a text that the reader has accepted."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.events = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self.anchors = False

    def document(self) -> tuple[Node, Position]:
        """The root, and where the document begins: behind `---`, if there is one."""
        self._next()
        start = self._next()
        root = self._node(self._next(), -1)
        mark = start.end_mark
        return root, Position(mark.line, mark.column) if start.explicit else Position(-1, 0)

    def _next(self) -> Any:
        return next(self.events)

    def _node(self, event: Any, around: int) -> Node:
        """`around`: the column of the block collection that the node stands in."""
        mark = event.start_mark
        start = Position(mark.line, mark.column)
        mark = event.end_mark
        end = Position(mark.line, mark.column)
        if isinstance(event, yaml.AliasEvent):
            self.anchors = True
            node = Node("alias", start, end)
            node.text = str(event.anchor)
            return node
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event, start, end, around)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = Node("sequence", start, end)
            column = start.col
            while not isinstance(inner := self._next(), yaml.SequenceEndEvent):
                node.entries.append(Entry(None, self._node(inner, column)))
            self._close(node, event, inner)
        else:
            node = Node("mapping", start, end)
            column = start.col
            while not isinstance(inner := self._next(), yaml.MappingEndEvent):
                key = self._node(inner, column)
                node.entries.append(Entry(key, self._node(self._next(), column)))
            self._close(node, event, inner)
        node.anchor = event.anchor
        self.anchors |= event.anchor is not None
        node.tag = event.tag
        return node

    def _close(self, node: Node, start: Any, end: Any) -> None:
        node.flow = bool(start.flow_style)
        if node.flow or not node.entries:
            node.end = Position(end.end_mark.line, end.end_mark.column)
        else:  # a block's end event stands at the next token; its last value tells better
            node.end = node.entries[-1].end
            node.start = min(node.start, node.entries[0].start)

    def _scalar(self, event: Any, start: Position, end: Position, around: int) -> Node:
        node = Node("scalar", start, end)
        node.text = event.value
        node.style = event.style or None
        if node.style in ("|", ">"):
            line, column = self._indicator(start)
            header = self.lines[line][column:].split("#", 1)[0].rstrip()
            content = self._content(line, around, header)
            if content and not node.text.endswith("\n") and not {"-", "+"} & set(header):
                header += "-"  # the file ends without a line break, and so does the text
            node.block = header, content
            node.end = Position(line + len(content), len(self.lines[line + len(content)]))
        return node

    def _indicator(self, start: Position) -> Position:
        """Where the `|` or `>` stands: an anchor or tag may be before it."""
        line, column = start
        while self.lines[line][column : column + 1] not in ("|", ">"):
            column += 1
            if column >= len(self.lines[line]):
                line, column = line + 1, 0
        return Position(line, column)

    def _content(self, header_line: int, around: int, header: str) -> list[str]:
        """The lines of a block scalar without their indentation."""
        digits = [char for char in header if char.isdigit()]
        indent = max(around, 0) + int(digits[0]) if digits else None
        out: list[str] = []
        last = 0
        for line in self.lines[header_line + 1 :]:
            if line.strip(" "):
                own = len(line) - len(line.lstrip(" "))
                indent = own if indent is None and own > around else indent
                if indent is None or own < indent:
                    break
                out.append(line[indent:])
                last = len(out)
            else:
                out.append(line[indent:] if indent is not None else "")
                last = len(out) if out[-1] else last  # spaces beyond the indentation are text
        return out if "+" in header else out[:last]


def build(text: str) -> tuple[Node, Position, bool]:
    """The tree of a text that the reader has accepted, without comments; where it begins; has it anchors?"""
    builder = _Builder(text)
    root, start = builder.document()
    return root, start, builder.anchors
