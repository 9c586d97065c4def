"""Edits at spans: what is removed is gone with its comma or line, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.diagnostics.edits import Text, applied, exact, together
from archspec.diagnostics.model import Diagnostics, Edit, Fix, Span
from archspec.reading.nodes import Mapping, Node, Sequence, entry_span
from archspec.reading.reader import read


def at(text: str, word: str) -> Span:
    index = text.index(word)
    line = text.count("\n", 0, index) + 1
    col = index - text.rfind("\n", 0, index)
    end = index + len(word)
    return Span("f", line, col, text.count("\n", 0, end) + 1, end - text.rfind("\n", 0, end))


def without(text: str, word: str) -> str | None:
    change = Text(text).change(Edit(at(text, word), None))
    return None if change is None else applied(text, [change])


@pytest.mark.parametrize(
    ("text", "word", "left"),
    [
        ("a: {b: 1, c: 2}\n", "b: 1", "a: {c: 2}\n"),
        ("a: {b: 1, c: 2}\n", "c: 2", "a: {b: 1}\n"),
        ("a: {b: 1}\n", "b: 1", "a: {}\n"),
        ("a: { b: 1 }\n", "b: 1", "a: {}\n"),
        ("a: [b ,  c]\n", "b", "a: [c]\n"),
        ("a: [\n  b,\n  c\n]\n", "b", "a: [\n  c\n]\n"),
        ("a: [\n  b,\n  c\n]\n", "c", "a: [\n  b,\n]\n"),
        ("a: [\n  b,  # of b\n  c\n]\n", "b", "a: [\n  # of b\n  c\n]\n"),
        ("a: {b: 1,\n    c: 2}\n", "b: 1", "a: {\n    c: 2}\n"),
        ("a: {b: 1,\n    c: 2}\n", "c: 2", "a: {b: 1}\n"),
        ("a:\n  b: 1\n  c: 2  # two\nd: 3\n", "c: 2", "a:\n  b: 1\nd: 3\n"),
        ("a:\n  b: 1\n  c: 2", "c: 2", "a:\n  b: 1"),
        ("a: 1\nb:\n  c:\n    - d\ne: 2\n", "b:\n  c:\n    - d", "a: 1\ne: 2\n"),
        ("- a\n- b  # two\n- c\n", "b", "- a\n- c\n"),
        ("- name: x\n  relu: 1\n- b\n", "name: x", "- relu: 1\n- b\n"),
        ("- name: x\n\n  relu: 1\n- b\n", "name: x", "- relu: 1\n- b\n"),
        ("- name: x\n  # why\n  relu: 1\n", "name: x", "- # why\n  relu: 1\n"),
        ("- name: x\n  relu: 1\n- b\n", "relu: 1", "- name: x\n- b\n"),
        ("- name: x\n  relu: 1\n- b\n", "name: x\n  relu: 1", "- b\n"),
        ("-\n  name: x\n  relu: 1\n- b\n", "name: x", "-\n  relu: 1\n- b\n"),
        ("-\n  name: x\n  relu: 1\n- b\n", "name: x\n  relu: 1", "- b\n"),
        ("a: 1  # one\n", "# one", "a: 1\n"),
        ("# one\na: 1\n", "# one", "a: 1\n"),
        ("a:\n  # one\n  b: 1\n", "# one", "a:\n  b: 1\n"),
    ],
)
def test_removing(text: str, word: str, left: str) -> None:
    assert without(text, word) == left
    assert without(text.replace("\n", "\r\n"), word.replace("\n", "\r\n")) == left.replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("text", "word"), [("a: b c\n", "b"), ("? a\n: b\n", "b"), ("- - a\n", "a"), ("- - a\n  - b\n", "a")]
)
def test_what_cannot_be_removed_stays(text: str, word: str) -> None:
    assert without(text, word) is None


def test_a_place_that_is_not_there() -> None:
    for span in (Span("f", 9, 1, 9, 2), Span("f", 1, 3, 1, 1), Span("f", 0, 1, 1, 1)):
        assert Text("a: 1\n").change(Edit(span, "x")) is None


def test_other_words_than_expected_are_left_alone() -> None:
    text = "a: 'one'\n"
    assert Text(text).change(Edit(at(text, "'one'"), "x", "one")) is not None
    assert Text(text).change(Edit(at(text, "'one'"), "x", "two")) is None


def test_a_fix_is_made_whole_or_not() -> None:
    fix = Fix("t", (Edit(at("a: b\n", "b"), "c"), Edit(Span("other", 1, 1, 1, 2), "d")))
    assert exact(fix, {"f": "a: b\n"}) is None
    assert exact(fix, {"f": "a: b\n", "other": "x\n"}) is not None


def test_fixes_that_touch_wait_for_another_time() -> None:
    text = "a: {b: 1, c: 2, d: 3}\n"
    fixes = [Fix(word, (Edit(at(text, word), None),)) for word in ("b: 1", "c: 2", "d: 3")]
    changes, taken = together([*fixes, fixes[0]], {"f": text})
    assert [fix.title for fix in taken] == ["b: 1", "d: 3"]
    assert applied(text, changes["f"]) == "a: {c: 2}\n"


# -- any removal from any document -------------------------------------------------------------------------------

WORDS = st.sampled_from(["a", "bc", "d_e", "x1"])
LEAVES = st.sampled_from(["1", "true", '"q, }"', "'it # is'", "word", "$(a)", "null"])
COMMENTS = st.sampled_from(["", "", "  # c, }", "  # - x: 1"])


@st.composite
def flow(draw: st.DrawFn, depth: int = 2) -> str:
    kind = draw(st.integers(0, 2)) if depth else 0
    if kind == 0:
        return draw(LEAVES)
    parts = draw(st.lists(flow(depth - 1), min_size=1, max_size=3))
    space, comma = draw(st.sampled_from(["", " "])), draw(st.sampled_from([", ", " , ", ",\n      "]))
    if kind == 1:
        return f"[{space}{comma.join(parts)}{space}]"
    return "{" + space + comma.join(f"k{n}: {part}" for n, part in enumerate(parts)) + space + "}"


@st.composite
def block(draw: st.DrawFn, indent: int = 0, depth: int = 3) -> str:
    """Lines of a block mapping or list, with comments and empty lines among them."""
    lines: list[str] = []
    pad = " " * indent
    mapping = draw(st.booleans())
    for number in range(draw(st.integers(1, 4))):
        if draw(st.integers(0, 5)) == 0:
            lines.append(draw(st.sampled_from(["", f"{pad}# above"])))
        head = f"{pad}k{number}:" if mapping else f"{pad}-"
        if depth and draw(st.booleans()):
            inner = draw(block(indent + 2, depth - 1))
            if not mapping and draw(st.booleans()) and inner[indent + 2 :][:1] not in ("", "#", "\n"):
                lines.append(f"{pad}- {inner.lstrip(' ')}")
            else:
                lines.append(f"{head}{draw(COMMENTS)}\n{inner}")
        else:
            lines.append(f"{head} {draw(flow())}{draw(COMMENTS)}")
    return "\n".join(lines)


def removable(node: Node, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Span]]:
    out: list[tuple[tuple[Any, ...], Span]] = []
    if isinstance(node, Mapping):
        for key, value in node.entries.items():
            span = entry_span(node, key)
            if span is not None:
                out.append(((*path, key), span))
            out += removable(value, (*path, key))
    elif isinstance(node, Sequence):
        for number, item in enumerate(node.items):
            out.append(((*path, number), item.span))
            out += removable(item, (*path, number))
    return out


def removed(data: Any, path: tuple[Any, ...]) -> Any:
    key, *rest = path
    items = data.items() if isinstance(data, dict) else enumerate(data)
    kept = [(k, removed(v, tuple(rest)) if k == key else v) for k, v in items if k != key or rest]
    return dict(kept) if isinstance(data, dict) else [v for _, v in kept]


def emptied(data: Any) -> Any:
    """In block style nothing is left of an empty list or mapping: it is null."""
    if isinstance(data, dict):
        return {k: emptied(v) for k, v in data.items()} or None
    return ([emptied(v) for v in data] or None) if isinstance(data, list) else data


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_removing_from_any_document(data: st.DataObject) -> None:
    one_removal(data)


@pytest.mark.slow
@settings(max_examples=3000, deadline=None)
@given(st.data())
def test_many_removals(data: st.DataObject) -> None:
    one_removal(data)


def one_removal(data: st.DataObject) -> None:
    text = data.draw(block()) + data.draw(st.sampled_from(["\n", ""]))
    found = Diagnostics()
    root = read(text, "f", found)
    assert root is not None, (text, [d.message for d in found])
    path, span = data.draw(st.sampled_from(removable(root)))
    change = Text(text).change(Edit(span, None))
    if change is None:
        return
    after = applied(text, [change])
    again = read(after, "f", Diagnostics())
    # The only entry of an item of a list stands where the item stands: with it the item may go.
    alone = [path[:n] for n in range(len(path)) if n and isinstance(path[n - 1], int)]
    expected = [emptied(removed(root.data(), each)) for each in (path, *alone)]
    assert emptied(again.data() if again is not None else None) in expected, (text, path, after)
