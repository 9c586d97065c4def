"""The reader on files beside this one: `accepted/x.yaml` gives `x.json`, `rejected/x.yaml` what `x.txt` says."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from archspec.diagnostics.model import Diagnostics
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence
from archspec.reading.reader import read
from archspec.reading.scalars import resolve

HERE = Path(__file__).parent
ACCEPTED = sorted((HERE / "accepted").glob("*.yaml"))
REJECTED = sorted((HERE / "rejected").glob("*.yaml"))


@pytest.fixture(params=["libyaml", "python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both event parsers: PyYAML may have been built without libyaml."""
    if request.param == "libyaml" and not yaml.__with_libyaml__:
        pytest.skip("PyYAML was built without libyaml")
    monkeypatch.setattr(yaml, "__with_libyaml__", request.param == "libyaml")
    return str(request.param)


def _plain(value: Any) -> Any:
    """JSON knows no infinity: it is written as text."""
    if isinstance(value, float) and math.isinf(value):
        return str(value)
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value


def _typed(value: Any) -> Any:
    """With types, since 1 == 1.0 == True."""
    if isinstance(value, list):
        return [_typed(v) for v in value]
    if isinstance(value, dict):
        return {k: _typed(v) for k, v in value.items()}
    return type(value).__name__, value


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda p: p.stem)
def test_accepted(path: Path, parser: str) -> None:
    found = Diagnostics()
    node = read(path.read_bytes(), path.name, found)
    assert not list(found)
    assert node is not None
    assert _typed(_plain(node.data())) == _typed(json.loads(path.with_suffix(".json").read_text()))


@pytest.mark.parametrize("path", REJECTED, ids=lambda p: p.stem)
def test_rejected(path: Path, parser: str) -> None:
    found = Diagnostics()
    node = read(path.read_bytes(), path.name, found)
    shown = [
        f"{d.code} {d.span.line}:{d.span.col}-{d.span.end_line}:{d.span.end_col} {d.message}" for d in found.sorted()
    ]
    assert "\n".join(shown) + "\n" == path.with_suffix(".txt").read_text()
    # Duplicate keys leave a tree that later stages can go on with; nothing else does.
    assert (node is not None) == (path.stem == "duplicate")


def test_every_case_has_its_expectation() -> None:
    assert {p.stem for p in (HERE / "accepted").iterdir()} == {p.stem for p in ACCEPTED}
    assert {p.stem for p in (HERE / "rejected").iterdir()} == {p.stem for p in REJECTED}
    assert len(ACCEPTED) >= 10
    assert len(REJECTED) >= 50


def test_the_help_of_a_trap_is_the_repair() -> None:
    """The text that the help proposes, put in place of the span, makes the file readable."""
    for name in ("expression_comma_flow", "expression_index_flow", "expression_in_name_flow", "type_flow"):
        text = (HERE / "rejected" / f"{name}.yaml").read_text()
        found = Diagnostics()
        read(text, name, found)
        (diagnostic,) = found
        assert diagnostic.fix is not None
        (edit,) = diagnostic.fix.edits
        assert diagnostic.help == f"write {edit.text}"
        line = text.split("\n")[edit.span.line - 1]
        assert edit.text is not None
        fixed = line[: edit.span.col - 1] + edit.text + line[edit.span.end_col - 1 :]
        again = Diagnostics()
        assert read(fixed + "\n", name, again) is not None, fixed
        assert not list(again)


def _spans(node: Node, out: dict[str, str], path: str = "") -> dict[str, str]:
    s = node.span
    out[path] = f"{s.line}:{s.col}-{s.end_line}:{s.end_col}"
    if isinstance(node, Mapping):
        for key, value in node.entries.items():
            k = node.keys[key]
            out[f"{path}/{key}!"] = f"{k.line}:{k.col}-{k.end_line}:{k.end_col}"
            _spans(value, out, f"{path}/{key}")
    elif isinstance(node, Sequence):
        for i, item in enumerate(node.items):
            _spans(item, out, f"{path}/{i}")
    return out


