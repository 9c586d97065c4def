"""A text that is read by its entries is what it is as a whole: every value, every place, every word about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.diagnostics.model import Diagnostics
from archspec.reading import kept, reader, sections
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "specs").rglob("*.yaml"), *(ROOT / "tests").rglob("*.yaml")])
TEXTS = [path for path in FILES if path.is_file()]


def described(node: Node | None) -> Any:
    if isinstance(node, Scalar):
        return node.span, repr(node.value), node.plain
    if isinstance(node, Sequence):
        return node.span, [described(item) for item in node.items]
    if isinstance(node, Mapping):
        return node.span, [(key, node.keys[key], described(value)) for key, value in node.entries.items()]
    return None


def found(text: str) -> Any:
    diagnostics = Diagnostics()
    node = reader.read(text, "f.yaml", diagnostics)
    return described(node), [(d.code, d.span, d.message, d.help) for d in diagnostics]


def both(text: str) -> tuple[Any, Any]:
    """As it is read, and as a whole."""
    kept.forget()
    by_parts = found(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "read_sections", lambda *_: None)
        kept.forget()
        return by_parts, found(text)


def edits(text: str, random: Random) -> Iterator[str]:
    yield text
    lines = text.split("\n")
    for _ in range(4):
        changed = list(lines)
        at = random.randrange(len(lines))
        match random.randrange(4):
            case 0:
                del changed[at]
            case 1:
                changed.insert(at, random.choice(("# a comment", "", changed[at], "---", "  x: 1", "x: [")))
            case 2:
                begin = random.randrange(len(changed[at]) + 1)
                changed[at] = changed[at][:begin] + changed[at][begin + 1 :]
            case _:
                changed[at] = changed[at].lstrip()
        yield "\n".join(changed)


@pytest.mark.parametrize("part", range(8))
def test_files_as_they_are_and_with_a_mistake(part: int) -> None:
    for path in TEXTS[part::8]:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if len(text) > 20_000:
            continue
        for changed in edits(text, Random(path.name)):
            parts, whole = both(changed)
            assert parts == whole, path


LINES = st.sampled_from(
    [
        "a: 1", "b: [1,", "2]", "]", "c: {x: 1,", "y: 2}", '"q": 1', 'd: "x', 'y"', "e: 'x", "y'", "f: |", "  text",
        "g: >-", "h: |+", "i: |2", "   t", "", " ", "# c", "  # c", "j:", "- x", "  - y", "k:", "  l: 1", " m: 1",
        "? n", ": o", "? [p]", "---", "--- q", "...", "%YAML 1.2", "%TAG ! !", "r: &s 1", "&t u: 1", "v: *s",
        "w: !!str 1", "x: !y z", "a:b", "a: b: c", "a : 1", "a: $(1, 2)", "z: a", "  b", "b-c: 1", "- ", "-",
        "\ta: 1", "a:\t1", "<<: {}", "yes: 1", "1: 2", "a: 'x' # &y", "b: \\", "ä: 1", "a: # d", "a: @", "  b: 1",
        "  c: 2", "a: ]", "x: ? y", "{a: 1}",
    ]
)  # fmt: skip


@pytest.mark.parametrize("parser", ["libyaml", "python"])
@settings(max_examples=1500)
@given(st.lists(LINES, max_size=8), st.sampled_from(["", "\n"]))
def test_odd_lines_one_after_another(parser: str, lines: list[str], end: str) -> None:
    if parser == "libyaml" and not yaml.__with_libyaml__:
        pytest.skip("PyYAML was built without libyaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml, "__with_libyaml__", parser == "libyaml")
        sections.forget()
        parts, whole = both("\n".join(lines) + end)
        assert parts == whole


def test_an_entry_that_stands_where_it_stood_is_the_same_nodes() -> None:
    sections.forget()
    text = "a: {b: 1}\nc:\n  - {d: 2}\n# e\nf: 3\n"
    first, again = (reader.read(each, "f.yaml", Diagnostics()) for each in (text, text.replace("3", "44")))
    other, moved = (reader.read(*each, Diagnostics()) for each in ((text, "g.yaml"), (f"#\n{text}", "f.yaml")))
    assert all(isinstance(each, Mapping) for each in (first, again, other, moved))
    assert again.entries["c"] is first.entries["c"]  # type: ignore[union-attr]
    assert other.entries["c"] is not first.entries["c"]  # type: ignore[union-attr]
    assert moved.entries["c"] is not first.entries["c"]  # type: ignore[union-attr]


def test_what_is_kept_is_bounded() -> None:
    sections.forget()
    for start in range(0, 2 * sections.MAX_SECTIONS, sections.MOST):
        text = "".join(f"a{start + n}: {n}\n" for n in range(sections.MOST))
        assert reader.read(text, "f.yaml", Diagnostics()) is not None
    assert len(sections._sections.items) == sections.MAX_SECTIONS
    for number in range(200):
        reader.read(f"a: '{str(number % 10) * 60_000}{number}'\n", "f.yaml", Diagnostics())
    sizes = [len(key.text) for key in sections._sections.items]
    assert sections._sections.held == sum(sizes) <= sections.MAX_TEXT
