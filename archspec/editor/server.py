"""The language server (LSP 3.17, over standard input and output), on pygls: it hands on what the editor room finds."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from contextlib import suppress

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.uris import to_fs_path

from archspec.diagnostics.edits import concrete
from archspec.diagnostics.model import Diagnostic, Fix
from archspec.editor import completion as completions
from archspec.editor import hover as hovers
from archspec.editor.analysis import Analysis
from archspec.editor.inlay import hints
from archspec.editor.layout import ignored, layout, repaired
from archspec.editor.navigation import add_navigation
from archspec.editor.project import files_named
from archspec.editor.signature import signature
from archspec.editor.texts import PAUSE, Texts

MOST_SHOWN = 500  # findings of one file: `archspec check` has all
_WATCHED = "**/*.{yaml,yml}"
_ALL = "source.fixAll.archspec"
_KINDS = {
    "op": lsp.CompletionItemKind.Function,
    "block": lsp.CompletionItemKind.Class,
    "key": lsp.CompletionItemKind.Keyword,
    "argument": lsp.CompletionItemKind.Field,
    "word": lsp.CompletionItemKind.EnumMember,
    "value": lsp.CompletionItemKind.Variable,
    "parameter": lsp.CompletionItemKind.Constant,
}


class Server(Texts):
    """Checks the open texts, and sends what is found."""

    def publish(self, uri: str) -> None:
        """Check the text and send what was found."""
        known = self.analysis(uri)
        here = [d for d in known.diagnostics if d.span.file == known.file]
        found = [self.diagnostic(uri, d) for d in here[:MOST_SHOWN]]
        found += [self.elsewhere(uri, known, d) for d in known.diagnostics if d.span.file != known.file]
        version = self.workspace.get_text_document(uri).version
        self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, found, version))

    def publish_with(self, uri: str) -> None:
        """Check the text, and the open ones that bring it in."""
        path = os.path.realpath(to_fs_path(uri) or uri)
        for other in [uri, *(other for other, known in self.known.items() if path in known.others and other != uri)]:
            self.publish(other)

    async def publish_soon(self, uri: str) -> None:
        """`publish_with`, once nothing has been typed for a moment."""
        if (before := self.waiting.get(uri)) is not None:
            before.cancel()

        async def later() -> None:
            await asyncio.sleep(PAUSE)
            self.publish_with(uri)

        self.waiting[uri] = asyncio.create_task(later())

    def publish_all(self) -> None:
        """Check every open text anew: files that they bring in may be others."""
        for uri in list(self.workspace.text_documents):
            self.forget(uri)
            self.publish(uri)

    def diagnostic(self, uri: str, d: Diagnostic) -> lsp.Diagnostic:
        lines = [d.message, *([f"trail: {d.trail}"] if d.trail else []), *([f"help: {d.help}"] if d.help else [])]
        related = [
            lsp.DiagnosticRelatedInformation(self.location(uri, label.span), label.text or "see here")
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

    def elsewhere(self, uri: str, known: Analysis, d: Diagnostic) -> lsp.Diagnostic:
        """A fault in a file that this one brings in is shown where the file is named, or else at the beginning."""
        path = os.path.realpath(d.span.file)
        named = files_named(known.root, known.base)
        nodes = [node for node, there in named if there == path] or [node for node, _ in named]
        place = self.range(uri, nodes[0].span) if nodes else lsp.Range(lsp.Position(0, 0), lsp.Position(0, 1))
        related = [lsp.DiagnosticRelatedInformation(self.location(uri, d.span), d.message)]
        message = f"{d.span}: {d.message}"
        return lsp.Diagnostic(place, message, _severity(d), d.code, source="archspec", related_information=related)


def _severity(d: Diagnostic) -> lsp.DiagnosticSeverity:
    return lsp.DiagnosticSeverity.Error if d.is_error else lsp.DiagnosticSeverity.Warning


def make_server(version: str) -> Server:
    """The server with all that it answers."""
    logging.getLogger("pygls.protocol.json_rpc").addFilter(_is_a_failure)
    server = Server(version)
    _add_synchronisation(server)
    _add_writing(server)
    _add_repairs(server)
    add_navigation(server)
    return server


def _is_a_failure(record: logging.LogRecord) -> bool:
    """Is it more than a request that was answered with an error? pygls would log a traceback of it."""
    return not (record.exc_info and isinstance(record.exc_info[1], JsonRpcException))


def _add_synchronisation(server: Server) -> None:
    @server.feature(lsp.INITIALIZED)
    async def ready(ls: Server, params: lsp.InitializedParams) -> None:
        """Ask to be told of files that change on the disk, where the client can tell."""
        workspace = ls.client_capabilities.workspace
        watching = workspace.did_change_watched_files if workspace is not None else None
        if watching is not None and watching.dynamic_registration:
            options = lsp.DidChangeWatchedFilesRegistrationOptions([lsp.FileSystemWatcher(_WATCHED)])
            asked = lsp.Registration("specs", lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
            with suppress(JsonRpcException):  # of a client that cannot after all
                await ls.client_register_capability_async(lsp.RegistrationParams([asked]))

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def changed_on_disk(ls: Server, params: lsp.DidChangeWatchedFilesParams) -> None:
        ls.publish_all()

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def opened(ls: Server, params: lsp.DidOpenTextDocumentParams) -> None:
        ls.publish_with(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(ls: Server, params: lsp.DidChangeTextDocumentParams) -> None:
        await ls.publish_soon(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def saved(ls: Server, params: lsp.DidSaveTextDocumentParams) -> None:
        ls.publish_all()

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def closed(ls: Server, params: lsp.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        path = os.path.realpath(to_fs_path(uri) or uri)
        ls.forget(uri)
        if (task := ls.waiting.pop(uri, None)) is not None:
            task.cancel()
        ls.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, []))
        for other in [other for other, known in ls.known.items() if path in known.others]:
            ls.publish(other)  # what is on the disk counts again


def _add_writing(server: Server) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hover(ls: Server, params: lsp.HoverParams) -> lsp.Hover | None:
        uri = params.text_document.uri
        known = ls.analysis(uri)
        text = None if known.foreign else hovers.hover(known, *ls.place(uri, params.position))
        return None if text is None else lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, text))

    options = lsp.CompletionOptions(trigger_characters=["{", "[", ",", " ", "$", "(", "-", ":"])

    @server.feature(lsp.TEXT_DOCUMENT_COMPLETION, options)
    def complete(ls: Server, params: lsp.CompletionParams) -> lsp.CompletionList:
        uri = params.text_document.uri
        known = ls.analysis(uri)
        found = [] if known.foreign else completions.complete(known, *ls.place(uri, params.position))
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

    @server.feature(lsp.TEXT_DOCUMENT_SIGNATURE_HELP, lsp.SignatureHelpOptions(trigger_characters=["{", ",", ":"]))
    def arguments(ls: Server, params: lsp.SignatureHelpParams) -> lsp.SignatureHelp | None:
        uri = params.text_document.uri
        known = ls.analysis(uri)
        found = None if known.foreign else signature(known, *ls.place(uri, params.position))
        if found is None:
            return None
        given = [lsp.ParameterInformation(each.label, each.doc or None) for each in found.arguments]
        shown = lsp.SignatureInformation(found.label, found.doc or None, given, found.active)
        return lsp.SignatureHelp([shown], 0, found.active)

    @server.feature(lsp.TEXT_DOCUMENT_INLAY_HINT)
    def inlay(ls: Server, params: lsp.InlayHintParams) -> list[lsp.InlayHint]:
        uri = params.text_document.uri
        known, lines = ls.analysis(uri), ls.lines(uri)
        first, last = params.range.start.line + 1, params.range.end.line + 1
        return [
            lsp.InlayHint(
                ls.position(lines, hint.line, hint.col),
                hint.text,
                kind=lsp.InlayHintKind.Type,
                tooltip=hint.tooltip,
                padding_left=True,
            )
            for hint in hints(known, first, last)
        ]

    @server.feature(lsp.TEXT_DOCUMENT_FORMATTING)
    def formatted(ls: Server, params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit]:
        """As `archspec fmt` lays out, whatever the client says of tabs; what is no spec stays as it is."""
        uri = params.text_document.uri
        known = ls.analysis(uri)
        return [ls.edit(uri, *each) for each in layout(known.text, known.file)] if known.is_spec else []


def _add_repairs(server: Server) -> None:
    kinds = [lsp.CodeActionKind.QuickFix, _ALL]

    @server.feature(lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions(code_action_kinds=kinds))
    def actions(ls: Server, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        uri, only = params.text_document.uri, params.context.only
        known = ls.analysis(uri)
        out = []
        here = [d for d in known.diagnostics if d.span.file == known.file and _overlap(ls, uri, d, params.range)]
        for d in here if _wanted(lsp.CodeActionKind.QuickFix, only) else []:
            shown = ls.diagnostic(uri, d)
            if d.fix is not None and (edit := _edits(ls, uri, known, d.fix)) is not None:
                out.append(_action(d.fix.title, lsp.CodeActionKind.QuickFix, edit, shown, preferred=d.fix.safe))
            if not d.is_error and (made := ignored(known, d.code, d.span.line)):
                edit = lsp.WorkspaceEdit({uri: [ls.edit(uri, *each) for each in made]})
                out.append(_action(f"say that {d.code} is meant here", lsp.CodeActionKind.QuickFix, edit, shown))
        if _wanted(_ALL, only) and (only is not None or len(here) > 1) and (made := repaired(known)):
            edit = lsp.WorkspaceEdit({uri: [ls.edit(uri, *each) for each in made]})
            out.append(_action("make all safe repairs", _ALL, edit))
        return out


def _action(
    title: str, kind: str, edit: lsp.WorkspaceEdit, of: lsp.Diagnostic | None = None, *, preferred: bool | None = None
) -> lsp.CodeAction:
    return lsp.CodeAction(
        title, kind=kind, diagnostics=[of] if of is not None else None, is_preferred=preferred, edit=edit
    )


def _wanted(kind: str, only: Sequence[str] | None) -> bool:
    """Does a client that asks for some kinds ask for this one? A kind holds those that it begins."""
    return only is None or any(kind == asked or kind.startswith(f"{asked}.") for asked in only)


def _overlap(ls: Server, uri: str, d: Diagnostic, other: lsp.Range) -> bool:
    one = ls.range(uri, d.span)
    return one.start.line <= other.end.line and other.start.line <= one.end.line


def _edits(ls: Server, uri: str, known: Analysis, fix: Fix) -> lsp.WorkspaceEdit | None:
    """The edits of a repair; None where they cannot be made in the texts as they are."""
    made = concrete(fix, known.report.sources)
    if made is None:
        return None
    changes: dict[str, list[lsp.TextEdit]] = {}
    for span, text in made:
        there = ls.uri_of(span.file, uri)
        changes.setdefault(there, []).append(ls.edit(there, span, text))
    return lsp.WorkspaceEdit(changes=changes)
