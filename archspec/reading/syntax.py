"""What a YAML syntax error means, in the words of someone writing a spec. Loaded only when there is one."""

from __future__ import annotations

import re
from typing import Any

from archspec.diagnostics.model import Diagnostics, Edit, Fix, Label, Span

_TYPE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\[[^\]\n]*\]")
_BRACES = re.compile(r"\$\{\s*([A-Za-z_][A-Za-z0-9_]*)?\s*\}?")
_SECOND_COLON = re.compile(
    r"^(\s*(?:- )*(?:\"[^\"]*\"|'[^']*'|[^\s\"'{\[#][^:#]*)):\s+(?P<value>[^\"'\[{|>&*!\s].*:(?:\s.*)?)$"
)


def quote_expression(span: Span, lines: list[str], diagnostics: Diagnostics) -> None:
    """AS101 for an expression with a comma or bracket, unquoted inside `[]` or `{}`; `span` begins at or before it."""
    line = lines[span.line - 1]
    start = line.find("$(", span.col - 1)
    start = span.col - 1 if start < 0 else start
    end = _closing(line, start + 1)
    while start > 0 and line[start - 1] not in " ,[{":
        start -= 1
    while end < len(line) and line[end] not in " ,]}":
        end += 1
    _quote(span.file, span.line, start, end, line, diagnostics, "an expression")


def _quote(file: str, number: int, start: int, end: int, line: str, diagnostics: Diagnostics, what: str) -> None:
    text = line[start:end]
    where = Span(file, number, start + 1, number, end + 1)
    marks = [c for c in ",[]{}#:" if c in text]
    if not marks:  # whatever breaks it stands on the next line
        message, help = f"{what} over several lines is quoted inside `[]` and `{{}}`", "put it between quotes"
        diagnostics.error("AS101", where, message, help=help)
        return
    quoted = _quoted(text)
    diagnostics.error(
        "AS101",
        where,
        f"{what} that holds {_words(marks)} is quoted inside `[]` and `{{}}`",
        label="YAML reads the comma or bracket as its own",
        help=_write(text),
        fix=Fix("put it between quotes", (Edit(where, quoted),)),
    )


