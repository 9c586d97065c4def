"""The events of a YAML text, with their places. PyYAML gives them: libyaml where it was built in, else Python."""

from __future__ import annotations

import re
from typing import Any

import yaml

from archspec.diagnostics.model import Diagnostics, Span

CORE_TAGS = {f"tag:yaml.org,2002:{name}": name for name in ("null", "bool", "int", "float", "str", "seq", "map")}

new = tuple.__new__  # what a named tuple's own constructor ends in, without the call between


class StopError(Exception):
    """Reading ends here; the reason is in the diagnostics."""


def _parser(text: str) -> Any:
    """PyYAML's event parser: C, or Python where libyaml was not built in."""
    if yaml.__with_libyaml__:
        from yaml.cyaml import CParser  # type: ignore[attr-defined]

        return CParser(text)
    return yaml.SafeLoader(text)  # only its event layer is used; nothing is constructed


class Events:
    """A text and its events; the reader of nodes is built on it.

    `first`: the number of its first line, where the text is a part of a file; `lines` are those of the whole file.
    """

    def __init__(
        self, text: str, file: str, diagnostics: Diagnostics, first: int = 1, lines: list[str] | None = None
    ) -> None:
        self.text = text
        self.file = file
        self.first = first
        self.diagnostics = diagnostics
        self._lines = lines

    @property
    def lines(self) -> list[str]:
        if self._lines is None:
            self._lines = self.text.split("\n")
        return self._lines

    def begin(self) -> None:
        try:
            self.parser = _parser(self.text)
        except (yaml.YAMLError, ValueError, MemoryError) as error:
            raise self._broken(error) from None

    def next(self) -> Any:
        try:
            return self.parser.get_event()
        except (yaml.YAMLError, ValueError, OverflowError, RecursionError, MemoryError) as error:
            raise self._broken(error) from None

    def _broken(self, error: Exception) -> StopError:
        from archspec.reading.syntax import report

        report(error, self.text, self.lines, self.file, self.diagnostics)
        return StopError()

    def span(self, event: Any) -> Span:
        first, start, end = self.first, event.start_mark, event.end_mark
        return new(Span, (self.file, start.line + first, start.column + 1, end.line + first, end.column + 1))

    def stop(self, code: str, span: Span, message: str, **more: Any) -> StopError:
        self.diagnostics.error(code, span, message, **more)
        return StopError()

    def place(self, event: Any) -> Span:
        """One character, where an event begins."""
        mark = event.start_mark
        line = mark.line + self.first
        return Span(self.file, line, mark.column + 1, line, mark.column + 2)

    def rest_of_line(self, event: Any) -> Span:
        """From where an event begins to the end of that line."""
        at = self.place(event)
        return at._replace(end_col=max(len(self.lines[at.line - 1].rstrip()) + 1, at.end_col))

    def tag(self, event: Any, expected: str) -> None:
        """Refuse a tag that says another kind of data than is there."""
        tag = event.tag
        if tag is None or tag == "!" or CORE_TAGS.get(tag) == expected:
            return
        name = str(tag).replace("tag:yaml.org,2002:", "!!")
        at = self.place(event)
        line = self.lines[at.line - 1] if at.line <= len(self.lines) else ""
        found = re.compile(r"!\S*").search(line, at.col - 1)
        if found is not None:
            at = at._replace(col=found.start() + 1, end_col=found.end() + 1)
        raise self.stop(
            "AS103", at, f"a spec is plain data: the tag `{name[:60]}` is not allowed here", help="remove the tag"
        )
