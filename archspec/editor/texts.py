"""The texts that an editor has open, and places in them as the client counts them and as archspec does."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

from archspec.diagnostics.model import Span
from archspec.editor.analysis import Analysis
from archspec.editor.project import Project, stamp_of
from archspec.reading.text import newlines

PAUSE = 0.08  # seconds after the last keystroke in which nothing is checked


class Texts(LanguageServer):
    """Keeps the last analysis of every open text.

    A change comes as the whole text: pygls takes characters for line breaks that are none in LSP, so a change that it
    put in by itself could end up elsewhere.
    """

    def __init__(self, version: str) -> None:
        super().__init__("archspec", version, text_document_sync_kind=lsp.TextDocumentSyncKind.Full)
        self.known: dict[str, Analysis] = {}
        self.stamps: dict[str, dict[str, object]] = {}  # of the files that an analysis read
        self.waiting: dict[str, asyncio.Task[None]] = {}
        self.project = Project(lambda path: self.open_texts().get(path))

    # -- what the texts are ------------------------------------------------------------------------------------

    def source(self, uri: str) -> str:
        """The text as it is now; empty where there is none."""
        try:
            found: str = self.workspace.get_text_document(uri).source
        except (OSError, UnicodeDecodeError):
            return ""
        return found

    def open_texts(self) -> dict[str, str]:
        """What is open, by its real path."""
        paths = ((to_fs_path(uri), document) for uri, document in self.workspace.text_documents.items())
        return {os.path.realpath(path): document.source for path, document in paths if path}

    def analysis(self, uri: str) -> Analysis:
        """Of the text as it is now, and of the files that it brings in."""
        text = newlines(self.source(uri))
        path = to_fs_path(uri)
        file = path or uri
        texts = self.open_texts()
        known = self.known.get(uri)
        if known is None or known.text != text or self.stamps[uri] != self._stamps(known, texts):
            given = {name: other.encode("utf-8", "replace") for name, other in texts.items()}
            known = Analysis(text, file, Path(file).parent if path else Path(), known, given)
            self.known[uri] = known
            self.stamps[uri] = self._stamps(known, texts)
        return known

    def _stamps(self, known: Analysis, texts: dict[str, str]) -> dict[str, object]:
        return {path: texts[path] if path in texts else stamp_of(path) for path in known.others}

    def forget(self, uri: str) -> None:
        self.known.pop(uri, None)
        self.stamps.pop(uri, None)

    def folders(self) -> list[str]:
        """The folders that are open; of a client that says none, those of the open files."""
        told = [to_fs_path(folder.uri) for folder in self.workspace.folders.values()]
        root = [to_fs_path(self.workspace.root_uri)] if self.workspace.root_uri else []
        found = [folder for folder in (told or root) if folder]
        return found or sorted({os.path.dirname(path) for path in self.open_texts()})  # noqa: PTH120

    # -- places ------------------------------------------------------------------------------------------------

    def lines(self, uri: str) -> list[str]:
        text, known = newlines(self.source(uri)), self.known.get(uri)
        return known.lines if known is not None and known.text == text else text.split("\n")

    def place(self, uri: str, position: lsp.Position) -> tuple[int, int]:
        """Line and column from 1, in characters; of a place behind the end of a line, or of the text, that end."""
        lines = self.lines(uri)
        if position.line >= len(lines):
            return len(lines), len(lines[-1]) + 1
        row, codec = lines[position.line], self.workspace.position_codec
        if position.character >= codec.client_num_units(row):
            return position.line + 1, len(row) + 1
        at = lsp.Position(position.line, position.character)
        return position.line + 1, codec.position_from_client_units(lines, at).character + 1

    def position(self, lines: list[str], line: int, col: int) -> lsp.Position:
        """A place as the client counts it."""
        row = lines[line - 1][: col - 1] if 1 <= line <= len(lines) else ""
        count = len(row) if row.isascii() else self.workspace.position_codec.client_num_units(row)
        return lsp.Position(max(line, 1) - 1, count)

    def range_in(self, lines: list[str], span: Span) -> lsp.Range:
        """A span of a text as the client counts it."""
        return lsp.Range(self.position(lines, span.line, span.col), self.position(lines, span.end_line, span.end_col))

    def range(self, uri: str, span: Span) -> lsp.Range:
        return self.range_in(self.lines(uri), span)

    def uri_of(self, file: str, here: str = "") -> str:
        """The URI of a file that a span names: as the client calls it, where it is open. `here`: the text it is in."""
        known = self.known.get(here)
        if known is not None and file == known.file:
            return here
        path = os.path.realpath(file)
        for uri in self.workspace.text_documents:
            if (own := to_fs_path(uri)) is not None and os.path.realpath(own) == path:
                return str(uri)
        return str(from_fs_path(path) or here)

    def location(self, uri: str, span: Span) -> lsp.Location:
        there = self.uri_of(span.file, uri)
        return lsp.Location(there, self.range(there, span))

    def edit(self, uri: str, span: Span, text: str) -> lsp.TextEdit:
        """With the line breaks that the text has."""
        plain = newlines(text)
        return lsp.TextEdit(self.range(uri, span), plain.replace("\n", "\r\n") if "\r\n" in self.source(uri) else plain)
