"""Names in an editor: where they are given, where they are used, and what they are called from now on."""

from __future__ import annotations

from pathlib import Path

import pytest
from editing import edited, opened, place
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pytest_lsp import LanguageClient

from archspec.editor.analysis import Analysis
from archspec.editor.definition import definition
from archspec.editor.references import RenameError, Symbol, references, renamed

pytest_plugins = ["editor_client"]  # the fixture `client`

NET = """\
archspec: 1
params: {width: 64, act: relu}
inputs: {image: "float32[B, 3, H, W]"}   # 😀
include: [common.yaml]
layers:
  - {name: stem, conv2d: {out_channels: $width, kernel_size: 3}}
  - {name: "body", repeat: 2, from: stem, Unit: {channels: $(width * 1)}}
  - {name: deep, sequence: [{name: inner, relu: {}}, tanh]}
  - {name: again, use: deep.inner, from: [body]}
  - {add: {}, from: [$('body' if width > 3 else 'stem'), again]}
  - {name: last, $act: {}}
outputs: {y: last, z: body}
"""
COMMON = """\
blocks:
  Unit:
    params: {channels: int}
    inputs: [x, mask?]
    layers:
      - {name: conv, conv2d: {out_channels: $channels, kernel_size: 1}}
      - {name: gate, when: $mask, mul: {}, from: [conv, mask]}
      - {name: out, conv2d: {out_channels: $width, kernel_size: 1}}
"""
FEATURES = COMMON.replace("channels: int", "features: int").replace("$channels", "$features")
ALONE = """\
archspec: 1
inputs: {x: "float32[B, T, 8]"}
blocks:
  Cell:
    params: {n: 8}
    inputs: {x: "float32[N, D]", h: null}
    layers:
      - {name: a, linear: $n}
      - {name: b, linear: $n, from: h}
      - {add: {}, from: [a, b]}
layers:
  - {name: start, zeros: {shape: [$B, 8], like: x}}
  - name: rnn
    from: x
    scan:
      carry: {state: start}
      body:
        - {name: state, Cell: {n: 8}, from: {x: x, h: state}}
    outputs: [all, final]
  - {name: pick, when: false, linear: 8}
  - {name: pick, when: true, identity: {}, from: all}
  - {name: tied, linear: 8, from: pick, tie: {weight: rnn.state.a.weight}}
  - {repeat: {each: [[1, 2]], as: [first, second]}, linear: $(first * second * 4)}
"""


def at(text: str, word: str, occurrence: int = 0) -> tuple[int, int]:
    start = -1
    for _ in range(occurrence + 1):
        start = text.index(word, start + 1)
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)


def symbol(analysis: Analysis, word: str, occurrence: int = 0) -> Symbol:
    found = definition(analysis, *at(analysis.text, word, occurrence))
    assert found is not None
    return Symbol.of(found)


@pytest.mark.parametrize(
    ("word", "occurrence", "kind", "count"),
    [
        ("Cell", 0, "block", 2),
        ("n: 8", 0, "parameter", 4),
        ("x: \"float32[N", 0, "input", 2),  # `from: {x: …}` of the call; the first item reads it unnamed
        ("h: null", 0, "input", 3),
        ("x: \"float32[B", 0, "input", 3),
        ("a, linear", 0, "value", 3),  # the item, the sum, and the weight that is tied
        ("start,", 0, "value", 2),
        ("state: start", 0, "value", 4),  # what is carried, the item that is its next value, what reads it, the tie
        ("all, final", 0, "value", 2),
        ("pick, when: false", 0, "value", 3),  # two items of which one is there
        ("first, second", 0, "loop", 2),
    ],
)  # fmt: skip
def test_everywhere_that_a_name_stands(word: str, occurrence: int, kind: str, count: int) -> None:
    analysis = Analysis(ALONE, "net.yaml", Path())
    assert analysis.report.ok, analysis.diagnostics
    one = symbol(analysis, word, occurrence)
    places = references([analysis], one)
    assert one.kind == kind
    assert len(places) == count, places
    assert any(each.declares for each in places)
    for each in places:  # the others are found from there too
        again = definition(analysis, each.span.line, each.span.col)
        assert again is not None and Symbol.of(again) == one


@pytest.mark.parametrize(
    "word", ["Cell", "n: 8", "h: null", "a, linear", "start,", "state: start", "pick, when", "all,"]
)
def test_another_name_is_the_same_model(word: str) -> None:
    analysis = Analysis(ALONE, "net.yaml", Path())
    one = symbol(analysis, word)
    name = "Renamed" if one.kind == "block" else "renamed"
    spans = renamed([analysis], one, name)
    lines = ALONE.split("\n")
    for span in sorted(spans, reverse=True):
        row = lines[span.line - 1]
        assert row[span.col - 1 : span.end_col - 1] == one.name
        lines[span.line - 1] = row[: span.col - 1] + name + row[span.end_col - 1 :]
    after = Analysis("\n".join(lines), "net.yaml", Path())
    assert after.report.ok
    assert after.report.outputs.values() is not None
    assert after.report.parameters == analysis.report.parameters
    assert len(references([after], one._replace(name=name))) == len(spans)


