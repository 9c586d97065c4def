"""The renderer, held against the form that the architecture page gives."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.diagnostics.model import Diagnostic, Label, Severity, Span
from archspec.diagnostics.text import columns, render, render_all, summary

SPEC = """\
# a comment

inputs:
  image: float32[B, 3, 32, 32]
layers:
  - {name: stem, conv2d: {out_channels: 64, kernel_size: 3, padding: 1}}
  - {name: down, conv2d: {out_channels: 64, kernel_size: 3, stride: 2, padding: 1}, from: norm}
  - {name: join, add: {}, from: [down, stem]}
"""


def at(text: str, word: str, file: str = "specs/tiny.yaml", nth: int = 0) -> Span:
    """Where a word stands in a text."""
    index = -1
    for _ in range(nth + 1):
        index = text.index(word, index + 1)
    line = text.count("\n", 0, index) + 1
    col = index - text.rfind("\n", 0, index)
    return Span(file, line, col, line, col + len(word))


def shown(d: Diagnostic, text: str = SPEC, **more: object) -> str:
    return render(d, {"specs/tiny.yaml": text}, **more)  # type: ignore[arg-type]


def test_the_form_of_the_architecture_page() -> None:
    d = Diagnostic(
        "AS302",
        "`add` reads two sizes that differ in H: 16 and 32",
        at(SPEC, "down", nth=1),
        "float32[B, 64, 16, 16]",
        (
            Label(at(SPEC, "stem", nth=1), "float32[B, 64, 32, 32]"),
            Label(at(SPEC, "stride: 2"), "here H goes from 32 to 16"),
        ),
        trail="image [B,3,32,32] → stem [B,64,32,32] → norm → down [B,64,16,16]",
        help="give `down` stride 1, or project `stem` with conv2d {out_channels: 64, kernel_size: 1, stride: 2}",
    )
    assert (
        shown(d)
        == """\
error[AS302]: `add` reads two sizes that differ in H: 16 and 32
 --> specs/tiny.yaml:8:34
  |
7 |   - {name: down, conv2d: {out_channels: 64, kernel_size: 3, stride: 2, padding: 1}, from: norm}
  |                                                             --------- here H goes from 32 to 16
8 |   - {name: join, add: {}, from: [down, stem]}
  |                                  ^^^^  ---- float32[B, 64, 32, 32]
  |                                  float32[B, 64, 16, 16]
  = trail: image [B,3,32,32] → stem [B,64,32,32] → norm → down [B,64,16,16]
  = help: give `down` stride 1, or project `stem` with conv2d {out_channels: 64, kernel_size: 1, stride: 2}
  = more: archspec explain AS302"""
    )


def test_a_warning_without_words() -> None:
    d = Diagnostic("AS402", "the value `stem` is used nowhere", at(SPEC, "stem"), severity=Severity.WARNING)
    assert (
        shown(d)
        == """\
warning[AS402]: the value `stem` is used nowhere
 --> specs/tiny.yaml:6:12
  |
6 |   - {name: stem, conv2d: {out_channels: 64, kernel_size: 3, padding: 1}}
  |            ^^^^
  = more: archspec explain AS402"""
    )


def test_lines_between_are_left_out() -> None:
    """One line between is shown, more are `...`."""
    d = Diagnostic(
        "AS207", "m", at(SPEC, "join"), "again", (Label(at(SPEC, "image"), "a"), Label(at(SPEC, "stem"), "b"))
    )
    assert (
        shown(d)
        == """\
error[AS207]: m
 --> specs/tiny.yaml:8:12
  |
4 |   image: float32[B, 3, 32, 32]
  |   ----- a
5 | layers:
6 |   - {name: stem, conv2d: {out_channels: 64, kernel_size: 3, padding: 1}}
  |            ---- b
7 |   - {name: down, conv2d: {out_channels: 64, kernel_size: 3, stride: 2, padding: 1}, from: norm}
8 |   - {name: join, add: {}, from: [down, stem]}
  |            ^^^^ again
  = more: archspec explain AS207"""
    )
    d = Diagnostic("AS207", "m", at(SPEC, "join"), "", (Label(at(SPEC, "image"), ""),))
    assert "  |   -----\n...\n8 |" in shown(d)


def test_three_labels_on_one_line() -> None:
    d = Diagnostic(
        "AS210",
        "m",
        at(SPEC, "add:"),
        "primary",
        (Label(at(SPEC, "join"), "left"), Label(at(SPEC, "from", nth=1), "right")),
    )
    assert (
        shown(d)
        == """\
error[AS210]: m
 --> specs/tiny.yaml:8:18
  |
8 |   - {name: join, add: {}, from: [down, stem]}
  |            ----  ^^^^     ---- right
  |            |     primary
  |            left
  = more: archspec explain AS210"""
    )


def test_another_file_has_a_snippet_of_its_own() -> None:
    other = "\n" * 9 + "blocks: {A: {}}\n"
    d = Diagnostic("AS207", "m", at(SPEC, "stem"), "again", (Label(at(other, "A", "common.yaml"), "first here"),))
    assert (
        render(d, {"specs/tiny.yaml": SPEC, "common.yaml": other})
        == """\
error[AS207]: m
  --> specs/tiny.yaml:6:12
   |
 6 |   - {name: stem, conv2d: {out_channels: 64, kernel_size: 3, padding: 1}}
   |            ^^^^ again
  ::: common.yaml:10:10
   |
