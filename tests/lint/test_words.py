"""AS406 against PyYAML, which reads YAML 1.1."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from archspec.diagnostics.model import Diagnostics
from archspec.lint.words import warn
from archspec.reading.nodes import Mapping
from archspec.reading.reader import read


def read_both(text: str) -> tuple[object, object, Diagnostics] | None:
    """By YAML 1.2 here, by YAML 1.1 in PyYAML, and what is warned of; None for what is no value of both."""
    document = f"key: {text}\n"
    found = Diagnostics()
    root = read(document, "f", found)
    if not isinstance(root, Mapping) or len(found):
        return None
    warned = Diagnostics()
    warn(root, document, warned)
    try:
        return root.entries["key"].data(), yaml.safe_load(document)["key"], warned
    except (yaml.YAMLError, ValueError, OverflowError):
        return None


def told_apart(here: object, there: object) -> bool:
    """Is it a boolean or number for YAML 1.1, and something else here?"""
    return type(there) in (bool, int, float) and repr(there) != repr(here)


@settings(max_examples=600, deadline=None)
@given(st.one_of(
    st.from_regex(r"[-+]?[0-9_]{1,4}(:[0-9]{1,2}){0,2}(\.[0-9_]{0,2})?", fullmatch=True),
    st.from_regex(r"[-+]?0[bxo]?[0-9a-f_]{1,5}", fullmatch=True),
    st.sampled_from(["yes", "No", "ON", "oFF", "y", "n", "true", "True", "null", "~", "on1", "Yess", "1e3", ".5"]),
))  # fmt: skip
@example("0777")
@example("1_000.5_0")
@example("190:20:30.15")
@example("2:20:0.87")
@example("0x_f")
@example("-0b_1")
def test_what_is_warned_of_is_what_yaml_1_1_reads_otherwise(text: str) -> None:
    both = read_both(text)
    if both is None:
        return
    here, there, found = both
    zeros = isinstance(here, int) and text.lstrip("+-") not in (str(abs(here)), "0") and text.lstrip("+-")[0] == "0"
    if told_apart(here, there):
        assert [d.code for d in found] == ["AS406"], (here, there)
        (d,) = found
        if isinstance(there, bool):
            assert f"and {str(there).lower()} for" in d.message
        else:
            assert f"and {there} for" in d.message, (d.message, there)
    elif not zeros or text.lstrip("+-").startswith(("0x", "0o")):  # 09 is text for YAML 1.1: told too
        assert not len(found), ([d.message for d in found], here, there)


@pytest.mark.parametrize("text", ['"no"', "'on'", "[a, 'off']", "{a: 1}", "$(no)", "no more", "|\n  no\n"])
def test_what_is_quoted_or_longer(text: str) -> None:
    both = read_both(text)
    assert both is not None
    assert not len(both[2])


def test_repairs_keep_the_value() -> None:
    from archspec.diagnostics.edits import applied, together

    text = "a: no\nb: 0777\nc: [1_000, {on: 0b1}]\nd: -09\n"
    root, found = read(text, "f", Diagnostics()), Diagnostics()
    assert root is not None
    warn(root, text, found)
    changes, taken = together([d.fix for d in found if d.fix is not None], {"f": text})
    assert len(taken) == len(found) == 6
    after = applied(text, changes["f"])
    again = read(after, "f", Diagnostics())
    assert again is not None
    assert again.data() == root.data() == yaml.safe_load(after)
