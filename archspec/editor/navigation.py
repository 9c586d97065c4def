"""What the language server answers about names: where they are given and used, and what they would be under another."""

from __future__ import annotations

import os
from pathlib import Path

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.uris import from_fs_path

from archspec.editor.analysis import Analysis
from archspec.editor.definition import Meaning, meaning
from archspec.editor.names import blocks, items, named
from archspec.editor.outline import Entry, outline
from archspec.editor.project import files_named
from archspec.editor.references import Place, RenameError, Symbol, references, renamed
from archspec.editor.texts import Texts
from archspec.editor.tree import at, inside, text
from archspec.graph.names import BEFORE
from archspec.reading.text import newlines

_MOST_SYMBOLS = 1_000
_REFUSED = lsp.LSPErrorCodes.RequestFailed.value


def add_navigation(server: Texts) -> None:
    """Register the requests."""

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def define(ls: Texts, params: lsp.DefinitionParams) -> lsp.Location | None:
        uri = params.text_document.uri
        known, place = ls.analysis(uri), ls.place(uri, params.position)
        for node, path in files_named(known.root, known.base):
            if inside(node.span, *place):
                start = lsp.Position(0, 0)
                return lsp.Location(ls.uri_of(path, uri), lsp.Range(start, start)) if os.path.exists(path) else None  # noqa: PTH110
        found = meaning(known, *place)
        return None if found is None else ls.location(uri, found.definition.span)

    @server.feature(lsp.TEXT_DOCUMENT_REFERENCES)
    def refer(ls: Texts, params: lsp.ReferenceParams) -> list[lsp.Location]:
        uri = params.text_document.uri
        found = _symbol_at(ls, uri, params.position)
        if found is None:
            return []
        places = references(_specs(ls, uri, found[1]), found[1])
        return [
            ls.location(uri, place.span) for place in places if params.context.include_declaration or not place.declares
        ]

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT)
    def highlight(ls: Texts, params: lsp.DocumentHighlightParams) -> list[lsp.DocumentHighlight]:
        uri = params.text_document.uri
        known = ls.analysis(uri)
        found = _symbol_at(ls, uri, params.position)
        here = os.path.realpath(known.file)
        places = references([known], found[1]) if found is not None else []
        return [
            lsp.DocumentHighlight(ls.range(uri, place.span), _highlight(place))
            for place in places
            if place.span.file == here
        ]

    @server.feature(lsp.TEXT_DOCUMENT_PREPARE_RENAME)
    def may_rename(ls: Texts, params: lsp.PrepareRenameParams) -> lsp.PrepareRenamePlaceholder | None:
        uri = params.text_document.uri
        found = _symbol_at(ls, uri, params.position)
        if found is None:
            return None
        return lsp.PrepareRenamePlaceholder(ls.range(uri, found[0].span), found[1].name)

    @server.feature(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameOptions(prepare_provider=True))
    def rename(ls: Texts, params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
        uri = params.text_document.uri
        found = _symbol_at(ls, uri, params.position)
        if found is None:
            raise JsonRpcException("there is no name here that can be changed", _REFUSED)
        try:
            spans = renamed(_specs(ls, uri, found[1]), found[1], params.new_name)
        except RenameError as wrong:
            raise JsonRpcException(str(wrong), _REFUSED) from None
        changes: dict[str, list[lsp.TextEdit]] = {}
        for span in spans:
            there = ls.uri_of(span.file, uri)
            changes.setdefault(there, []).append(ls.edit(there, span, params.new_name))
        return lsp.WorkspaceEdit(changes)

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def symbols(ls: Texts, params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        uri = params.text_document.uri
        known = ls.analysis(uri)
        return [] if known.foreign else [_symbol(ls, uri, entry) for entry in outline(known)]

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_LINK)
    def links(ls: Texts, params: lsp.DocumentLinkParams) -> list[lsp.DocumentLink]:
        uri = params.text_document.uri
        known = ls.analysis(uri)
        return [
            lsp.DocumentLink(ls.range(uri, node.span), ls.uri_of(path, uri))
            for node, path in files_named(known.root, known.base)
        ]

    @server.feature(lsp.WORKSPACE_SYMBOL)
    def everywhere(ls: Texts, params: lsp.WorkspaceSymbolParams) -> list[lsp.WorkspaceSymbol]:
        """Specs, blocks and named items whose names have the letters that are asked for, in their order."""
        out: list[lsp.WorkspaceSymbol] = []
        for path, root in ls.project.files(ls.folders()):
            uri = ls.uri_of(path)
            given = [(str(text(at(root, ("name",))) or Path(path).stem), lsp.SymbolKind.Module, root.span)]
            given += [(each.name, lsp.SymbolKind.Class, each.span) for each in blocks(root)]
            for where, item in items(root):
                given += [(d.name, lsp.SymbolKind.Field, d.span) for d in named(root, item, where[:-1])]
            asked = [each for each in given if _matches(params.query, each[0])]
            lines = ls.lines(uri) if asked else []
            for name, kind, span in asked:
                place = lsp.Location(uri, ls.range_in(lines, span))
                out.append(lsp.WorkspaceSymbol(place, name, kind, container_name=Path(path).name))
            if len(out) >= _MOST_SYMBOLS:
                break
        return out[:_MOST_SYMBOLS]


def _symbol_at(ls: Texts, uri: str, position: lsp.Position) -> tuple[Meaning, Symbol] | None:
    found = meaning(ls.analysis(uri), *ls.place(uri, position))
    if found is None or found.definition.name == BEFORE:
        return None
    return found, Symbol.of(found.definition)


def _specs(ls: Texts, uri: str, symbol: Symbol) -> list[Analysis]:
    """The specs that may have a name: the one that it was asked in, and those that bring in the file that gives it."""
    own = ls.analysis(uri)
    known = {os.path.realpath(own.file): own}
    texts = ls.open_texts()
    for path in [symbol.file, *ls.project.specs_with(symbol.file, ls.folders())]:
        if path not in known and (path in texts or Path(path).is_file()):
            known[path] = ls.analysis(ls.uri_of(path)) if path in texts else _closed(ls, path)
    return list(known.values())


def _closed(ls: Texts, path: str) -> Analysis:
    """Of a file that is not open."""
    others = {name: given.encode("utf-8", "replace") for name, given in ls.open_texts().items()}
    found = ls.source(from_fs_path(path) or path)
    return Analysis(newlines(found), path, Path(path).parent, texts=others)


def _symbol(ls: Texts, uri: str, entry: Entry) -> lsp.DocumentSymbol:
    return lsp.DocumentSymbol(
        name=entry.name,
        kind=lsp.SymbolKind.Class if entry.kind == "block" else lsp.SymbolKind.Function,
        range=ls.range(uri, entry.span),
        selection_range=ls.range(uri, entry.name_span),
        detail=entry.detail or None,
        children=[_symbol(ls, uri, child) for child in entry.children],
    )


def _highlight(place: Place) -> lsp.DocumentHighlightKind:
    return lsp.DocumentHighlightKind.Write if place.declares else lsp.DocumentHighlightKind.Read


def _matches(query: str, name: str) -> bool:
    letters = iter(name.lower())
    return all(letter in letters for letter in query.lower())