10 | blocks: {A: {}}
   |          - first here
   = more: archspec explain AS207"""
    )


def test_a_span_of_several_lines_is_marked_on_its_first() -> None:
    d = Diagnostic("AS205", "m", Span("specs/tiny.yaml", 6, 3, 8, 44), "here")
    assert "6 |   - {name: stem, conv2d: {out_channels: 64, kernel_size: 3, padding: 1}}\n  |   ^^^^" in shown(d)
    assert "^ here" in shown(d)


def test_an_empty_span_is_one_caret() -> None:
    d = Diagnostic("AS204", "m", Span("specs/tiny.yaml", 5, 8, 5, 8), "a list is missing")
    assert "5 | layers:\n  |        ^ a list is missing" in shown(d)


def test_notes_and_files_that_are_not_there() -> None:
    d = Diagnostic("AS107", "m", Span("gone.yaml", 1, 1, 1, 1), "words", notes=("one", "two"))
    assert (
        render(d)
        == """\
error[AS107]: m
 --> gone.yaml:1:1
  = note: one
  = note: two
  = more: archspec explain AS107"""
    )
    # A place beyond the text (the file has changed since) is named and not shown.
    assert "|" not in shown(Diagnostic("AS101", "m", Span("specs/tiny.yaml", 99, 1, 99, 2)))


def _caret_is_under(text: str, word: str) -> bool:
    d = Diagnostic("AS205", "m", at(text, word))
    lines = shown(d, text).split("\n")
    row = next(n for n, line in enumerate(lines) if re.search(r"\^+$", line))
    under, above = lines[row], lines[row - 1]
    cut, width = "", columns(under[: under.index("^")])
    for char in above:
        if columns(cut) == width:
            break
        cut += char
    return above[len(cut) :].startswith(word) and columns(under) - width == columns(word)


@pytest.mark.parametrize(
    "text",
    ["\t\tword", "漢字 word", "é word", "e\u0301 word", "😀: word", "\u202e word", "\x1b[31m word", "\u200b word"],
)
def test_marks_stand_under_their_words(text: str) -> None:
    """Tabs, wide, combining, escaped and invisible characters before a word do not move its mark."""
    assert _caret_is_under(text, "word")


def test_nothing_drives_the_terminal() -> None:
    nasty = "a: \x1b]0;title\x07 \x1b[2J \u202e\u2066 \x9b31m \r b"
    d = Diagnostic("AS205", nasty, Span("f\x1b.yaml", 1, 4, 1, 5), nasty, trail=nasty, help=nasty, notes=(nasty,))
    out = render(d, {"f\x1b.yaml": nasty})
    assert "\\x1b]0;title\\x07" in out
    assert "\\u202e" in out
    assert all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp") for c in out)


def test_long_lines_are_cut_around_the_mark() -> None:
    text = "a: [" + "x, " * 5_000 + "word, " + "y, " * 5_000 + "]\n"
    out = shown(Diagnostic("AS205", "m", at(text, "word"), "this"), text, width=80)
    quoted = next(line for line in out.split("\n") if line.startswith("1 |"))
    assert len(quoted) <= 80
    assert quoted.startswith("1 | …")
    assert quoted.endswith("…")
    marked = out.split("\n")[out.split("\n").index(quoted) + 1]
    assert quoted[marked.index("^") :].startswith("word")
    assert marked.endswith("^^^^ this")


def test_a_short_line_is_not_cut() -> None:
    assert "…" not in shown(Diagnostic("AS205", "m", at(SPEC, "stem"), "x"))


def test_colour_adds_only_colour() -> None:
    d = Diagnostic(
        "AS302", "m", at(SPEC, "down", nth=1), "one", (Label(at(SPEC, "stem", nth=1), "two"),), trail="t", help="h"
    )
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown(d, color=True)) == shown(d)
    assert "\x1b[1;31m" in shown(d, color=True)


def test_line_breaks_as_positions_count_them() -> None:
    """A form feed or U+2028 is no line break here, whatever str.splitlines says."""
    text = "a\x0cb\u2028c\x85d\r\nword\rlast"
    assert "2 | word" in shown(Diagnostic("AS205", "m", Span("specs/tiny.yaml", 2, 1, 2, 5)), text)
    assert "3 | last" in shown(Diagnostic("AS205", "m", Span("specs/tiny.yaml", 3, 1, 3, 5)), text)


def test_summary() -> None:
    error = Diagnostic("AS205", "m", Span("a", 1, 1, 1, 1))
    warning = Diagnostic("AS402", "m", Span("b", 1, 1, 1, 1), severity=Severity.WARNING)
    assert summary([]) == "no errors"
    assert summary([error]) == "1 error in 1 file"
    assert summary([error, error, warning]) == "2 errors, 1 warning in 2 files"
    assert summary([warning]) == "1 warning in 1 file"
    assert render_all([]) == ""
    assert render_all([error, warning]).endswith("\n\n1 error, 1 warning in 2 files\n")


SPANS = st.tuples(st.integers(1, 6), st.integers(1, 40), st.integers(0, 3), st.integers(0, 40)).map(
    lambda s: Span("f", s[0], s[1], s[0] + s[2], max(1, s[1] + s[3]))
)


@settings(max_examples=400, deadline=None)
@given(
    text=st.text(alphabet="ab \t\n\r漢é😀\x1b\u202e\u0301\u2028", max_size=120),
    primary=SPANS,
    others=st.lists(st.tuples(SPANS, st.sampled_from(["", "words", "漢字 words"])), max_size=4),
    width=st.integers(0, 100),
)
def test_any_text_and_any_spans(text: str, primary: Span, others: list[tuple[Span, str]], width: int) -> None:
    labels = tuple(Label(span, words) for span, words in others)
    out = render(Diagnostic("AS205", "m", primary, "here", labels), {"f": text}, width=width)
    assert all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in out)
    assert out.startswith("error[AS205]: m\n")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if text and primary.line <= len(lines):
        assert "^" in out
        for span, words in others:
            assert words in out or span.line > len(lines)
