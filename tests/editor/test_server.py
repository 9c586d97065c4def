"""The language server as an editor has it: a process, spoken to by pytest-lsp."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from editing import edited, opened, place, told, typed
from lsprotocol import types as lsp
from pytest_lsp import LanguageClient

pytest_plugins = ["editor_client"]  # the fixture `client`

NET = """\
archspec: 1
inputs: {x: "float32[B, 8]"}
layers:
  - {name: a, linear: 16}
  - relu
  - {name: b, linear: 4}
"""


def here(uri: str, line: int, character: int) -> tuple[lsp.TextDocumentIdentifier, lsp.Position]:
    return lsp.TextDocumentIdentifier(uri), lsp.Position(line, character)


@pytest.mark.asyncio
async def test_as_it_is_typed(client: LanguageClient, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    uri = path.as_uri()
    assert await opened(client, path, NET) == []
    found = await typed(client, path, NET.replace("relu", "rleu"), 2)
    assert [(d.code, d.range.start, d.range.end) for d in found] == [("AS202", lsp.Position(4, 4), lsp.Position(4, 8))]
    assert found[0].severity == lsp.DiagnosticSeverity.Error and "relu" in found[0].message
    actions = await client.text_document_code_action_async(
        lsp.CodeActionParams(lsp.TextDocumentIdentifier(uri), found[0].range, lsp.CodeActionContext(found))
    )
    assert actions
    edits = actions[0].edit.changes[uri]  # type: ignore[union-attr,index]
    assert [(edit.range, edit.new_text) for edit in edits] == [(found[0].range, "relu")]
    found = await typed(client, path, NET + "  - {name: c, lin", 3)
    assert found and found[0].code.startswith("AS10")  # type: ignore[union-attr]
    result = await client.text_document_completion_async(lsp.CompletionParams(*here(uri, 6, 18)))
    items = result.items if isinstance(result, lsp.CompletionList) else result or []
    linear = next(one for one in items if one.label == "linear")
    assert linear.detail == "torch.nn.Linear" and linear.insert_text == "linear: "
    assert await typed(client, path, NET, 4) == []


@pytest.mark.asyncio
async def test_shapes_behind_the_lines(client: LanguageClient, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    uri = path.as_uri()
    assert await opened(client, path, NET) == []
    whole = lsp.Range(lsp.Position(0, 0), lsp.Position(100, 0))
    found = await client.text_document_inlay_hint_async(lsp.InlayHintParams(lsp.TextDocumentIdentifier(uri), whole))
    assert [(hint.position.line, hint.label) for hint in found or []] == [
        (3, "→ [B, 16]"), (4, "→ [B, 16]"), (5, "→ [B, 4]"),
    ]  # fmt: skip


@pytest.mark.asyncio
async def test_hover_definition_and_outline(client: LanguageClient, tmp_path: Path) -> None:
    # The first name has a character that UTF-16 counts twice.
    text = NET.replace("- relu", "- {relu: {}, doc: 😀, from: a}")
    uri = (tmp_path / "net.yaml").as_uri()
    await opened(client, tmp_path / "net.yaml", text)
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


INCLUDING = NET.replace("- relu", "- Block") + "include: [common.yaml]\n"
COMMON = "blocks:\n  Block:\n    layers: [relu]\n"


@pytest.mark.asyncio
async def test_a_fault_in_an_included_file(client: LanguageClient, tmp_path: Path) -> None:
    """It is shown where the file is named. Changes of the file count, on the disk and in the editor."""
    net, common = tmp_path / "net.yaml", tmp_path / "common.yaml"
    common.write_text(COMMON.replace("relu", "rleu"))
    (found,) = await opened(client, net, INCLUDING)
    assert "common.yaml:3:14" in found.message and found.range.start == lsp.Position(6, 10)
    (related,) = found.related_information or []
    assert related.location == lsp.Location(common.as_uri(), lsp.Range(lsp.Position(2, 13), lsp.Position(2, 17)))
    common.write_text(COMMON)
    changed = lsp.FileEvent(common.as_uri(), lsp.FileChangeType.Changed)
    watched = lsp.DidChangeWatchedFilesParams([changed])
    assert await told(client, net.as_uri(), lambda: client.workspace_did_change_watched_files(watched)) == []
    assert await opened(client, common, COMMON, of=net) == []
    (found,) = await typed(client, common, COMMON.replace("relu", "linear: {out_features: -1}"), of=net)
    assert found.code == "AS205"
    text = COMMON.replace("relu", "linear: 5")
    assert await typed(client, common, text, 3, of=net) == []
    hints = await client.text_document_inlay_hint_async(
        lsp.InlayHintParams(lsp.TextDocumentIdentifier(net.as_uri()), lsp.Range(lsp.Position(4, 0), lsp.Position(4, 0)))
    )
    assert [hint.label for hint in hints or []] == ["→ [B, 5]"], "as it stands in the editor, though it is not saved"
    closing = lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(common.as_uri()))
    await told(client, net.as_uri(), lambda: client.text_document_did_close(closing))
    hints = await client.text_document_inlay_hint_async(
        lsp.InlayHintParams(lsp.TextDocumentIdentifier(net.as_uri()), lsp.Range(lsp.Position(4, 0), lsp.Position(4, 0)))
    )
    assert [hint.label for hint in hints or []] == ["→ [B, 16]"], "the file on the disk counts again"
    common.unlink()
    (found, *_) = await told(client, net.as_uri(), lambda: client.workspace_did_change_watched_files(watched))
    assert found.code == "AS107" and found.range.start == lsp.Position(6, 10)


@pytest.mark.asyncio
async def test_thousands_of_findings(client: LanguageClient, tmp_path: Path) -> None:
    """The first are shown, and soon, though all stand on one long line."""
    params = ", ".join(f"p{number}: no" for number in range(3000))
    path = tmp_path / "net.yaml"
    found = await asyncio.wait_for(opened(client, path, NET + f"params: {{{params}}} # é\n"), 30)
    assert len(found) == 500


@pytest.mark.asyncio
async def test_a_long_session(client: LanguageClient, tmp_path: Path) -> None:
    """Broken, repaired, with line breaks of Windows, with characters that are two for the client, renamed, closed."""
    path = tmp_path / "net.yaml"
    assert await opened(client, path, NET) == []
    windows = NET.replace("\n", "\r\n").replace("- relu", '- {doc: "😀😀", rleu: {}}')
    (found,) = await typed(client, path, windows, 2)
    row = windows.split("\r\n")[4]
    column = row.index("rleu") + 2  # one more for each of both
    assert found.range == lsp.Range(lsp.Position(4, column), lsp.Position(4, column + 4))
    for text in ("", "a", NET + "\t- x", "[" * 3000, NET + "  - [", "\f\u2028\x85" + NET, "x: " + "y" * 60_000, "\r"):
        await typed(client, path, text, 3)
        identifier, start = lsp.TextDocumentIdentifier(path.as_uri()), lsp.Position(0, 0)
        far = lsp.Position(9_999, 9_999)
        for place_ in (start, far, lsp.Position(0, 9_999)):
            await client.text_document_hover_async(lsp.HoverParams(identifier, place_))
            await client.text_document_completion_async(lsp.CompletionParams(identifier, place_))
            await client.text_document_signature_help_async(lsp.SignatureHelpParams(identifier, place_))
            await client.text_document_definition_async(lsp.DefinitionParams(identifier, place_))
            await client.text_document_document_highlight_async(lsp.DocumentHighlightParams(identifier, place_))
            context = lsp.ReferenceContext(include_declaration=True)
            await client.text_document_references_async(lsp.ReferenceParams(context, identifier, place_))
        whole = lsp.Range(start, far)
        await client.text_document_inlay_hint_async(lsp.InlayHintParams(identifier, whole))
        await client.text_document_document_symbol_async(lsp.DocumentSymbolParams(identifier))
        await client.text_document_document_link_async(lsp.DocumentLinkParams(identifier))
        await client.text_document_code_action_async(lsp.CodeActionParams(identifier, whole, lsp.CodeActionContext([])))
        options = lsp.FormattingOptions(tab_size=4, insert_spaces=False)
        await client.text_document_formatting_async(lsp.DocumentFormattingParams(identifier, options))
    assert await typed(client, path, NET, 4) == []
    closing = lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(path.as_uri()))
    assert await told(client, path.as_uri(), lambda: client.text_document_did_close(closing)) == []
    other = tmp_path / "renamed.yaml"
    (found,) = await opened(client, other, NET.replace("relu", "rleu"))
    assert found.code == "AS202"


@pytest.mark.asyncio
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
async def test_formatting(client: LanguageClient, tmp_path: Path, newline: str) -> None:
    path = tmp_path / "net.yaml"
    untidy = NET.replace("- relu", "-   relu   # é 😀").replace("name: b", "'name':   b").rstrip("\n")
    tidy = NET.replace("- relu", "- relu   # é 😀")
    await opened(client, path, untidy.replace("\n", newline))
    options = lsp.FormattingOptions(tab_size=4, insert_spaces=False)
    asked = lsp.DocumentFormattingParams(lsp.TextDocumentIdentifier(path.as_uri()), options)
    edits = await client.text_document_formatting_async(asked)
    from archspec.formatting.format import format_text

    assert format_text(untidy).replace(" ", "") == tidy.replace(" ", "")
    made = edited(untidy.replace("\n", newline), list(edits or []))
    assert made == format_text(untidy).replace("\n", newline)
    assert edits and all(edit.range.start >= lsp.Position(3, 25) for edit in edits), "what stays is not touched"
    compose = "services:\n    web: {image:   x}\n"
    await typed(client, path, compose, 2)
    assert not await client.text_document_formatting_async(asked), "no spec: it is another program's"
    hover = await client.text_document_hover_async(lsp.HoverParams(*place(path, compose, "image")))
    items = await client.text_document_completion_async(lsp.CompletionParams(*place(path, compose, "image")))
    assert hover is None and isinstance(items, lsp.CompletionList) and not items.items


@pytest.mark.asyncio
async def test_repairs(client: LanguageClient, tmp_path: Path) -> None:
    """One, all that are safe, and a comment that says a warning is meant."""
    path = tmp_path / "net.yaml"
    wrong = NET.replace("linear: 16", "Linear: 16").replace("- relu", "- ReLU")
    found = await opened(client, path, wrong)
    assert [d.code for d in found] == ["AS202", "AS202"]

    async def actions(text: str, only: list[str] | None) -> dict[str, str]:
        whole = lsp.Range(lsp.Position(0, 0), lsp.Position(99, 0))
        given = await client.text_document_code_action_async(
            lsp.CodeActionParams(
                lsp.TextDocumentIdentifier(path.as_uri()), whole, lsp.CodeActionContext(found, only=only)
            )
        )
        out = {}
        for each in given or []:
            assert isinstance(each, lsp.CodeAction) and each.edit is not None and each.edit.changes is not None
            out[each.title] = edited(text, list(each.edit.changes[path.as_uri()]))
        return out

    assert (await actions(wrong, None))["write `relu`"] == wrong.replace("ReLU", "relu")
    assert await actions(wrong, ["source.fixAll"]) == {"make all safe repairs": NET}
    assert "make all safe repairs" not in await actions(wrong, ["quickfix"])
    assert await actions(wrong, ["refactor"]) == {}
    unused = NET.replace("inputs:", "params:\n  width: 3\ninputs:")
    found = await typed(client, path, unused, 2)
    assert [d.code for d in found] == ["AS401"]
    made = (await actions(unused, None))["say that AS401 is meant here"]
    assert made == unused.replace("width: 3", "width: 3  # archspec: ignore[AS401]")
    assert await typed(client, path, made, 3) == []


@pytest.mark.asyncio
async def test_the_arguments_of_a_call(client: LanguageClient, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    text = NET.replace("relu", "conv2d: {out_channels: 3, stride: 2}")
    await opened(client, path, text)

    async def shown(word: str, more: int) -> tuple[str, int | None]:
        identifier, start = place(path, text, word)
        at = lsp.Position(start.line, start.character + more)
        found = await client.text_document_signature_help_async(lsp.SignatureHelpParams(identifier, at))
        assert found is not None
        return found.signatures[0].label, found.active_parameter

    label, active = await shown("stride: 2", len("stride: 2"))
    assert label.startswith("conv2d(out_channels, kernel_size, stride=1, padding=0,")
    assert active == 2
    assert await shown("16}", 2) == ("linear(out_features, bias=true)", 0)
