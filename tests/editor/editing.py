"""What an editor does to a text of the language server, and what it is told of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pytest_lsp import LanguageClient


async def told(client: LanguageClient, uri: str, act: Callable[[], Any]) -> list[lsp.Diagnostic]:
    """What is published of a text after something was done."""
    client.diagnostics.pop(uri, None)
    act()
    async with asyncio.timeout(60):
        while uri not in client.diagnostics:
            await asyncio.sleep(0.01)
    return list(client.diagnostics[uri])


def opened(
    client: LanguageClient, path: Path, text: str, of: Path | None = None
) -> Coroutine[Any, Any, list[lsp.Diagnostic]]:
    """`of`: the text whose findings are waited for, if it is another."""
    item = lsp.TextDocumentItem(uri=path.as_uri(), language_id="yaml", version=1, text=text)
    uri = (of or path).as_uri()
    return told(client, uri, lambda: client.text_document_did_open(lsp.DidOpenTextDocumentParams(item)))


def typed(
    client: LanguageClient, path: Path, text: str, version: int = 2, of: Path | None = None
) -> Coroutine[Any, Any, list[lsp.Diagnostic]]:
    params = lsp.DidChangeTextDocumentParams(
        lsp.VersionedTextDocumentIdentifier(uri=path.as_uri(), version=version),
        [lsp.TextDocumentContentChangeWholeDocument(text=text)],
    )
    return told(client, (of or path).as_uri(), lambda: client.text_document_did_change(params))


def place(path: Path, text: str, word: str, occurrence: int = 0) -> tuple[lsp.TextDocumentIdentifier, lsp.Position]:
    """Where a word of a text begins, in UTF-16."""
    start = -1
    for _ in range(occurrence + 1):
        start = text.index(word, start + 1)
    before = text[:start].replace("\r\n", "\n")
    row = before.rpartition("\n")[2]
    return lsp.TextDocumentIdentifier(path.as_uri()), lsp.Position(
        before.count("\n"), len(row.encode("utf-16-le")) // 2
    )


def edited(text: str, edits: list[lsp.TextEdit]) -> str:
    """The text after edits, as a client makes them."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)

    def at(position: lsp.Position) -> int:
        if position.line >= len(lines):
            return len(text)
        row = lines[position.line].encode("utf-16-le")[: 2 * position.character]
        return starts[position.line] + len(row.decode("utf-16-le"))

    for edit in sorted(edits, key=lambda e: at(e.range.start), reverse=True):
        text = text[: at(edit.range.start)] + edit.new_text + text[at(edit.range.end) :]
    return text
