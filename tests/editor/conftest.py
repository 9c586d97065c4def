"""The language server as an editor has it: a process, spoken to by pytest-lsp."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest_lsp
from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

ROOT = Path(__file__).parents[2]


@pytest_lsp.fixture(
    config=ClientServerConfig(
        server_command=[sys.executable, "-m", "archspec", "lsp"],
        server_env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
)
async def client(lsp_client: LanguageClient, tmp_path: Path):  # type: ignore[no-untyped-def]
    @lsp_client.feature(lsp.CLIENT_REGISTER_CAPABILITY)
    def register(params: lsp.RegistrationParams) -> None:
        pass

    capabilities = client_capabilities("visual-studio-code")
    folder = lsp.WorkspaceFolder(tmp_path.as_uri(), "tests")
    await lsp_client.initialize_session(
        lsp.InitializeParams(capabilities=capabilities, workspace_folders=[folder], root_uri=folder.uri)
    )
    yield
    await lsp_client.shutdown_session()


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
