"""Comments: found in the text, and attached to what they speak of."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable
from itertools import pairwise

from archspec.formatting.tree import Comment, Document, Entry, Node, Position, build, walk


def parse(text: str) -> Document:
    """The tree of a text that the reader has accepted, its line breaks `\\n`, with every comment in its place."""
    root, start, anchors = build(text)
    lines = text.split("\n")
    found = comments(lines, root)
    attacher = _Attacher(lines)
    first = root.start if not root.entries else root.entries[0].start
    before = [c for c in found if c.at < first and (c.alone or c.at < start)]
    head = attacher.stack(before, first)
    if start.line >= 0:
        directives = [line.rstrip() for line in lines[: start.line] if line.startswith("%")]
        above = [c.text for c in before if c.at < start]
        head = [*directives, *above, "---", *attacher.stack([c for c in before if c.at >= start], first)]
    done = set(map(id, before))
    attacher.attach(root, [c for c in found if id(c) not in done])
    if root.entries:
        head += root.entries[0].lead
        root.entries[0].lead = []
    return Document(root, head, anchors, [comment.text for comment in found])


def comments(lines: list[str], root: Node) -> list[Comment]:
    """All comments of a text, in order. (One may stand right behind a quote or bracket: the parser takes it there.)"""
    hidden, plain = _hidden(lines, root), _plain(root)
    out = []
    for number, line in enumerate(lines):
        at = line.find("#")
        while at >= 0:
            begins = at == 0 or line[at - 1] in " \t" or not _within(at, plain.get(number, ()))
            if begins and not _within(at, hidden.get(number, ())):
                out.append(Comment(Position(number, at), line[at:].rstrip(), not line[:at].strip(" \t")))
                break
            at = line.find("#", at + 1)
    return out


def _within(at: int, stretches: Iterable[tuple[int, int]]) -> bool:
    return any(begin <= at < end for begin, end in stretches)


def _plain(root: Node) -> dict[int, list[tuple[int, int]]]:
    """By line, the columns of words without quotes: a `#` in one is a letter."""
    plain: dict[int, list[tuple[int, int]]] = {}
    for node in walk(root):
        if node.kind == "alias" or (node.kind == "scalar" and node.style is None):
            for line in range(node.start.line, node.end.line + 1):
                begin = node.start.col if line == node.start.line else 0
                end = node.end.col if line == node.end.line else sys.maxsize
                plain.setdefault(line, []).append((begin, end))
    return plain


def _hidden(lines: list[str], root: Node) -> dict[int, list[tuple[int, int]]]:
    """By line, the columns in which quoted and block scalars stand: a `#` there is text."""
    hidden: dict[int, list[tuple[int, int]]] = {}
    for node in walk(root):
        if node.kind != "scalar" or node.style is None:
            continue
        if node.block is not None:
            for number in range(node.end.line - len(node.block[1]) + 1, node.end.line + 1):
                hidden.setdefault(number, []).append((0, len(lines[number]) + 1))
            continue
        for number in range(node.start.line, node.end.line + 1):
            begin = node.start.col if number == node.start.line else 0
            end = node.end.col if number == node.end.line else len(lines[number]) + 1
            hidden.setdefault(number, []).append((begin, end))
    return hidden


class _Attacher:
    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def attach(self, node: Node, found: list[Comment]) -> None:
        """Give each of the comments to an entry in or below a collection."""
        rest = deque(found)
        before: Entry | None = None
        for entry, after in pairwise([*node.entries, None]):
            assert entry is not None
            gap = []
            while rest and rest[0].at < entry.start:
                gap.append(rest.popleft())
            last = self.gap(node, before, entry, gap)
            entry.blank = before is not None and last + 1 < entry.start.line and not self.lines[last + 1].strip()
            inside = []
            while rest and self.belongs(entry, after, rest[0]):
                inside.append(rest.popleft())
            self.within(entry, inside)
            before = entry
        self.gap(node, before, None, list(rest))

    def belongs(self, entry: Entry, after: Entry | None, comment: Comment) -> bool:
        """Does it stand in the entry, or at the end of its last line?"""
        if after is not None and comment.at > after.start:
            return False
        return comment.at < entry.end or (comment.at.line == entry.end.line and not comment.alone)

    def within(self, entry: Entry, found: list[Comment]) -> None:
        value = entry.value
        if not value.is_collection or not value.entries:
            entry.trail += found
            return
        inner, behind = [], []
        for comment in found:
            if value.flow and comment.at >= value.end:
                behind.append(comment)
            elif comment.at < (value.start if value.flow else value.entries[0].start) and not comment.alone:
                entry.trail.append(comment)
            else:
                inner.append(comment)
        self.attach(value, inner)
        # What has comments within cannot stay on one line: a comment behind it is then one on its last line.
        (value.entries[-1] if inner else entry).trail += behind

    def gap(self, node: Node, before: Entry | None, after: Entry | None, found: list[Comment]) -> int:
        """Comments between two entries; the last line that belongs to the one before, its comments included.

        A comment belongs to what is before it if it stands further in than what comes after.
        """
        lead: list[Comment] = []
        last = before.end.line if before is not None else -1
        for comment in found:
            if not comment.alone and before is not None:
                before.trail.append(comment)
                last = comment.at.line
                continue
            deeper = self.deeper(before, comment, node) if not node.flow else None
            if deeper is not None and not lead:
                self.foot(deeper, comment)
                last = comment.at.line
            elif after is not None:
                lead.append(comment)
            else:
                self.foot(node, comment)
        if after is not None:
            after.lead = self.stack(lead, after.start)
        return last

    def deeper(self, before: Entry | None, comment: Comment, node: Node) -> Node | None:
        """The innermost block collection at the end of an entry of `node` that a comment still stands in."""
        found = None
        while before is not None and before.value.is_collection and before.value.entries and not before.value.flow:
            inner = before.value
            # the start of a block collection is that of its first key or dash
            if comment.at.col < inner.start.col or comment.at.col <= node.start.col:
                break
            found, before = inner, inner.entries[-1]
        return found

    def foot(self, node: Node, comment: Comment) -> None:
        if comment.at.line > 0 and not self.lines[comment.at.line - 1].strip():
            node.foot.append(None)
        node.foot.append(comment.text)

    def stack(self, found: Iterable[Comment], below: Position) -> list[str | None]:
        """Comments on lines of their own as they stand above something, blank lines between them kept."""
        out: list[str | None] = []
        last = None
        for comment in found:
            if last is not None and self.blank_between(last.at.line, comment.at.line):
                out.append(None)
            out.append(comment.text)
            last = comment
        if last is not None and self.blank_between(last.at.line, below.line):
            out.append(None)
        return out

    def blank_between(self, above: int, below: int) -> bool:
        return any(not self.lines[line].strip() for line in range(above + 1, below))
