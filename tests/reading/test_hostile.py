"""Text that was made to break a reader: it is refused in bounded time, by a diagnostic and never by an exception."""

from __future__ import annotations

import time
import unicodedata
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from archspec.diagnostics.model import Diagnostics
from archspec.diagnostics.text import render
from archspec.reading import reader
from archspec.reading.nodes import Node
from archspec.reading.reader import read

ROOT = Path(__file__).parents[2]
SPECS = sorted(p.read_text() for p in (ROOT / "specs").rglob("*.yaml"))


def _laughs(levels: int) -> str:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


HOSTILE = {
    "brackets": ("[" * 100_000, "AS104"),
    "closed_brackets": ("[" * 500_000 + "]" * 500_000, "AS104"),
    "braces": ("{" * 100_000, "AS103"),
    "nested_values": ("{a: " * 100_000, "AS104"),
    "dashes": ("- " * 100_000, "AS104"),
    "questions": ("? " * 100_000, "AS103"),
    "deep_block": ("\n".join(" " * n + "a:" for n in range(1_000)), "AS104"),
    "laughs": (_laughs(9), "AS104"),
    "quadratic_alias": ("a: &a [" + "x," * 1_000 + "]\nb: [" + "*a," * 1_000 + "]", "AS104"),
    "deep_alias": (
        "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 200))]),
        "AS104",
    ),
    "alias_of_itself": ("a: &a {b: *a}", "AS103"),
    "large": ("a: " + "x" * (1 << 23), "AS104"),
    "large_in_bytes": ("a: " + "漢" * 3_000_000, "AS104"),
    "long_text": ("a: " + "x" * 100_000, "AS104"),
    "long_key": ("x" * 1_000 + ": 1", "AS104"),
    "long_key_asked": ("? " + "x" * 100_000 + "\n: 1", "AS104"),
    "digits": ("a: " + "9" * 50_000, "AS104"),
    "hex_digits": ("a: 0x" + "f" * 50_000, "AS104"),
    "exponent": ("a: 1e99999999", "AS104"),
    "open_quote": ("a: '" + "x\n" * 100_000, "AS101"),
    "anchors": ("".join(f"- &a{n} x\n" for n in range(80_000)), None),
    "comments": ("#\n" * 500_000, "AS106"),
    "blank_lines": ("\n" * 1_000_000, "AS106"),
    "percent": ("%" * 100_000, "AS101"),
    "percent_lines": ("%a b\n" * 100_000, "AS101"),
    "stars": ("*" * 100_000, "AS101"),
    "bangs": ("!" * 100_000, "AS103"),
    "pipes": ("|" * 100_000, "AS101"),
    "expressions": ("- {a: " + "$(" * 100_000 + "}", "AS104"),
    "colons": ("a" + ": a" * 100_000, "AS101"),
    "duplicates": ("a: 1\n" * 100_000, "AS102"),
    "surrogate": ("a: \ud800", "AS105"),
    "escape_surrogate": ('a: "\\ud800"', None),
    "escape_too_large": ('a: "\\UFFFFFFFF"', "AS101"),
    "nul_escape": ('a: "\\0"', "AS105"),
    "object": ("!!python/object/apply:os.system [echo]", "AS103"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    text, code = HOSTILE[name]
    found = Diagnostics()
    start = time.perf_counter()
    node = read(text, "f.yaml", found)
    shown = [render(d, {"f.yaml": text}) for d in found]
    took = time.perf_counter() - start
    assert took < 5
    assert all(len(text) < 20_000 for text in shown)
    if code is not None:
        assert {d.code for d in found} == {code}
        assert node is None or code == "AS102"


def test_too_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_NODES", 1000)
    for text in ("[" + "1," * 1000 + "]", "a: 1\n" + "".join(f"b{n}: 1\n" for n in range(500))):
        found = Diagnostics()
        assert read(text, "f.yaml", found) is None
        assert [d.message for d in found] == ["the file holds more than 1,000 values"]


@pytest.mark.slow
def test_as_many_values_as_a_file_can_hold() -> None:
    """Within the bounds of memory and time that the limits are there for."""
    found = Diagnostics()
    start = time.process_time()
    assert read("[" + "1," * ((1 << 22) - 2) + "]", "f.yaml", found) is None
    assert time.process_time() - start < 15
    assert [d.code for d in found] == ["AS104"]


SMALL = ["laughs", "deep_alias", "alias_of_itself", "escape_too_large", "surrogate", "escape_surrogate", "nul_escape"]


@pytest.mark.parametrize("name", [*SMALL, "brackets", "object", "digits", "stars", "bangs"])
def test_hostile_without_libyaml(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    text, code = HOSTILE[name]
    found = Diagnostics()
    node = read(text, "f.yaml", found)
    assert node is None
    assert {d.code for d in found} == {code or "AS105"} or code is None


def _inside(node: Node | None, found: Diagnostics, text: str) -> None:
    """Every place is a place of the text, every finding can be shown, and nothing shown drives a terminal."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert (node is None) <= found.has_errors
    for diagnostic in found:
        for span in (diagnostic.span, *(label.span for label in diagnostic.secondary)):
            assert 1 <= span.line <= span.end_line <= len(lines)
            assert 1 <= span.col <= len(lines[span.line - 1]) + 2
            assert (span.line, span.col) <= (span.end_line, span.end_col)
        shown = render(diagnostic, {"f": text})
        assert all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in shown)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
@example(b"\xef\xbb\xbf")
@example(b"\xff\xfe")
@example(b"\x00\x00\x00\x00")
def test_bytes_never_raise(data: bytes) -> None:
    found = Diagnostics()
    node = read(data, "f", found)
    _inside(node, found, data.decode("utf-8", "replace"))


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="ab0:-?,[]{}#&*!|>'\"%@`$() \n\t\\/.~=<_éÿ漢", max_size=60))
@example("a:\n  - b\n -")
@example("{? ")
@example("- |9\n")
def test_text_never_raises(text: str) -> None:
    found = Diagnostics()
    node = read(text, "f", found)
    _inside(node, found, text)


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_damaged_specs_never_raise(data: st.DataObject) -> None:
    """A spec with a few characters taken out, put in, or swapped: what a typing error looks like."""
    text = data.draw(st.sampled_from(SPECS))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 3))
        text = text[:at] + data.draw(st.text(alphabet="a:-[]{},'\"\n \t$(&*!|>#%", max_size=3)) + text[at + cut :]
    found = Diagnostics()
    node = read(text, "f", found)
    _inside(node, found, text)
    assert len({d.code for d in found} - {"AS102"}) <= 1