def _quoted(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'


def _write(text: str) -> str:
    return f"write {_quoted(text)}" if len(text) <= 120 else "put it between quotes"


def _words(marks: list[str]) -> str:
    shown = [f"`{c}`" for c in marks]
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " or " + shown[-1] if shown else ""


def _closing(line: str, start: int) -> int:
    """The column behind the parenthesis that closes the one at `start`; the end of the line where none does."""
    depth, quote = 0, ""
    for index in range(start, len(line)):
        char = line[index]
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
            if depth == 0:
                return index + 1
    return len(line.rstrip())


def report(error: Exception, text: str, lines: list[str], file: str, diagnostics: Diagnostics) -> None:
    """One diagnostic, AS101 (AS103 for tags), for an exception of PyYAML's scanner or parser."""
    _Report(error, text, lines, file, diagnostics).run()


class _Report:
    def __init__(self, error: Exception, text: str, lines: list[str], file: str, diagnostics: Diagnostics) -> None:
        self.lines = lines
        self.file = file
        self.diagnostics = diagnostics
        self.problem = str(getattr(error, "problem", None) or "")
        self.context = str(getattr(error, "context", None) or "")
        mark = getattr(error, "problem_mark", None)
        start = getattr(error, "context_mark", None)
        self.row, self.col = self.clamp(mark if mark is not None else start)
        self.start = self.clamp(start) if start is not None else None
        self.line = lines[self.row]
        self.char = self.line[self.col : self.col + 1]

    def clamp(self, mark: Any) -> tuple[int, int]:
        """Line and column from 0; the end of the stream is the end of the last line that is not blank."""
        if mark is None:
            return 0, 0
        row, col = mark.line, mark.column
        if row >= len(self.lines):
            row, col = len(self.lines) - 1, 1 << 30
        while row > 0 and not self.lines[row].strip() and (row, col) >= (len(self.lines) - 1, 0):
            row, col = row - 1, 1 << 30
        return row, min(col, len(self.lines[row].rstrip()) if col == 1 << 30 else len(self.lines[row]))

    def at(self, row: int, col: int, width: int = 1) -> Span:
        return Span(self.file, row + 1, col + 1, row + 1, col + 1 + width)

    def error(self, span: Span, message: str, help: str | None = None, *, code: str = "AS101", **more: Any) -> None:
        self.diagnostics.error(code, span, message, help=help, **more)

    def run(self) -> None:
        for attempt in (self.tab, self.expression, self.type_text, self.known):
            if attempt():
                return
        words = re.sub(r"<([a-z ]+)>", r"\1", self.problem) or "it cannot be read"
        self.error(self.at(self.row, self.col), f"not valid YAML here: {words[:200]}")

    # -- traps -------------------------------------------------------------------------------------------------

    def tab(self) -> bool:
        for row in (self.row, self.row - 1):
            line = self.lines[row] if row >= 0 else ""
            indent = line[: len(line) - len(line.lstrip())]
            if "\t" in indent:
                first = indent.index("\t")
                span = self.at(row, first, len(indent) - first)
                fix = Fix("replace each tab by two spaces", (Edit(span, "  " * (len(indent) - first)),), safe=False)
                self.error(span, "a tab in the indentation; YAML indents with spaces", fix.title, fix=fix)
                return True
        if self.char == "\t":
            span = self.at(self.row, self.col)
            fix = Fix("replace it by a space", (Edit(span, " "),))
            self.error(span, "a tab where YAML wants a space", fix.title, fix=fix)
            return True
        return False

    def rows(self) -> list[int]:
        return [self.row] if self.start is None or self.start[0] == self.row else [self.row, self.start[0]]

    def expression(self) -> bool:
        for row in self.rows():
            line = self.lines[row]
            for braces in _BRACES.finditer(line):
                if row == self.row and not braces.start() < self.col + 1:
                    continue
                name = braces.group(1) or "name"
                span = self.at(row, braces.start(), braces.end() - braces.start())
                whole = braces.group(1) and braces.group().endswith("}")
                self.error(
                    span,
                    "`${` is not how a parameter is written",
                    f"write ${name}, or $(…) for an expression",
                    fix=Fix(f"write `${name}`", (Edit(span, f"${name}", braces.group()),)) if whole else None,
                )
                return True
            start = line.find("$(")
            while start >= 0:
                end = _closing(line, start + 1)
                inside = line[start + 2 : end]
                quoted = line[:start].count('"') % 2 or line[:start].count("'") % 2
                reached = row != self.row or start < self.col
                if (not quoted and reached and any(c in inside for c in ",[]{}")) or (not quoted and ": " in inside):
                    quote_expression(self.at(row, start), self.lines, self.diagnostics)
                    return True
                start = line.find("$(", max(end, start + 2))
        return False

    def type_text(self) -> bool:
        if self.char != "[":
            return False
        for found in _TYPE.finditer(self.line):
            if found.start() < self.col < found.end():
                _quote(self.file, self.row + 1, found.start(), found.end(), self.line, self.diagnostics, "a type")
                return True
        return False

    # -- what the parser says ----------------------------------------------------------------------------------

    def known(self) -> bool:
        problem, context = self.problem, self.context
        here = self.at(self.row, self.col)
        if "quoted scalar" in context:
            return self.quoted(here)
        if "mapping values are not allowed" in problem:
            return self.colon(here)
        if "',' or" in problem and self.char == "?" and self.line[: self.col].endswith(":"):
            self.question(self.at(self.row, self.col - 1))
        elif "',' or" in problem:
            return self.flow(here)
        elif "sequence entries are not allowed" in problem:
            self.error(here, "a list begins on the line of its key", "begin it on the next line, or write [a, b]")
        elif "could not find expected ':'" in problem and self.start is not None:
            self.neither(*self.start)
        elif "directive" in context or "directive" in problem:
            self.error(
                self.at(self.row, 0, max(1, len(self.line.rstrip()))),
                "a line that begins with `%` is a YAML directive",
                "remove the line, or quote the text",
            )
        elif " tag" in context or "tag handle" in problem:
            row, col = self.start or (self.row, self.col)
            self.error(
                self.at(row, col),
                "a spec is plain data: tags (`!…`) are not allowed",
                "remove the tag, or quote the text",
                code="AS103",
            )
        elif "anchor" in context or "alias" in context:
            row, col = self.start or (self.row, self.col)
            sign = self.lines[row][col : col + 1] or "*"
            self.error(self.at(row, col), f"a text that begins with `{sign}` is quoted", "put it between quotes")
        elif "cannot start any token" in problem:
            self.error(here, f"a text cannot begin with `{self.char}`", "quote the text")
        elif "block scalar" in context:
            self.error(
                here,
                f"the header of a block text ends with the line; `{self.char}` is too much"
                if self.char
                else "the block text is not indented evenly",
            )
        elif "document start" in problem:
            closing = self.char in "]}" and self.char
            self.error(
                here,
                f"`{self.char}` closes nothing" if closing else "the document has ended before this line",
                "remove it" if closing else "is the indentation right?",
            )
        elif "unexpected ':'" in problem:
            self.question(here)
        elif "node content" in problem and self.char == ":":
            self.error(here, "a text that begins with `:` is quoted", "put it between quotes")
        elif "node content" in problem:
            self.error(here, f"a value is missing before `{self.char}`" if self.char else "a value is missing here")
        elif "block collection" in context or "block mapping" in context or "block sequence" in context:
            self.block(here)
        else:
            return False
        return True

    def quoted(self, here: Span) -> bool:
        if "escape" in self.problem or "escape" in self.context:
            back = self.line.rfind("\\", 0, self.col + 1)
            back = self.col if back < 0 else back
            self.error(
                self.at(self.row, back, 2),
                f"`{self.line[back : back + 2]}` is no escape of a double-quoted text",
                "write `\\\\` for a backslash, or use single quotes",
            )
            return True
        row, col = self.start or (self.row, self.col)
        self.error(self.at(row, col), f"the quote {self.lines[row][col : col + 1]} that begins here is not closed")
        return True

    def colon(self, here: Span) -> bool:
        found = _SECOND_COLON.match(self.line)
        if found is not None and found.start("value") < self.col:
            value = found.group("value").rstrip()
            span = self.at(self.row, found.start("value"), len(value))
            self.error(
                span,
                "a text that holds `: ` is quoted",
                f"{_write(value)}; or begin a mapping on the next line",
                label="a second colon on one line",
                fix=Fix("put it between quotes", (Edit(span, _quoted(value), value),), safe=False),
            )
            return True
        indent = len(self.line) - len(self.line.lstrip())
        above = self.row - 1
        while above >= 0 and not self.lines[above].split(" #")[0].strip():
            above -= 1
        before = self.lines[above] if above >= 0 else ""
        if before.strip() and ":" not in before and len(before) - len(before.lstrip()) == indent:
            begin = len(before) - len(before.lstrip())
            self.neither(above, begin)
            return True
        more = above >= 0 and len(self.lines[above]) - len(self.lines[above].lstrip()) < indent
        span = self.at(self.row, indent, max(1, self.col - indent))
        if more:
            text = self.lines[above]
            begin = len(text) - len(text.lstrip())
            self.error(
                span,
                "this line is indented deeper than the line above, which already has a value",
                "indent both alike, or leave the value above out",
                secondary=(Label(self.at(above, begin, len(text.rstrip()) - begin), "has a value"),),
            )
        else:
            self.error(here, "a colon has no place here", "quote the text if the colon belongs to it")
        return True

    def question(self, span: Span) -> None:
        """By YAML 1.2 `a:?` is text; both of PyYAML's parsers go by YAML 1.1."""
        self.error(span, "a text that holds `:?` is quoted inside `[]` and `{}`", "put it between quotes")

    def neither(self, row: int, col: int) -> None:
        span = self.at(row, col, max(1, len(self.lines[row].rstrip()) - col))
        help = "is a colon, a dash or a quote missing?"
        self.error(span, "this is neither `key: value` nor a list item", help)

    def flow(self, here: Span) -> bool:
        row, col = self.start or (self.row, self.col)
        opened = self.lines[row][col : col + 1] or "["
        closing = "]" if opened == "[" else "}"
        other = "}" if closing == "]" else "]"
        begin = self.at(row, col)
        if row != self.row or self.col >= len(self.line.rstrip()) or not self.char:
            self.error(
                begin,
                f"this `{opened}` is not closed",
                f"close it with `{closing}`",
                secondary=(Label(here, f"`,` or `{closing}` is missing before this"),) if row != self.row else (),
            )
        elif self.char == other:
            self.error(here, f"`{closing}` was expected, not `{other}`", secondary=(Label(begin, "begun here"),))
        else:
            self.error(
                here,
                f"`,` or `{closing}` is missing before this",
                "quote the text if it is one text",
                secondary=(Label(begin, "begun here"),),
            )
        return True

    def block(self, here: Span) -> None:
        row, col = self.start or (self.row, self.col)
        indent = len(self.line) - len(self.line.lstrip())
        begin = (Label(self.at(row, col), "begun here"),) if row != self.row else ()
        if self.col > indent and self.line[: self.col].strip().lstrip("- "):
            self.error(
                here,
                "text behind the closing quote or bracket",
                "quote the whole text, and double the quotes inside it",
            )
            return
        dash = self.line.lstrip().startswith(("- ", "-\n")) or self.line.strip() == "-"
        listed = self.lines[row][col : col + 1] == "-" and "mapping" not in self.context
        if indent == col and listed:
            self.error(
                here,
                "a list stands here, and this line does not begin with `- `",
                "begin it with `- `, or indent it to belong to the item above",
                secondary=begin,
            )
        elif indent == col and dash:
            self.error(
                here, "a list item among the keys of a mapping", "indent it to belong to the key above", secondary=begin
            )
        elif self.char == ":":
            self.error(here, "a key is missing before the colon", "an item of a list begins with `- `", secondary=begin)
        elif indent == col:
            self.error(here, "`key: value` was expected here", secondary=begin)
        else:
            kind = "list" if listed else "mapping"
            mine, its = _spaces(indent), _spaces(col)
            self.error(
                here,
                f"this line's indentation fits nothing above: {mine}, where the {kind} around it has {its}",
                f"indent it with {_spaces(col)} to belong to that {kind}",
                secondary=begin,
            )


def _spaces(count: int) -> str:
    return "no space" if count == 0 else "1 space" if count == 1 else f"{count} spaces"
