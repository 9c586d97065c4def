"""Templates, and trees of YAML that hold them."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from archspec.diagnostics.model import Diagnostics
from archspec.reading.expressions import FAILED, FailedNameError, UnknownNameError, evaluate, parse_template
from archspec.reading.nodes import Mapping
from archspec.reading.reader import read


def test_templates_are_cached_and_say_what_they_read() -> None:
    first = parse_template("$(a * b + max(c, 1)).$d")
    assert parse_template("$(a * b + max(c, 1)).$d") is first
    assert first.names == {"a", "b", "c", "d"}
    assert not first.whole
    assert first.tree is None
    whole = parse_template("$(2 * a)")
    assert whole.whole
    assert whole.tree is not None
    assert ast.unparse(whole.tree) == "2 * a"
    named = parse_template("$a")
    assert named.whole
    assert named.tree is not None
    assert ast.unparse(named.tree) == "a"
    assert parse_template("$$x").literal == "$x"
    assert parse_template("a$x").literal is None


def test_unknown_names_are_suggested() -> None:
    with pytest.raises(UnknownNameError) as caught:
        parse_template("$clases").evaluate({"classes": 10, "depth": 3})
    assert caught.value.code == "AS209"
    assert caught.value.help == "did you mean `classes`?"


def _found(text: str, env: dict[str, Any]) -> tuple[Any, list[str]]:
    node = read(text, "f", Diagnostics())
    assert node is not None
    found = Diagnostics()
    got = evaluate(node, env, found)
    return got, [f"{d.code} {d.span.line}:{d.span.col}-{d.span.end_line}:{d.span.end_col} {d.message}" for d in found]


def test_a_tree_of_yaml() -> None:
    text = "a: $x\nb: [1, no, 'y$(x)', 1.5, ]\nc: {d: $(x + 1), e: $$}\n"
    assert _found(text, {"x": 2}) == ({"a": 2, "b": [1, "no", "y2", 1.5], "c": {"d": 3, "e": "$"}}, [])


def test_errors_stand_where_they_are_written() -> None:
    text = (
        "a: $(1 + yy)\n"
        "b: 'x $(1 + yy)'\n"
        'c: "x $zz"\n'
        'd: "\\t$zz"\n'  # an escape: columns of the text are not those of the file
        "e: [1, $zz, $(1 +\n"
        "    zz)]\n"
        "f: |\n"
        "  $zz\n"
    )
    got, found = _found(text, {})
    assert got is FAILED
    assert found == [
        "AS209 1:10-1:12 unknown parameter `yy`",
        "AS209 2:13-2:15 unknown parameter `yy`",
        "AS209 3:8-3:10 unknown parameter `zz`",
        "AS209 4:4-4:11 unknown parameter `zz`",
        "AS209 5:9-5:11 unknown parameter `zz`",
        "AS209 5:13-6:8 unknown parameter `zz`",
        "AS209 7:4-8:6 unknown parameter `zz`",
    ]


def test_what_failed_before_is_not_reported_again() -> None:
    assert _found("a: $x\nb: $(1 + x)\n", {"x": FAILED}) == (FAILED, [])
    assert _found("a: $(r.k)\n", {"r": {"k": FAILED}}) == (FAILED, [])
    with pytest.raises(FailedNameError):
        parse_template("$x").evaluate({"x": FAILED})


def test_keys_are_not_templates() -> None:
    node = read("$a: $a\n", "f", Diagnostics())
    assert isinstance(node, Mapping)
    assert evaluate(node, {"a": 1}, Diagnostics()) == {"$a": 1}