def test_spans(parser: str) -> None:
    text = (
        "name: net\n"  # 1
        "doc: |\n"  # 2
        "  two\n"  # 3
        "  lines\n"  # 4
        "\n"  # 5
        "layers:\n"  # 6
        "  - relu   # comment\n"  # 7
        "  - {name: 'fc', linear: $(a)}\n"  # 8
        "  -\n"  # 9
        "    - 12\n"  # 10
        "\n"  # 11
        "last:\n"  # 12
    )
    node = read(text, "f", Diagnostics())
    assert node is not None
    assert _spans(node, {}) == {
        "": "1:1-12:6",
        "/name!": "1:1-1:5",
        "/name": "1:7-1:10",
        "/doc!": "2:1-2:4",
        "/doc": "2:6-4:8",
        "/layers!": "6:1-6:7",
        "/layers": "7:3-10:9",
        "/layers/0": "7:5-7:9",
        "/layers/1": "8:5-8:31",
        "/layers/1/name!": "8:6-8:10",
        "/layers/1/name": "8:12-8:16",
        "/layers/1/linear!": "8:18-8:24",
        "/layers/1/linear": "8:26-8:30",
        "/layers/2": "10:5-10:9",
        "/layers/2/0": "10:7-10:9",
        "/last!": "12:1-12:5",
        "/last": "12:6-12:6",
    }


def test_columns_count_characters() -> None:
    node = read("{é漢😀: x}\n", "f", Diagnostics())
    assert isinstance(node, Mapping)
    assert node.keys["é漢😀"].col == 2
    assert node.entries["é漢😀"].span.col == 7


def test_plain_is_false_for_quoted_and_block_text() -> None:
    node = read("a: x\nb: 'x'\nc: \"x\"\nd: |\n  x\n", "f", Diagnostics())
    assert isinstance(node, Mapping)
    assert [v.plain for v in node.entries.values() if isinstance(v, Scalar)] == [True, False, False, False]


def test_an_alias_is_the_node_itself() -> None:
    node = read("a: &a [1]\nb: *a\n", "f", Diagnostics())
    assert isinstance(node, Mapping)
    assert node.entries["a"] is node.entries["b"]


def test_both_places_of_a_duplicate_key() -> None:
    found = Diagnostics()
    read("a: 1\nb: 2\na: 3\n", "f", found)
    (diagnostic,) = found
    assert str(diagnostic.span) == "f:3:1"
    assert [str(label.span) for label in diagnostic.secondary] == ["f:1:1"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # YAML 1.2.2, section 10.3.2, and its table of examples.
        ("null", None),
        ("~", None),
        ("", None),
        ("true", True),
        ("FALSE", False),
        ("0", 0),
        ("-0", 0),
        ("0o7", 7),
        ("0x3A", 58),
        ("-19", -19),
        ("+12", 12),
        ("012", 12),
        ("0.", 0.0),
        ("-0.0", -0.0),
        (".5", 0.5),
        ("+12e03", 12000.0),
        ("-2E+05", -200000.0),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775807", 1 - 2**63),
        ("-0x1", "-0x1"),
        ("0O7", "0O7"),
        ("1__0", "1__0"),
        ("0xg", "0xg"),
        ("+.nan", "+.nan"),
        (".Nan", ".Nan"),
        ("٣", "٣"),
        ("1e5 ", "1e5 "),
        ("-", "-"),
        ("+", "+"),
        (".", "."),
        ("-.inF", "-.inF"),
        ("yes", "yes"),
    ],
)
def test_core_schema(text: str, value: Any) -> None:
    assert (type(resolve(text)), resolve(text)) == (type(value), value)


def test_not_a_number() -> None:
    for text in (".nan", ".NaN", ".NAN"):
        value = resolve(text)
        assert isinstance(value, float)
        assert math.isnan(value)
