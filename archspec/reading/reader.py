"""YAML 1.2 (core schema) to nodes that know their place. The text is not trusted; what is refused becomes a diagnostic.

PyYAML gives the events (libyaml where it was built in); values, keys, aliases and limits are decided here, because
PyYAML follows YAML 1.1 (`no` is false, `1e-3` a string) and neither limits nor positions survive its constructors.
Reading events and not nodes also keeps libyaml's recursion, which can overflow the C stack, out of reach.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from archspec.diagnostics.model import Diagnostics, Edit, Fix, Label, Span
from archspec.reading.events import CORE_TAGS, Events, StopError, new
from archspec.reading.kept import keep
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence
from archspec.reading.scalars import TooLargeError, plain_word, resolve, short_scalar
from archspec.reading.sections import read_sections
from archspec.reading.text import decode, forbidden, invisible

MAX_DEPTH = 100
MAX_NODES = 1_500_000
MAX_ALIASED = 100_000  # of them where aliases stand
MAX_SCALAR = 65_536
MAX_KEY = 256
MAX_FINDINGS = 100  # of the kind after which reading goes on


_CLOSED = re.compile(r"\$\([^()]*\)")
_GLUED = re.compile(r"[A-Za-z_]\w*:\S.*")


def read(text: str | bytes, file: str, diagnostics: Diagnostics) -> Node | None:
    """The tree of one YAML document, or None where the text was refused (AS101 to AS106).

    Duplicate keys are reported and the first kept, so that later stages can find more; everything else ends reading.
    """
    decoded = decode(text, file, diagnostics)
    if decoded is None:
        return None
    if len(decoded) < MAX_NODES // 2:  # so it does not hold that many
        in_parts = read_sections(decoded, file, partial(_part, file))
        if in_parts is not None:
            return in_parts
    reader = _Reader(decoded, file, diagnostics)
    try:
        root = reader.document()
    except StopError:
        return None
    if isinstance(root, Mapping) and not reader.anchors:
        keep(root, reader.lines)
    return root


def _part(file: str, text: str, first: int, lines: list[str]) -> Mapping | None:
    """Entries of the mapping that a file is; None where anything is to be said of them, or of how they are said."""
    reader = _Part(text, file, Diagnostics(), first, lines)
    try:
        node = reader.document()
    except StopError:
        return None
    if not isinstance(node, Mapping) or reader.anchors or reader.diagnostics.added:
        return None
    keep(node, lines)
    return node


class _Anchored:
    """A node with a name, its expanded size and height; `node` is None while it is being read."""

    __slots__ = ("height", "node", "size")

    def __init__(self) -> None:
        self.node: Node | None = None
        self.size = 0
        self.height = 0


class _Reader(Events):
    def __init__(
        self, text: str, file: str, diagnostics: Diagnostics, first: int = 1, lines: list[str] | None = None
    ) -> None:
        super().__init__(text, file, diagnostics, first, lines)
        self.anchors: dict[str, _Anchored] = {}
        self.nodes = 0
        self.aliased = 0
        self.findings = 0

    # -- document ----------------------------------------------------------------------------------------------

    def document(self) -> Node:
        self.begin()
        self.next()  # the stream
        event = self.next()
        if isinstance(event, StreamEndEvent):
            raise self.stop("AS106", Span(self.file, 1, 1, 1, 1), "the file is empty")
        if getattr(event, "tags", None):
            raise self.stop(
                "AS103",
                self.rest_of_line(event),
                "a spec is plain data: `%TAG` is not used",
                help="remove the directive",
            )
        version = getattr(event, "version", None)
        if version and tuple(version) != (1, 2):
            raise self.stop(
                "AS103",
                self.rest_of_line(event),
                f"the file declares YAML {version[0]}.{version[1]}; a spec is YAML 1.2",
                help="remove the `%YAML` directive",
            )
        root, _ = self.node(self.next(), 1, False)
        self.next()  # the document's end
        event = self.next()
        if not isinstance(event, StreamEndEvent):
            span = self.span(event)
            raise self.stop(
                "AS103",
                Span(self.file, span.line, 1, span.line, 4),
                "a second document begins here; a spec is one document",
                help="remove the `---`, or put the second document into a file of its own",
            )
        if isinstance(root, Scalar) and root.value is None:
            raise self.stop("AS106", Span(self.file, 1, 1, 1, 1), "the file is empty")
        return root

    def node(self, event: Any, depth: int, flow: bool) -> tuple[Node, int]:
        """The node that begins with `event`, and its height."""
        if type(event) is AliasEvent:
            return self.alias(event, depth)
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.too_many(event)
        anchored: _Anchored | None = None
        if event.anchor is not None:
            anchored = self.anchors[event.anchor] = _Anchored()
        before = self.nodes
        node: Node
        if type(event) is ScalarEvent:
            node, height = self.scalar(event, flow), 1
        else:
            if depth > MAX_DEPTH:
                raise self.stop(
                    "AS104",
                    self.place(event),
                    f"more than {MAX_DEPTH} levels of nesting",
                    help="give the inner layers a block of their own",
                )
            if type(event) is SequenceStartEvent:
                node, height = self.sequence(event, depth)
            else:
                node, height = self.mapping(event, depth)
        if anchored is not None:
            anchored.node, anchored.size, anchored.height = node, self.nodes - before + 1, height
        return node, height

    def too_many(self, event: Any) -> StopError:
        return self.stop("AS104", self.place(event), f"the file holds more than {MAX_NODES:,} values")

    def alias(self, event: Any, depth: int) -> tuple[Node, int]:
        span = self.span(event)
        target = self.anchors.get(event.anchor)
        if target is None:
            from archspec.diagnostics.suggest import did_you_mean

            help = did_you_mean(event.anchor, self.anchors) or "a text that begins with `*` is quoted"
            raise self.stop("AS101", span, f"no value is marked `&{event.anchor}`", help=help)
        if target.node is None:
            raise self.stop("AS103", span, f"`&{event.anchor}` contains itself")
        self.nodes += target.size
        self.aliased += target.size
        if self.aliased > MAX_ALIASED:
            raise self.stop("AS104", self.place(event), f"aliases stand for more than {MAX_ALIASED:,} values")
        if depth + target.height - 1 > MAX_DEPTH:
            raise self.stop("AS104", span, f"more than {MAX_DEPTH} levels of nesting")
        return target.node, target.height

    # -- collections -------------------------------------------------------------------------------------------

    def sequence(self, event: Any, depth: int) -> tuple[Sequence, int]:
        self.tag(event, "seq")
        flow = bool(event.flow_style)
        items: list[Node] = []
        height = 0
        while type(inner := self.next()) is not SequenceEndEvent:
            item, below = self.node(inner, depth + 1, flow)
            items.append(item)
            if below > height:
                height = below
        return Sequence(items, self.extent(event, inner, items[-1].span if items else None)), height + 1

    def mapping(self, event: Any, depth: int) -> tuple[Mapping, int]:
        self.tag(event, "map")
        flow = bool(event.flow_style)
        entries: dict[str, Node] = {}
        keys: dict[str, Span] = {}
        height = 0
        last: Span | None = None
        while type(inner := self.next()) is not MappingEndEvent:
            key, key_span = self.key(inner, flow)
            value, below = self.node(self.next(), depth + 1, flow)
            if below > height:
                height = below
            last = value.span
            if last < key_span:
                last = key_span  # an alias: the value stands elsewhere
            if flow and ":" in key and _missing(value) and _GLUED.fullmatch(key):
                head, tail = key.split(":", 1)
                raise self.stop(
                    "AS101",
                    key_span,
                    f"`{key}` is one word to YAML: a space is needed after the colon",
                    help=f"write `{head}: {tail}`",
                    fix=Fix(f"write `{head}: {tail}`", (Edit(key_span, f"{head}: {tail}", key),)),
                )
            if key in entries:
                self.duplicate(key, key_span, keys[key], value, entries[key])
                continue
            entries[key] = value
            keys[key] = key_span
        return Mapping(entries, keys, self.extent(event, inner, last)), height + 1

    def extent(self, start: Any, end: Any, last: Span | None) -> Span:
        """Of a collection. A block's end event stands at the next token, lines later; its last value tells better."""
        begin = start.start_mark
        line, col = begin.line + self.first, begin.column + 1
        if start.flow_style or last is None:
            mark = end.end_mark
        elif (last.end_line, last.end_col) < (line, col):  # the last value is an alias to an earlier place
            mark = end.start_mark
        else:
            return new(Span, (self.file, line, col, last.end_line, last.end_col))
        return new(Span, (self.file, line, col, mark.line + self.first, mark.column + 1))

    def duplicate(self, key: str, span: Span, first: Span, value: Node, kept: Node) -> None:
        self.findings += 1
        end, fix = value.span, None
        if (end.line, end.col) >= (span.end_line, span.end_col) and repr(value.data()) == repr(kept.data()):
            again = span._replace(end_line=end.end_line, end_col=end.end_col)
            fix = Fix("remove the second one, which is equal", (Edit(again, None),))
        self.diagnostics.error(
            "AS102",
            span,
            f"`{key}` is given twice",
            label="again",
            secondary=(Label(first, "first here"),),
            help="remove one of them",
            fix=fix,
        )
        if self.findings >= MAX_FINDINGS:
            raise StopError

    def key(self, event: Any, flow: bool) -> tuple[str, Span]:
        span = self.span(event)
        if type(event) is ScalarEvent and event.anchor is None and event.tag is None and not event.style:
            text: str = event.value  # the common case: a plain word
            word = plain_word(text) if len(text) <= MAX_KEY else None
            if word is not None and (not flow or span.col < 2 or self.lines[span.line - 1][span.col - 2] != "?"):
                self.nodes += 1
                return word, span
        if isinstance(event, AliasEvent):
            raise self.stop(
                "AS103", span, "a key is a word, not an alias", help=f"write the key itself for `*{event.anchor}`"
            )
        if not isinstance(event, ScalarEvent):
            at = self.place(event)
            line = self.lines[at.line - 1] if at.line <= len(self.lines) else ""
            braces = "a parameter is written `$name` or `$(expression)`, without braces"
            raise self.stop(
                "AS103",
                at,
                "a key is a word, not a list or mapping",
                help=braces if "{{" in line else "quote the text if it is text",
            )
        before = self.lines[span.line - 1][: span.col - 1] if flow else ""
        if before.endswith("?"):  # libyaml, by YAML 1.1, takes `?x` for the key x; by YAML 1.2 it is the text `?x`
            at = span._replace(col=span.col - 1)
            raise self.stop("AS101", at, "a text that begins with `?` is quoted", help="put it between quotes")
        self.nodes += 1
        node = self.scalar(event, flow)
        if event.anchor is not None:
            anchored = self.anchors[event.anchor] = _Anchored()
            anchored.node, anchored.size, anchored.height = node, 1, 1
        value = node.value
        if not isinstance(value, str):
            written = str(event.value)
            kind = {type(None): "null", bool: "a boolean"}.get(type(value), "a number")
            raise self.stop(
                "AS103",
                span,
                f"the key `{written}` is {kind}; keys are text" if written else "an entry has no key",
                help=f'write "{written}": if this is meant' if written else None,
            )
        if value == "<<" and node.plain:
            raise self.stop(
                "AS103",
                span,
                "the merge key `<<` is not part of YAML 1.2",
                help="share layers with a block and its `params`, and values with `params`",
            )
        if len(value) > MAX_KEY:
            raise self.stop("AS104", span, f"a key of {len(value)} characters; at most {MAX_KEY}")
        hidden = invisible(value)
        if hidden is not None:
            raise self.stop(
                "AS105",
                span,
                f"the key `{value}` holds the invisible character U+{ord(hidden.group()):04X}",
                help="type the key again",
            )
        return value, span

    # -- scalars -----------------------------------------------------------------------------------------------

    def scalar(self, event: Any, flow: bool) -> Scalar:
        text: str = event.value
        span = self.span(event)
        style = event.style
        if not style and event.tag is None and len(text) < MAX_KEY and span.line == span.end_line and "$" not in text:
            try:  # the common case: a plain word or number
                return Scalar(short_scalar(text), span, True)
            except TooLargeError as error:
                raise self.stop("AS104", span, str(error), help="quote it if it is text") from None
        if len(text) > MAX_SCALAR:
            raise self.stop("AS104", self.place(event), f"a text of {len(text):,} characters; at most {MAX_SCALAR:,}")
        if style in ("|", ">"):
            span = self.block_end(span)
        if style == '"':
            bad = forbidden(text)
            if bad is not None:
                raise self.stop(
                    "AS105", span, f"an escape gives the character U+{ord(bad.group()):04X}, which is not text"
                )
        plain = not style
        if event.tag is not None and event.tag != "!":
            return Scalar(self.tagged(event, text, span), span, plain)
        if not plain or event.tag == "!":
            return Scalar(text, span, plain)
        if span.end_line > span.line:
            self.folded(span)
        if flow and "$" in text and open_expression(text):
            from archspec.reading.syntax import quote_expression

            quote_expression(span, self.lines, self.diagnostics)
            raise StopError
        try:
            return Scalar(resolve(text), span, True)
        except TooLargeError as error:
            raise self.stop("AS104", span, str(error), help="quote it if it is text") from None

    def folded(self, span: Span) -> None:
        """A plain text that goes on with a line like `- relu` is legal YAML, and never what was meant."""
        for row in range(span.line, span.end_line):
            line = self.lines[row]
            bare = line.lstrip(" ")
            if bare.startswith("- "):
                begin = len(line) - len(bare) + 1
                raise self.stop(
                    "AS101",
                    Span(self.file, row + 1, begin, row + 1, len(line.rstrip()) + 1),
                    "YAML reads this line as more text of the value above, not as a list item",
                    secondary=(
                        Label(span._replace(end_line=span.line, end_col=span.col + 1), "that value begins here"),
                    ),
                    help="indent it like the other items of its list; quote the value if it is one text",
                )

    def block_end(self, span: Span) -> Span:
        """A `|` or `>` text ends with its last line that is not blank."""
        line, col = span.end_line, span.end_col
        lines = self.lines
        while line > span.line and (line > len(lines) or not lines[line - 1][: col - 1].strip()):
            line -= 1
            col = len(lines[line - 1]) + 1
        return span._replace(end_line=line, end_col=len(lines[line - 1][: col - 1].rstrip()) + 1)

    def tagged(self, event: Any, text: str, span: Span) -> str | int | float | bool | None:
        name = CORE_TAGS.get(event.tag)
        if name is None or name in ("seq", "map"):
            self.tag(event, "")
        if name == "str":
            return text
        try:
            value = resolve(text)
        except TooLargeError as error:
            raise self.stop("AS104", span, str(error)) from None
        kinds = {"null": (type(None),), "bool": (bool,), "int": (int,), "float": (int, float)}
        if type(value) not in kinds[name or "null"]:
            raise self.stop("AS103", span, f"`{text[:60]}` is no {name}, as the tag `!!{name}` says")
        return float(value) if name == "float" and isinstance(value, int) else value


class _Part(_Reader):
    """Reads a part of a text. That it cannot be read is not told: somebody reads the whole."""

    def stop(self, code: str, span: Span, message: str, **more: Any) -> StopError:
        return StopError()

    def _broken(self, error: Exception) -> StopError:
        return StopError()


def _missing(value: Node) -> bool:
    """Is nothing written where a value could be?"""
    span = value.span
    return isinstance(value, Scalar) and value.value is None and (span.line, span.col) == (span.end_line, span.end_col)


def open_expression(text: str) -> bool:
    """Does a `$(` have no closing parenthesis in this text?"""
    if "$(" not in _CLOSED.sub("", text):  # the common case
        return False
    start = text.find("$(")
    while start >= 0:
        depth = 0
        for index in range(start + 1, len(text)):
            depth += {"(": 1, ")": -1}.get(text[index], 0)
            if depth == 0:
                start = text.find("$(", index)
                break
        else:
            return True
    return False
