"""The layout: what fits a line stands on one line, everything else has a line for each entry."""

from __future__ import annotations

from textwrap import wrap

from archspec.formatting import roles
from archspec.formatting.roles import Role
from archspec.formatting.scalars import prefix, scalar
from archspec.formatting.tree import Comment, Document, Entry, Node

WIDTH = 120
STEP = 2


class Line:
    """`comment`: at its end, where it stood in column `column`. `goes_on`: its text does, in the next line, so that a
    comment would be part of it."""

    __slots__ = ("column", "comment", "goes_on", "text")

    def __init__(self, text: str, comment: Comment | None = None) -> None:
        self.text = text
        self.comment = comment.text if comment is not None else ""
        self.column = comment.at.col if comment is not None else 0
        self.goes_on = False


def layout(document: Document) -> str:
    """The text of a document."""
    printer = _Printer(reorder=not document.anchors, airy=any(entry.blank for entry in document.root.entries))
    body = printer.root(document.root)
    lines = [*(Line(text or "") for text in document.head), *body]
    return "".join(f"{text}\n" for text in _aligned(lines)).lstrip("\n")


class _Printer:
    """`reorder`: keys may change places; an alias must stay behind what it stands for. `airy`: empty lines are between
    sections: between all of them then, and between blocks."""

    def __init__(self, *, reorder: bool, airy: bool) -> None:
        self.reorder = reorder
        self.airy = airy
        self._flow: dict[int, str | None] = {}

    def root(self, node: Node) -> list[Line]:
        if node.is_collection and node.entries:
            role = Role.ROOT if node.kind == "mapping" else Role.VALUE
            self.settle(node, role)
            mark = prefix(node).rstrip()
            return [*([Line(mark)] if mark else []), *self.collection(node, role, 0)]
        return self.value("", node, Role.VALUE, 0)

    def settle(self, node: Node, role: Role) -> None:
        """Comments above what will follow a dash stand above the dash: they belong to the whole item."""
        for entry in node.entries:
            own, value = roles.inner(role, entry), entry.value
            self.settle(value, own)
            if entry.key is None and value.entries and not prefix(value):
                first = self.ordered(value, own, lines=True)[0]
                entry.lead += first.lead
                first.lead = []

    def ordered(self, node: Node, role: Role, *, lines: bool) -> list[Entry]:
        return roles.ordered(role, node.entries, lines=lines) if self.reorder else node.entries

    # -- collections ---------------------------------------------------------------------------------------------

    def collection(self, node: Node, role: Role, indent: int) -> list[Line]:
        """A line, or several, for each entry."""
        out: list[Line] = []
        entries = self.ordered(node, role, lines=True)
        long = False  # did the entry before take several lines?
        for number, entry in enumerate(entries):
            lines = self.entry(entry, roles.inner(role, entry), indent)
            left = self.trail(lines, entry.trail)
            above = self.comments([*entry.lead, *(comment.text for comment in left)], indent)
            parted = self.airy and roles.apart(role, entry) and (long or len(above + lines) > 1)
            if number and (entry.blank or parted):
                out.append(Line(""))
            out += above + lines
            long = len(above + lines) > 1
        return out + self.comments(node.foot, indent)

    def trail(self, lines: list[Line], found: list[Comment]) -> list[Comment]:
        """Put the first comment at the end of the first line that can have one, if none is there; those left over."""
        line = next(line for line in lines[_first(lines) :] if not line.goes_on)
        if not found or line.comment:
            return found
        line.comment, line.column = found[0].text, found[0].at.col
        return found[1:]

    def comments(self, found: list[str | None], indent: int) -> list[Line]:
        return [Line(" " * indent + text if text is not None else "") for text in found]

    def entry(self, entry: Entry, role: Role, indent: int) -> list[Line]:
        if entry.key is not None:
            key = scalar(entry.key, flow=False, key=True)
            return self.value(f"{' ' * indent}{key}:", entry.value, role, indent)
        dash = f"{' ' * indent}-"
        value = entry.value
        if not value.is_collection or not value.entries or prefix(value) or not self.spread(dash, value, role):
            return self.value(dash, value, role, indent)
        inner = self.collection(value, role, indent + STEP)
        # The dash takes the place of the first entry's indentation; comments above that stand above the dash.
        at = _first(inner)
        for line in inner[:at]:
            line.text = line.text[STEP:] if line.text else ""
        inner[at].text = dash + " " + inner[at].text[indent + STEP :]
        return inner

    # -- values --------------------------------------------------------------------------------------------------

    def value(self, head: str, node: Node, role: Role, indent: int) -> list[Line]:
        """The value behind a key or dash."""
        space = f"{head} " if head else ""
        if node.block is not None:
            return self.block_scalar(space, node, indent)
        if not node.is_collection:
            text = scalar(node, flow=False)
            if len(space + text) > WIDTH and node.end.line > node.start.line:
                return self.folded(space, node, text, indent)
            return [Line((space + text).rstrip())]
        if not node.entries:
            return [
                Line(space + prefix(node) + ("{}" if node.kind == "mapping" else "[]")),
                *self.comments(node.foot, indent),
            ]
        if self.spread(head, node, role):
            inner = indent + STEP if head else indent
            mark = prefix(node).rstrip()
            return [Line(f"{space}{mark}".rstrip()), *self.collection(node, role, inner)]
        return [Line(space + (self.flow(node, role) or ""))]

    def spread(self, head: str, node: Node, role: Role) -> bool:
        """Does a collection take several lines?"""
        if roles.has_lines(role, node):
            return True
        text = self.flow(node, role)
        if text is None or len(head) + 1 + len(text) > WIDTH:
            return True
        return role is Role.ITEM and not node.flow and self.needs_quotes(node)

    def needs_quotes(self, node: Node) -> bool:
        """Would a value need quotes in one line that it does not need on a line of its own?"""
        values = [entry.value for entry in node.entries if entry.value.kind == "scalar" and entry.value.block is None]
        return any(scalar(v, flow=True)[:1] in "\"'" and scalar(v, flow=False)[:1] not in "\"'" for v in values)

    def flow(self, node: Node, role: Role) -> str | None:
        """In brackets, on one line; None where something in it has comments, or lines of its own."""
        if not node.is_collection:
            return scalar(node, flow=True) if node.block is None else None
        known = self._flow.get(id(node), "")
        if known == "":
            known = self._flow[id(node)] = self._in_brackets(node, role)
        return known

    def _in_brackets(self, node: Node, role: Role) -> str | None:
        if node.foot:
            return None
        parts = []
        for entry in self.ordered(node, role, lines=False):
            own = roles.inner(role, entry)
            if entry.lead or entry.trail or (entry.value.entries and own in _LISTS and not entry.value.flow):
                return None
            text = self.flow(entry.value, own)
            if text is None:
                return None
            parts.append(text if entry.key is None else f"{scalar(entry.key, flow=True, key=True)}: {text}")
        opening, closing = "{}" if node.kind == "mapping" else "[]"
        return prefix(node) + opening + ", ".join(parts) + closing

    def block_scalar(self, space: str, node: Node, indent: int) -> list[Line]:
        assert node.block is not None
        header, content = node.block
        marks = "".join(char for char in header if char in "|>+-")
        first = next((line for line in content if line.strip()), "")
        if first.startswith(" "):
            marks = marks[0] + str(STEP) + marks[1:]
        own = " " * (indent + STEP if space else indent)
        return [Line(space + prefix(node) + marks), *(Line(own + line if line else "") for line in content)]

    def folded(self, space: str, node: Node, text: str, indent: int) -> list[Line]:
        """A text of several lines, as it was, broken at spaces; on one line if that would change it."""
        own = " " * (indent + STEP)
        broken = " ".join(node.text.split()) == node.text
        if broken and text == node.text:
            first = _wrapped(text, WIDTH - len(space))[0]
            rest = text.removeprefix(first).lstrip()
            lines = _wrapped(rest, WIDTH - len(own))
            if not any(line.startswith(("- ", "---", "...")) for line in lines):
                out = [Line(space + first), *(Line(own + line) for line in lines)]
                for line in out[:-1]:
                    line.goes_on = True
                return out
        return [Line((space + text).rstrip())]


_LISTS = (Role.ITEMS, Role.STRUCTURE, Role.BRANCHES)


def _wrapped(text: str, room: int) -> list[str]:
    """Lines of so many characters, if there is room for any: a key may be as long as a line."""
    return wrap(text, max(room, 1), break_long_words=False, break_on_hyphens=False)


def _first(lines: list[Line]) -> int:
    """The number of the first that is neither empty nor a comment."""
    return next(n for n, line in enumerate(lines) if line.text and not line.text.lstrip().startswith("#"))


def _aligned(lines: list[Line]) -> list[str]:
    """Comments stay in their columns, together if they stood together, two spaces from the text at least."""
    out = [line.text for line in lines]
    start = 0
    while start < len(lines):
        end = start + 1
        if lines[start].comment:
            while end < len(lines) and lines[end].comment and lines[end].column == lines[start].column:
                end += 1
            column = max(lines[start].column, *(len(line.text) + 2 for line in lines[start:end]), 0)
            for number in range(start, end):
                out[number] = lines[number].text.ljust(column) + lines[number].comment
        start = end
    return out