@pytest.mark.parametrize(
    ("word", "name", "why"),
    [
        ("start,", "rnn", "called `rnn`"),
        ("a, linear", "b", "called `b`"),
        ("start,", "a b", "made of letters"),
        ("Cell", "cell", "CamelCase"),
        ("n: 8", "class", "a word of Python"),
        ("n: 8", "1n", "begins with a digit"),
        ("x: \"float32[N", "h", "h"),
    ],
)  # fmt: skip
def test_a_name_that_cannot_be_is_refused(word: str, name: str, why: str) -> None:
    analysis = Analysis(ALONE, "net.yaml", Path())
    with pytest.raises(RenameError, match=why):
        renamed([analysis], symbol(analysis, word), name)


def test_a_name_that_would_hide_another_is_refused() -> None:
    text = "archspec: 1\nparams: {n: 3}\ninputs: {x: 'float32[B, 3]'}\nlayers:\n  - {repeat: 2, linear: $(n + i)}\n"
    analysis = Analysis(text, "net.yaml", Path())
    with pytest.raises(RenameError):
        renamed([analysis], symbol(analysis, "n: 3"), "i")


# -- through the server ----------------------------------------------------------------------------------------------


async def with_files(client: LanguageClient, folder: Path) -> tuple[Path, Path]:
    net, common = folder / "net.yaml", folder / "common.yaml"
    common.write_text(COMMON, encoding="utf-8")
    net.write_text(NET, encoding="utf-8")
    assert await opened(client, net, NET) == []
    return net, common


def told(path: Path, locations: object) -> list[tuple[int, int]]:
    assert isinstance(locations, (list, tuple))
    found = [each.range.start for each in locations if each.uri == path.as_uri()]
    return [(start.line, start.character) for start in found]


@pytest.mark.asyncio
async def test_references_in_other_files(client: LanguageClient, tmp_path: Path) -> None:
    net, common = await with_files(client, tmp_path)
    (tmp_path / "other.yaml").write_text(NET.replace("width", "size"), encoding="utf-8")
    found = await client.text_document_references_async(
        lsp.ReferenceParams(lsp.ReferenceContext(include_declaration=True), *place(net, NET, "Unit"))
    )
    assert told(net, found) == [(6, 42)] and told(common, found) == [(1, 2)]
    assert told(tmp_path / "other.yaml", found) == [(6, 42)], "a file that is not open, and brings in the same"
    found = await client.text_document_references_async(
        lsp.ReferenceParams(lsp.ReferenceContext(include_declaration=False), *place(net, NET, "width"))
    )
    assert len(told(net, found)) == 3
    assert told(common, found) == [(7, COMMON.split("\n")[7].index("width"))], (
        "blocks read the parameters of the spec that includes them"
    )
    shown = await client.text_document_document_highlight_async(lsp.DocumentHighlightParams(*place(net, NET, "body")))
    assert [(each.range.start.line, each.kind) for each in shown or []] == [
        (6, lsp.DocumentHighlightKind.Write), (8, lsp.DocumentHighlightKind.Read),
        (9, lsp.DocumentHighlightKind.Read), (11, lsp.DocumentHighlightKind.Read),
    ]  # fmt: skip


@pytest.mark.asyncio
async def test_a_name_is_changed_in_all_files(client: LanguageClient, tmp_path: Path) -> None:
    net, common = await with_files(client, tmp_path)
    asked = await client.text_document_prepare_rename_async(lsp.PrepareRenameParams(*place(net, NET, "channels: $(")))
    assert isinstance(asked, lsp.PrepareRenamePlaceholder) and asked.placeholder == "channels"
    for word, name, changed in (
        ("channels: $(", "features", (NET.replace("{channels", "{features"), FEATURES)),
        ("Unit", "Part", (NET.replace("Unit", "Part"), COMMON.replace("Unit", "Part"))),
        ("width", "size", (NET.replace("width", "size"), COMMON.replace("$width", "$size"))),
        ("inner", "within", (NET.replace("inner", "within"), COMMON)),
        ("body", "trunk", (NET.replace("body", "trunk"), COMMON)),
    ):  # fmt: skip
        made = await client.text_document_rename_async(lsp.RenameParams(*place(net, NET, word), new_name=name))
        assert made is not None and made.changes is not None
        after = [
            edited(text, list(made.changes.get(path.as_uri(), ()))) for path, text in ((net, NET), (common, COMMON))
        ]
        assert tuple(after) == changed, word
    with pytest.raises(JsonRpcException, match="`deep`"):
        await client.text_document_rename_async(lsp.RenameParams(*place(net, NET, "body"), new_name="deep"))
    with pytest.raises(JsonRpcException, match="no name here"):
        await client.text_document_rename_async(lsp.RenameParams(*place(net, NET, "conv2d"), new_name="x"))


@pytest.mark.asyncio
async def test_files_and_symbols(client: LanguageClient, tmp_path: Path) -> None:
    net, common = await with_files(client, tmp_path)
    (link,) = (
        await client.text_document_document_link_async(lsp.DocumentLinkParams(lsp.TextDocumentIdentifier(net.as_uri())))
        or []
    )
    assert link.target == common.as_uri() and link.range.start == lsp.Position(3, 10)
    there = await client.text_document_definition_async(lsp.DefinitionParams(*place(net, NET, "common")))
    assert isinstance(there, lsp.Location) and there.uri == common.as_uri()
    found = await client.workspace_symbol_async(lsp.WorkspaceSymbolParams("unit"))
    assert [(each.name, each.location.uri) for each in found or []] == [("Unit", common.as_uri())]
    found = await client.workspace_symbol_async(lsp.WorkspaceSymbolParams(""))
    assert {"net", "Unit", "conv", "stem", "inner", "last"} <= {each.name for each in found or []}
