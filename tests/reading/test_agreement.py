"""The reader against ruamel.yaml (YAML 1.2) on random plain data, and both of PyYAML's parsers against one another."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from archspec.diagnostics.model import Diagnostics
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence
from archspec.reading.reader import read
from archspec.reading.text import forbidden, invisible

CHARACTERS = st.characters(exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp", "Cn", "Co"))


def _readable(text: str) -> bool:
    """Not what is refused on purpose, nor `?a` and `:a`, which libyaml takes for keys inside `[]` and `{}`."""
    return not (forbidden(text) or invisible(text) or text.startswith(("?", ":")) or "$(" in text)


UNQUOTED = "a text that holds `:?` is quoted inside `[]` and `{}`"  # as libyaml goes by YAML 1.1 there
WORDS = st.text(CHARACTERS, max_size=20).filter(_readable)
TRICKY = st.sampled_from(
    [
        "no",
        "on",
        "yes",
        "off",
        "null",
        "~",
        "true",
        "1",
        "1e-3",
        "0x1F",
        "0o7",
        "-",
        "- a",
        "a: b",
        "#",
        "a #b",
        "[",
        "{a}",
        "&a",
        "*a",
        "!a",
        "|",
        ">",
        "'",
        '"',
        "%",
        "@",
        "`",
        " a",
        "a ",
        "$x",
        "$(max(a, b))",
        "=",
        "<<",
        "1:30",
        "2001-01-01",
        ".inf",
        ".nan",
        "",
        "a\nb",
        "a\n\nb\n",
        "\n a\n",
        "\ta",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.floats(allow_nan=False),
    WORDS,
    TRICKY,
)
KEYS = st.one_of(
    st.sampled_from(["a", "name", "conv2d", "no", "1", "null", "a b", "é"]), WORDS.filter(lambda s: len(s) < 20)
)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=15,
).filter(lambda value: value is not None)


def _typed(value: Any) -> Any:
    if isinstance(value, list):
        return [_typed(v) for v in value]
    if isinstance(value, dict):
        return {k: _typed(v) for k, v in value.items()}
    if isinstance(value, float):
        return "float", repr(value + 0.0) if not math.isnan(value) else "nan"
    return type(value).__name__, value


def _broken_keys(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_broken_keys, value))
    if isinstance(value, dict):
        return any(len(key.split()) > 1 for key in value) or any(map(_broken_keys, value.values()))
    return False


@pytest.mark.parametrize("flow", [True, False, None], ids=["flow", "block", "mixed"])
@settings(max_examples=150, deadline=None)
@given(data=DATA, width=st.sampled_from([20, 80, 10_000]))
def test_agrees_with_ruamel(flow: bool | None, data: Any, width: int) -> None:
    """What ruamel.yaml writes as YAML 1.2, we read as the data it was made from; and ruamel does."""
    writer = YAML(typ="safe", pure=True)
    writer.version = (1, 2)
    writer.default_flow_style = flow
    # YAML 1.2 lets a key of a flow mapping go on over a line break; libyaml, and a reader of specs, do not.
    writer.width = 10_000 if _broken_keys(data) else width
    writer.allow_unicode = True
    stream = io.StringIO()
    writer.dump(data, stream)
    text = stream.getvalue()
    if forbidden(text):
        return  # it did not escape a character that we do not let in
    found = Diagnostics()
    node = read(text, "f", found)
    if flow is not False and ":?" in text and [d.message for d in found] == [UNQUOTED]:
        return
    assert not list(found), text
    assert node is not None
    assert _typed(node.data()) == _typed(data), text


def _tree(node: Node) -> Any:
    if isinstance(node, Mapping):
        return node.span, [(key, node.keys[key], _tree(value)) for key, value in node.entries.items()]
    if isinstance(node, Sequence):
        return node.span, [_tree(item) for item in node.items]
    assert isinstance(node, Scalar)
    return node.span, node.plain, _typed(node.value)


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML was built without libyaml")
@settings(max_examples=200, deadline=None)
@given(data=DATA, flow=st.sampled_from([True, False, None]))
def test_parsers_agree(data: Any, flow: bool | None) -> None:
    """libyaml and PyYAML's own parser give the same nodes at the same places."""
    text = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True, width=40)
    if "?" in text:
        return  # they differ about `?` in flow collections, which libyaml reads as YAML 1.2 does
    trees = []
    for fast in (True, False):
        found = Diagnostics()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(yaml, "__with_libyaml__", fast)
            node = read(text, "f", found)
        trees.append((_tree(node) if node is not None else None, [(d.code, d.span.line) for d in found]))
    assert trees[0] == trees[1], text
