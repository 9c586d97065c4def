"""The layout of archspec: shipped specs have it, and whatever layout a spec had, its data and comments stay."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import Mutator
from ruamel.yaml import YAML

from archspec.diagnostics.model import Diagnostics, SpecError
from archspec.formatting import roles
from archspec.formatting.comments import comments
from archspec.formatting.format import format_text
from archspec.formatting.tree import build
from archspec.graph.names import COMMON
from archspec.reading.reader import read
from archspec.schema.skeleton import block, item_list

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))


def data(text: str) -> Any:
    """By ruamel.yaml, which is another reader of YAML 1.2."""
    return plain(YAML(typ="safe", pure=True).load(io.StringIO(text)))


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    return (type(value).__name__, value)


def own(text: str) -> Any:
    node = read(text, "spec", Diagnostics())
    assert node is not None
    return plain(node.data())


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_shipped_specs_have_the_layout(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert format_text(text, path.name) == text


@pytest.mark.parametrize("path", SPECS[::4], ids=lambda p: p.stem)
def test_any_layout_of_a_spec_becomes_one_that_stays(path: Path) -> None:
    """Of the same data, with the same comments; formatting it again changes nothing."""
    wanted = data(path.read_text(encoding="utf-8"))
    for seed in range(5):
        mutator = Mutator(seed)
        text = mutator.document(read(path.read_bytes(), path.name, Diagnostics()).data())  # type: ignore[union-attr]
        assert data(text) == wanted, "the mutation itself keeps the data"
        made = format_text(text)
        assert data(made) == wanted
        assert sorted(found(made)) == sorted(mutator.comments)
        assert format_text(made) == made


def found(text: str) -> list[str]:
    root, _, _ = build(text)
    return [comment.text for comment in comments(text.split("\n"), root)]


ODD = [
    "no", "on", "1_000", "1:30", "0x1F", "1e3", "-", "?", "#", "a #b", "a: b", "[x]", "{", "---", "'", '"', "\\n",
    "int", "float32[B, T]", "$(depths[0])", "$x", "", " ", " a", "a ", "*a", "&a", "!x", "%y", "a\nb", "a\n\n b\n",
    "x\n", "é ☃", "=", "<<", "null", "~", "2020-01-01", "a,b", "a:b", ":a", "?x", "- a", "...",
]  # fmt: skip
TEXT = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp", "Cn", "Co"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False)
    | st.sampled_from(ODD)
    | st.text(TEXT, max_size=12)
)
KEYS = st.sampled_from(
    [
        "name", "doc", "layers", "params", "blocks", "inputs", "from", "linear", "relu", "sequence", "residual",
        "replace", "a b", "x", "train", "when", "repeat", "outputs", "branches", "parallel", "body", "no", "a: b",
        "tie", "archspec", "int",
    ]
)  # fmt: skip
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=30,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(KEYS, TREES, min_size=1, max_size=6), st.integers(0, 2**32))
def test_any_document(content: dict[str, Any], seed: int) -> None:
    """Whatever YAML holds, also what is no spec."""
    mutator = Mutator(seed)
    text = mutator.document(content)
    before = own(text)
    made = format_text(text)
    assert own(made) == before
    assert sorted(found(made)) == sorted(mutator.comments)
    assert format_text(made) == made


@pytest.mark.slow
@settings(max_examples=5_000, deadline=None)
@given(st.dictionaries(KEYS, TREES, min_size=1, max_size=8), st.integers(0, 2**32))
def test_many_documents(content: dict[str, Any], seed: int) -> None:
    test_any_document.hypothesis.inner_test(content, seed)  # type: ignore[attr-defined]


def test_every_key_has_its_place() -> None:
    """One that the language gets is put into the order too."""
    root = json.loads((ROOT / "schemas" / "archspec-1.schema.json").read_text(encoding="utf-8"))["else"]["else"]
    assert set(root["properties"]) == {*roles.HEADER, *roles.SECTIONS}
    for order in (roles._LINE, roles._LINES):
        assert sorted(order) == sorted(("", *COMMON))
    assert set(block(items=item_list())["properties"]) == set(roles._BLOCK)


CASES = {
    "an item on one line": (
        "layers:\n- name: a\n  linear: 10\n-   relu\n",
        "layers:\n  - {name: a, linear: 10}\n  - relu\n",
    ),
    "an item with one key": ("layers: \n  - {linear: 10}\n", "layers:\n  - linear: 10\n"),
    "the order of keys": (
        "layers:\n  - {tie: {weight: a.weight}, from: x, linear: 3, when: $w, name: b}\nname: n\narchspec: 1\n",
        "archspec: 1\nname: n\nlayers:\n  - {name: b, when: $w, linear: 3, from: x, tie: {weight: a.weight}}\n",
    ),
    "arguments, inputs and parameters keep their order": (
        "params: {b: 1, a: 2}\ninputs:\n  z: int\n  y: int\nlayers: [{f: {q: 1, p: 2}}]\n",
        "params: {b: 1, a: 2}\ninputs:\n  z: int\n  y: int\nlayers: [{f: {q: 1, p: 2}}]\n",
    ),
    "quotes": (
        """doc: 'a text'\nparams:\n  a: "int"\n  b: "no"\n  c: '1'\n  d: "it's"\n  e: 'say "x"'\n  f: "1.5.2"\n""",
        """doc: a text\nparams:\n  a: "int"\n  b: "no"\n  c: "1"\n  d: it's\n  e: say "x"\n  f: 1.5.2\n""",
    ),
    "quotes in brackets": (
        "inputs: {x: 'float32[B, 3]'}\nlayers:\n  - conv2d:\n      out_channels: $(a[0])\n",
        "inputs: {x: \"float32[B, 3]\"}\nlayers:\n  - conv2d: {out_channels: \"$(a[0])\"}\n",
    ),
    "numbers stay as they are written": (
        "params: {a: 1e-3, b: 0x1F, c: 1.0, d: .5, e: ~, f: True, g: -.inf}\n",
        "params: {a: 1e-3, b: 0x1F, c: 1.0, d: .5, e: ~, f: True, g: -.inf}\n",
    ),
    "comments in columns": (
        "params:\n  a: 1       # one\n  bcd: 2     # two\n  e: 3 # three\n",
        "params:\n  a: 1       # one\n  bcd: 2     # two\n  e: 3  # three\n",
    ),
    "comments that have no room": (
        "params:\n  a: 1   # one\n  bcd:  'a text'  # two\n  e: 3   # three\n",
        "params:\n  a: 1   # one\n  bcd: a text     # two\n  e: 3   # three\n",
    ),
    "a comment in brackets": (
        "layers:\n  - {name: a,  # the first\n     linear: 10}    # ten\n",
        "layers:\n  - name: a    # the first\n    linear: 10      # ten\n",
    ),
    "comments above and below": (
        "# head\n\n# of name\nname: n\nlayers:\n    # above\n    - relu\n    # foot\n\n# of a\noutputs: [a]\n# end\n",
        "# head\n\n# of name\nname: n\n\nlayers:\n  # above\n  - relu\n  # foot\n\n# of a\noutputs: [a]\n# end\n",
    ),
    "a comment that moves with its key": (
        "layers:\n  - relu\n# the name\nname: n  # n\n",
        "# the name\nname: n  # n\nlayers:\n  - relu\n",
    ),
    "empty lines": (
        "name: n\n\n\nblocks:\n\n  A: {layers: [B]}\n\n\n  B:\n    layers:\n      - relu\n\n      - exp\nlayers: [A]\n",
        "name: n\n\nblocks:\n  A: {layers: [B]}\n\n  B:\n    layers:\n      - relu\n\n      - exp\n\nlayers: [A]\n",
    ),
    "a block text": (
        "doc: |\n      two\n       lines\n\nname: n\n",
        "name: n\ndoc: |\n  two\n   lines\n",
    ),
    "a folded text, with a comment": ("doc: >-  # c\n    some\n    text\n", "doc: >-  # c\n  some\n  text\n"),
    "a text of several lines": (
        "doc: some\n  text\n",
        "doc: some text\n",
    ),
    "a text of several lines behind a key as wide as a line": (
        f"{'k' * 120}: some\n  text\n",
        f"{'k' * 120}: some\n  text\n",
    ),
    "a text of several lines, with a comment behind its key": (
        f"doc:  # c\n  {'word ' * 20}\n  {'word ' * 4}\n",
        f"doc: {'word ' * 22}word\n  word  # c\n",
    ),
    "a text of several lines in lists, with comments": (
        f"a:\n- # c\n  - # d\n   {'word ' * 20}\n   {'word ' * 4} # e\n",
        f"a:  # c\n  # d\n  - - {'word ' * 22}word\n      word{' ' * 14}# e\n",
    ),
    "anchors": (
        "layers:\n  - {conv2d: &a {out_channels: 3}, name: x}\n  - {conv2d: *a , name: y}\n",
        "layers:\n  - {conv2d: &a {out_channels: 3}, name: x}\n  - {conv2d: *a, name: y}\n",
    ),
    "tags": ("params: {a: !!float 1, b: !!str 2, c: ! x}\n", "params: {a: !!float 1, b: !!str 2, c: ! x}\n"),
    "tags of nothing": (
        "a:\n ! : 3\nb: [!!str , !!null ]\nc: !!str\n",
        "a: {! \"\": 3}\nb: [!!str \"\", !!null null]\nc: !!str\n",
    ),
    "tags of texts not for brackets": ("a:\n- ! x{\n- ! -{\n- !!str 3\n", "a: [! \"x{\", ! \"-{\", !!str 3]\n"),
    "a document's beginning": ("%YAML 1.2\n--- # c\nname: n\n", "%YAML 1.2\n---\n# c\nname: n\n"),
    "windows": ("\ufeffname: n\r\nlayers:\r\n- relu\r\n", "name: n\nlayers:\n  - relu\n"),
    "nothing": ("a:\nb: {}\nc: []\nd: {x: }\n", "a:\nb: {}\nc: []\nd: {x: null}\n"),
    "lists of lists": ("a: [[1, 2], [3]]\nb:\n- - 1\n  - 2\n-\n  - x\n", "a: [[1, 2], [3]]\nb: [[1, 2], [x]]\n"),
    "an expression that does not end": ("a: [\"$(\"]\n", "a: [\"$(\"]\n"),
    "comments behind brackets within brackets": (
        "a: [1, # one\n  [[2, # two\n    3] ] # three\n  ]  # four\n",
        "a:\n  - 1  # one\n  # four\n  # three\n  - - - 2  # two\n      - 3\n",
    ),
    "a structure": (
        "layers:\n- residual:\n  - relu\n  - {linear: 3}\n- {name: s, sequence: [relu, {linear: 3}]}\n",
        "layers:\n  - residual:\n      - relu\n      - linear: 3\n  - {name: s, sequence: [relu, {linear: 3}]}\n",
    ),
    "branches": (
        "layers:\n- parallel:\n    branches:\n    -  - relu\n    -  - tanh\n    merge: add\n",
        "layers:\n  - parallel:\n      branches:\n        - - relu\n        - - tanh\n      merge: add\n",
    ),
    "branches on one line": (
        "layers:\n- parallel: { branches: {a: [relu], b: [tanh]}, merge: add }\n",
        "layers:\n  - parallel: {branches: {a: [relu], b: [tanh]}, merge: add}\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_layout(case: str) -> None:
    before, after = CASES[case]
    assert format_text(before) == after
    assert format_text(after) == after


def test_a_line_has_120_columns() -> None:
    """Exactly as many fit; one more, and each key has a line of its own."""
    for more, lines in ((0, 1), (1, 2)):
        name = "n" * (120 - len("  - {name: , linear: 10}") + more)
        made = format_text(f"layers:\n  - {{name: {name}, linear: 10}}\n")
        assert made.count("\n") - 1 == lines
        assert max(map(len, made.split("\n"))) == 120 if not more else True


@pytest.mark.parametrize(
    "text", ["", "a: [1", "a: 1\na: 2\n", "\x00", "a: !!python/object x\n", "a: 1\n---\nb: 2\n", b"\xff"]
)
def test_what_does_not_read_is_refused(text: str | bytes) -> None:
    with pytest.raises(SpecError) as caught:
        format_text(text, "bad.yaml")
    assert caught.value.diagnostics[0].code.startswith("AS10")


def test_hostile_sizes() -> None:
    """Deep, wide and long, in time that grows with the text."""
    for text in ("a: " + "[" * 99 + "]" * 99 + "\n", "a: [" + "1, " * 20_000 + "1]\n", "# c\n" * 20_000 + "a: 1\n"):
        made = format_text(text)
        assert format_text(made) == made


@pytest.mark.parametrize(
    ("text", "laid_out"),
    [
        ("doc: |#c\n a#b\n", "doc: |  #c\n  a#b\n"),
        ("doc: >-#c-d\n a\n", "doc: >-  #c-d\n  a\n"),
        ('doc: "x y: z"#c\n', 'doc: "x y: z"  #c\n'),
        ("doc: [1]#c\n", "doc: [1]  #c\n"),
        ("doc: a#b\n", "doc: a#b\n"),
    ],
)
def test_a_comment_right_behind_something_is_kept(text: str, laid_out: str) -> None:
    """YAML asks for a space before it; libyaml does not."""
    assert format_text(f"archspec: 1\n{text}") == f"archspec: 1\n{laid_out}"
