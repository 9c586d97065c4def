"""Patterns against Python's own fnmatch, and how long they take."""

from __future__ import annotations

import fnmatch
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archspec.parameters.pattern import Pattern, PatternError, check_template

NAMES = st.text("ab.0", min_size=1, max_size=8)
PATTERNS = st.text("ab.0*?", min_size=1, max_size=8)


@given(PATTERNS, NAMES)
def test_a_pattern_matches_a_name_or_a_module_that_it_is_in_as_fnmatch_does(text: str, name: str) -> None:
    parts = name.split(".")
    paths = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
    wanted = any(fnmatch.fnmatchcase(path, text) for path in paths)
    assert Pattern(text).matches(name) is wanted
    assert (Pattern(text).match(name) is not None) is wanted


@given(PATTERNS, NAMES)
def test_what_the_stars_stand_for_gives_the_name_again(text: str, name: str) -> None:
    pattern = Pattern(text.replace("?", "b"))
    found = pattern.match(name)
    if found is not None:
        assert pattern.rename(name, pattern.text) == name


@pytest.mark.parametrize(
    ("pattern", "template", "name", "result"),
    [
        ("bert.encoder.layer.*", "layers.*", "bert.encoder.layer.3.output.dense.bias", "layers.3.output.dense.bias"),
        ("*.gamma", "*.weight", "encoder.0.norm.gamma", "encoder.0.norm.weight"),
        ("*.attn.*.weight", "blocks.{2}.{1}.weight", "h.3.attn.q.weight", "blocks.q.h.3.weight"),
        ("backbone", "encoder", "backbone.conv1.weight", "encoder.conv1.weight"),
        ("backbone", "encoder", "backbone2.conv1.weight", None),
        ("*", "model.*", "fc.weight", "model.fc.weight"),
        ("bert.*", "*", "bert.pooler.weight", "pooler.weight"),
        ("layer[1-2].*", "stage.*", "layer2.0.weight", "stage.0.weight"),
        ("layer[!1-2].*", "stage.*", "layer2.0.weight", None),
        ("*.fc", "*.head", "a.fc1.fc.weight", "a.fc1.head.weight"),
    ],
)
def test_renaming(pattern: str, template: str, name: str, result: str | None) -> None:
    assert Pattern(pattern).rename(name, template) == result


@pytest.mark.parametrize("text", ["", "layer[12", "[z-a]", "a" * 501])
def test_refused(text: str) -> None:
    with pytest.raises(PatternError):
        Pattern(text)


@pytest.mark.parametrize(
    ("template", "stars", "wrong"),
    [("*.b", 1, False), ("{1}.{1}", 1, False), ("a", 3, False), ("*.*", 1, True), ("{2}", 1, True), ("{0}", 1, True),
     ("*{1}", 2, True)],
)  # fmt: skip
def test_templates(template: str, stars: int, wrong: bool) -> None:
    assert (check_template(template, stars) is not None) is wrong


@pytest.mark.parametrize(
    "text", ["*a" * 200 + "b", "*a?" * 100 + "b", "*" * 400 + "b", "*.a" * 120 + "*c", "*[a.]" * 90]
)
def test_no_pattern_is_slow(text: str) -> None:
    """Each of these takes a backtracking matcher longer than the universe has been there."""
    pattern, name = Pattern(text), "a." * 500
    start = time.process_time()
    for _ in range(10):
        pattern.match(name)
    assert time.process_time() - start < 1
