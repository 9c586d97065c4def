"""The language server as an editor has it: a process, spoken to by pytest-lsp."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
import pytest_lsp
from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

ROOT = Path(__file__).parents[2]
NET = """\
archspec: 1
inputs: {x: "float32[B, 8]"}
layers:
  - {name: a, linear: 16}
  - relu
  - {name: b, linear: 4}
"""


@pytest_lsp.fixture(
    config=ClientServerConfig(
        server_command=[sys.executable, "-m", "archspec", "lsp"],
        server_env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
)
async def client(lsp_client: LanguageClient):  # type: ignore[no-untyped-def]
    params = lsp.InitializeParams(capabilities=client_capabilities("visual-studio-code"))
    await lsp_client.initialize_session(params)
    yield
    await lsp_client.shutdown_session()


async def opened(client: LanguageClient, path: Path, text: str) -> str:
    uri = path.as_uri()
    client.text_document_did_open(
        lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(uri=uri, language_id="yaml", version=1, text=text))
    )
    await client.wait_for_notification(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    return uri


async def typed(client: LanguageClient, uri: str, text: str, version: int) -> list[lsp.Diagnostic]:
    client.text_document_did_change(
        lsp.DidChangeTextDocumentParams(
            lsp.VersionedTextDocumentIdentifier(uri=uri, version=version),
            [lsp.TextDocumentContentChangeWholeDocument(text=text)],
        )
    )
    await asyncio.wait_for(client.wait_for_notification(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS), 20)
    return list(client.diagnostics[uri])


def here(uri: str, line: int, character: int) -> tuple[lsp.TextDocumentIdentifier, lsp.Position]:
    return lsp.TextDocumentIdentifier(uri), lsp.Position(line, character)


@pytest.mark.asyncio
async def test_as_it_is_typed(client: LanguageClient, tmp_path: Path) -> None:
    uri = await opened(client, tmp_path / "net.yaml", NET)
    assert not client.diagnostics[uri]
    found = await typed(client, uri, NET.replace("relu", "rleu"), 2)
    assert [(d.code, d.range.start, d.range.end) for d in found] == [("AS202", lsp.Position(4, 4), lsp.Position(4, 8))]
    assert found[0].severity == lsp.DiagnosticSeverity.Error and "relu" in found[0].message
    actions = await client.text_document_code_action_async(
        lsp.CodeActionParams(lsp.TextDocumentIdentifier(uri), found[0].range, lsp.CodeActionContext(found))
    )
    assert actions
    edits = actions[0].edit.changes[uri]  # type: ignore[union-attr,index]
    assert [(edit.range, edit.new_text) for edit in edits] == [(found[0].range, "relu")]
    found = await typed(client, uri, NET + "  - {name: c, lin", 3)
    assert found and found[0].code.startswith("AS10")  # type: ignore[union-attr]
    result = await client.text_document_completion_async(lsp.CompletionParams(*here(uri, 6, 18)))
    items = result.items if isinstance(result, lsp.CompletionList) else result or []
    linear = next(one for one in items if one.label == "linear")
    assert linear.detail == "torch.nn.Linear" and linear.insert_text == "linear: "
    assert await typed(client, uri, NET, 4) == []


@pytest.mark.asyncio
async def test_shapes_behind_the_lines(client: LanguageClient, tmp_path: Path) -> None:
    uri = await opened(client, tmp_path / "net.yaml", NET)
    whole = lsp.Range(lsp.Position(0, 0), lsp.Position(100, 0))
    found = await client.text_document_inlay_hint_async(lsp.InlayHintParams(lsp.TextDocumentIdentifier(uri), whole))
    assert [(hint.position.line, hint.label) for hint in found or []] == [
        (3, "→ [B, 16]"), (4, "→ [B, 16]"), (5, "→ [B, 4]"),
    ]  # fmt: skip


@pytest.mark.asyncio
async def test_hover_definition_and_outline(client: LanguageClient, tmp_path: Path) -> None:
    # The first name has a character that UTF-16 counts twice.
    text = NET.replace("- relu", "- {relu: {}, doc: 😀, from: a}")
    uri = await opened(client, tmp_path / "net.yaml", text)
    shown = await client.text_document_hover_async(lsp.HoverParams(*here(uri, 3, 15)))
    assert shown is not None and "torch.nn.Linear" in shown.contents.value  # type: ignore[union-attr]
    assert "float32[B, 8] → float32[B, 16]" in shown.contents.value  # type: ignore[union-attr]
    column = text.split("\n")[4].index("a}") + 1  # one more in UTF-16
    target = await client.text_document_definition_async(lsp.DefinitionParams(*here(uri, 4, column)))
    assert isinstance(target, lsp.Location)
    assert target.uri == uri and target.range == lsp.Range(lsp.Position(3, 11), lsp.Position(3, 12))
    symbols = await client.text_document_document_symbol_async(
        lsp.DocumentSymbolParams(lsp.TextDocumentIdentifier(uri))
    )
    assert [symbol.name for symbol in symbols or []] == ["a", "relu", "b"]


@pytest.mark.asyncio
async def test_a_fault_in_an_included_file(client: LanguageClient, tmp_path: Path) -> None:
    (tmp_path / "common.yaml").write_text("blocks:\n  Block:\n    layers: [rleu]\n")
    uri = await opened(client, tmp_path / "net.yaml", NET.replace("- relu", "- Block") + "include: [common.yaml]\n")
    (found,) = client.diagnostics[uri]
    assert "common.yaml:3:14" in found.message and found.range.start == lsp.Position(0, 0)
    (tmp_path / "common.yaml").write_text("blocks:\n  Block:\n    layers: [relu]\n")
    client.text_document_did_save(lsp.DidSaveTextDocumentParams(lsp.TextDocumentIdentifier(uri)))
    await client.wait_for_notification(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    assert not client.diagnostics[uri]


@pytest.mark.asyncio
async def test_thousands_of_findings(client: LanguageClient, tmp_path: Path) -> None:
    """The first are shown, and soon, though all stand on one long line."""
    params = ", ".join(f"p{number}: no" for number in range(3000))
    uri = await asyncio.wait_for(opened(client, tmp_path / "net.yaml", NET + f"params: {{{params}}} # é\n"), 30)
    assert len(client.diagnostics[uri]) == 500
