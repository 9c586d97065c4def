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


def span_of(file: str, event: Any) -> Span:
    start, end = event.start_mark, event.end_mark
    return new(Span, (file, start.line + 1, start.column + 1, end.line + 1, end.column + 1))


class Events:
    """The text and its events; the reader of nodes is built on it."""

    def __init__(self, text: str, file: str, diagnostics: Diagnostics) -> None:
        self.text = text
        self.file = file
        self.diagnostics = diagnostics
        self._lines: list[str] | None = None

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
        return span_of(self.file, event)

    def stop(self, code: str, span: Span, message: str, **more: Any) -> StopError:
        self.diagnostics.error(code, span, message, **more)
        return StopError()

    def place(self, event: Any) -> Span:
        """One character, where an event begins."""
        mark = event.start_mark
        return Span(self.file, mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2)

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
        start = event.start_mark
        at = self.place(event)
        found = (
            re.compile(r"!\S*").search(self.lines[start.line], start.column) if start.line < len(self.lines) else None
        )
        if found is not None:
            at = at._replace(col=found.start() + 1, end_col=found.end() + 1)
        raise self.stop(
            "AS103", at, f"a spec is plain data: the tag `{name[:60]}` is not allowed here", help="remove the tag"
        )
