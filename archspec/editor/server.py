"""The language server (LSP 3.17, over standard input and output), on pygls: it hands on what the editor room finds."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

from archspec.diagnostics.edits import concrete
from archspec.diagnostics.model import Diagnostic, Fix, Span
from archspec.editor import completion as completions
from archspec.editor import hover as hovers
from archspec.editor.analysis import Analysis
from archspec.editor.definition import definition
from archspec.editor.inlay import hints
from archspec.editor.outline import Entry, outline

MOST_SHOWN = 500  # findings of one file: `archspec check` has all
PAUSE = 0.08  # seconds after the last keystroke in which nothing is checked
_KINDS = {
    "op": lsp.CompletionItemKind.Function,
    "block": lsp.CompletionItemKind.Class,
    "key": lsp.CompletionItemKind.Keyword,
    "argument": lsp.CompletionItemKind.Field,
    "word": lsp.CompletionItemKind.EnumMember,
    "value": lsp.CompletionItemKind.Variable,
    "parameter": lsp.CompletionItemKind.Constant,
}


class Server(LanguageServer):
    """Keeps the last analysis of every open text."""

    def __init__(self, version: str) -> None:
        super().__init__("archspec", version, text_document_sync_kind=lsp.TextDocumentSyncKind.Incremental)
        self.known: dict[str, Analysis] = {}
        self.waiting: dict[str, asyncio.Task[None]] = {}

    # -- texts -------------------------------------------------------------------------------------------------

    def analysis(self, uri: str) -> Analysis:
        """Of the text as it is now."""
        text = self.workspace.get_text_document(uri).source.replace("\r\n", "\n")
        known = self.known.get(uri)
        if known is None or known.text != text:
            path = to_fs_path(uri)
            file = path or uri
            known = self.known[uri] = Analysis(text, file, Path(file).parent if path else Path(), known)
        return known

    def publish(self, uri: str) -> None:
        """Check the text and send what was found."""
        known = self.analysis(uri)
        here = [d for d in known.diagnostics if d.span.file == known.file]
        found = [self.diagnostic(uri, d) for d in here[:MOST_SHOWN]]
        elsewhere = [d for d in known.diagnostics if d.span.file != known.file]
        if elsewhere:  # a fault in a file that this one brings in is shown where the first line is
            first = lsp.Range(lsp.Position(0, 0), lsp.Position(0, 1))
            found += [
                lsp.Diagnostic(first, f"{d.span}: {d.message}", _severity(d), d.code, source="archspec")
                for d in elsewhere
            ]
        version = self.workspace.get_text_document(uri).version
        self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, found, version))

    async def publish_soon(self, uri: str) -> None:
        """`publish`, once nothing has been typed for a moment."""
        if (before := self.waiting.get(uri)) is not None:
            before.cancel()

        async def later() -> None:
            await asyncio.sleep(PAUSE)
            self.publish(uri)

        self.waiting[uri] = asyncio.create_task(later())

    # -- places ------------------------------------------------------------------------------------------------

    def place(self, uri: str, position: lsp.Position) -> tuple[int, int]:
        """Line and column from 1, in characters."""
        document = self.workspace.get_text_document(uri)
        at = document.position_codec.position_from_client_units(document.lines, position)
        return at.line + 1, at.character + 1

    def range(self, uri: str, span: Span) -> lsp.Range:
        """A span of a text as the client counts it."""
        document = self.workspace.get_text_document(uri)
        plain = lsp.Range(
            lsp.Position(span.line - 1, span.col - 1), lsp.Position(max(span.end_line, 1) - 1, max(span.end_col, 1) - 1)
        )
        if document.source.isascii():  # where every client counts alike
            return plain
        return document.position_codec.range_to_client_units(document.lines, plain)

    def uri_of(self, file: str, here: str) -> str:
        """The URI of a file that a span names."""
        known = self.known.get(here)
        return here if known is not None and file == known.file else from_fs_path(str(Path(file).resolve())) or here

    def location(self, uri: str, span: Span) -> lsp.Location:
        there = self.uri_of(span.file, uri)
        return lsp.Location(there, self.range(there, span))

    def diagnostic(self, uri: str, d: Diagnostic) -> lsp.Diagnostic:
        lines = [d.message, *([f"trail: {d.trail}"] if d.trail else []), *([f"help: {d.help}"] if d.help else [])]
        related = [
            lsp.DiagnosticRelatedInformation(
                lsp.Location(
                    self.uri_of(label.span.file, uri), self.range(self.uri_of(label.span.file, uri), label.span)
                ),
                label.text or "see here",
            )
            for label in d.secondary
        ]
        tags = [lsp.DiagnosticTag.Unnecessary] if d.code.startswith("AS4") and "unused" in d.message else None
        return lsp.Diagnostic(
            self.range(uri, d.span),
            "\n".join(lines),
            _severity(d),
            d.code,
            source="archspec",
            related_information=related or None,
            tags=tags,
        )


def _severity(d: Diagnostic) -> lsp.DiagnosticSeverity:
    return lsp.DiagnosticSeverity.Error if d.is_error else lsp.DiagnosticSeverity.Warning


def make_server(version: str) -> Server:
    """The server with all that it answers."""
    server = Server(version)

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def opened(ls: Server, params: lsp.DidOpenTextDocumentParams) -> None:
        ls.publish(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(ls: Server, params: lsp.DidChangeTextDocumentParams) -> None:
        await ls.publish_soon(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def saved(ls: Server, params: lsp.DidSaveTextDocumentParams) -> None:
        for uri in list(ls.known):  # others may bring this file in
            ls.known.pop(uri)
            ls.publish(uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def closed(ls: Server, params: lsp.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        ls.known.pop(uri, None)
        if (task := ls.waiting.pop(uri, None)) is not None:
            task.cancel()
        ls.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, []))

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hover(ls: Server, params: lsp.HoverParams) -> lsp.Hover | None:
        uri = params.text_document.uri
        text = hovers.hover(ls.analysis(uri), *ls.place(uri, params.position))
        return None if text is None else lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, text))

    options = lsp.CompletionOptions(trigger_characters=["{", "[", ",", " ", "$", "(", "-", ":"])

    @server.feature(lsp.TEXT_DOCUMENT_COMPLETION, options)
    def complete(ls: Server, params: lsp.CompletionParams) -> lsp.CompletionList:
        uri = params.text_document.uri
        found = completions.complete(ls.analysis(uri), *ls.place(uri, params.position))
        return lsp.CompletionList(
            is_incomplete=False,
            items=[
                lsp.CompletionItem(
                    label=one.label,
                    kind=_KINDS[one.kind],
                    detail=one.detail or None,
                    documentation=lsp.MarkupContent(lsp.MarkupKind.Markdown, one.doc) if one.doc else None,
                    insert_text=one.insert or one.label,
                    sort_text=one.sort or one.label,
                )
                for one in found
            ],
        )

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def define(ls: Server, params: lsp.DefinitionParams) -> lsp.Location | None:
        uri = params.text_document.uri
        found = definition(ls.analysis(uri), *ls.place(uri, params.position))
        return None if found is None else ls.location(uri, found.span)

    @server.feature(lsp.TEXT_DOCUMENT_INLAY_HINT)
    def inlay(ls: Server, params: lsp.InlayHintParams) -> list[lsp.InlayHint]:
        uri = params.text_document.uri
        document = ls.workspace.get_text_document(uri)
        first, last = params.range.start.line + 1, params.range.end.line + 1
        return [
            lsp.InlayHint(
                document.position_codec.position_to_client_units(
                    document.lines, lsp.Position(hint.line - 1, hint.col - 1)
                ),
                hint.text,
                kind=lsp.InlayHintKind.Type,
                tooltip=hint.tooltip,
                padding_left=True,
            )
            for hint in hints(ls.analysis(uri), first, last)
        ]

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def symbols(ls: Server, params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        uri = params.text_document.uri
        return [_symbol(ls, uri, entry) for entry in outline(ls.analysis(uri))]

    @server.feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix])
    )
    def actions(ls: Server, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        uri = params.text_document.uri
        known = ls.analysis(uri)
        out = []
        for d in known.diagnostics:
            if d.fix is None or not _overlap(ls.range(uri, d.span), params.range):
                continue
            if (edit := _edits(ls, uri, known, d.fix)) is not None:
                out.append(
                    lsp.CodeAction(
                        d.fix.title,
                        kind=lsp.CodeActionKind.QuickFix,
                        diagnostics=[ls.diagnostic(uri, d)],
                        is_preferred=d.fix.safe,
                        edit=edit,
                    )
                )
        return out

    return server


def _symbol(ls: Server, uri: str, entry: Entry) -> lsp.DocumentSymbol:
    return lsp.DocumentSymbol(
        name=entry.name,
        kind=lsp.SymbolKind.Class if entry.kind == "block" else lsp.SymbolKind.Function,
        range=ls.range(uri, entry.span),
        selection_range=ls.range(uri, entry.name_span),
        detail=entry.detail or None,
        children=[_symbol(ls, uri, child) for child in entry.children],
    )


def _overlap(one: lsp.Range, other: lsp.Range) -> bool:
    return one.start.line <= other.end.line and other.start.line <= one.end.line


def _edits(ls: Server, uri: str, known: Analysis, fix: Fix) -> lsp.WorkspaceEdit | None:
    """The edits of a repair; None where they cannot be made in the texts as they are."""
    made = concrete(fix, known.report.sources)
    if made is None:
        return None
    changes: dict[str, list[lsp.TextEdit]] = {}
    for span, text in made:
        there = ls.uri_of(span.file, uri)
        changes.setdefault(there, []).append(lsp.TextEdit(ls.range(there, span), text))
    return lsp.WorkspaceEdit(changes=changes)
