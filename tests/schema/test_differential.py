"""The JSON Schema and the stages agree.

On the files: exactly. On specs made wrong at random: what the schema refuses, the stages refuse; and what the stages
refuse of the structure of a document, the schema refuses.
"""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schema_cases import HERE, by_schema, by_stages, plain

ACCEPTED = sorted((HERE / "accepted").glob("*.yaml"))
REJECTED = sorted((HERE / "rejected").glob("*.yaml"))
GRAPHS = sorted((HERE.parent / "graph" / "accepted").glob("*.yaml"))


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda path: path.stem)
def test_accepted(path: Path) -> None:
    assert by_stages(path.read_text()) == []
    assert by_schema(path.read_text()) == []


@pytest.mark.parametrize("path", REJECTED, ids=lambda path: path.stem)
def test_rejected(path: Path) -> None:
    assert by_stages(path.read_text()) != []
    assert by_schema(path.read_text()) != []


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_the_schema_accepts_good_specs(path: Path) -> None:
    """Those of `specs/` too, as `tests/golden/` shows for the file, where the schema of each section is in it."""
    assert by_schema(path.read_text()) == []


VALUES: list[Any] = [
    None,
    3,
    -1,
    0,
    2.5,
    True,
    False,
    "x",
    "a b",
    "relu",
    "linear",
    "$n",
    [],
    ["x"],
    [["relu"]],
    {},
    {"x": "x"},
]
KEYS = [
    "name",
    "from",
    "when",
    "repeat",
    "relu",
    "linear",
    "layers",
    "params",
    "bias",
    "x",
    "A",
    "tie",
    "use",
    "sequence",
]


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    out = [path] if path else []
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inside:
        out += places(value, (*path, key))
    return out


@st.composite
def made_wrong(draw: st.DrawFn) -> str:
    """A good spec with one to two changes to its structure."""
    path = draw(st.sampled_from([*ACCEPTED, *GRAPHS]))
    data = plain(path.read_text())
    for _ in range(draw(st.integers(1, 2))):
        *parents, last = draw(st.sampled_from(places(data) or [("layers",)]))
        holder = data
        for step in parents:
            holder = holder[step]
        how = draw(st.sampled_from(["replace", "delete", "add"]))
        if how == "replace" or not (isinstance(holder, dict)):
            holder[last] = deepcopy(draw(st.sampled_from(VALUES)))
        elif how == "delete":
            del holder[last]
        else:
            holder[draw(st.sampled_from(KEYS))] = deepcopy(draw(st.sampled_from(VALUES)))
        if not data:
            break
    return json.dumps(data, indent=1)  # which is YAML too


# These say that the document is not made as one is; other codes are of names, values and sizes.
OF_STRUCTURE = ("AS201", "AS203", "AS214", "AS216")


@settings(max_examples=120, deadline=None)
@given(made_wrong())
def test_what_the_schema_refuses_the_stages_refuse(text: str) -> None:
    said = by_schema(text)
    if said:
        assert by_stages(text) != [], said


@settings(max_examples=120, deadline=None)
@given(made_wrong())
def test_what_is_wrong_with_the_structure_the_schema_refuses(text: str) -> None:
    said = [line for line in by_stages(text) if line.startswith(OF_STRUCTURE) and not by_names_of_blocks(line)]
    if said:
        assert by_schema(text) != [], said


def by_names_of_blocks(line: str) -> bool:
    """What JSON Schema cannot say: which parameters a block has, which blocks there are, and that an item has one."""
    return "parameter" in line or ("AS214" in line and "`A`" in line) or line.endswith("no key `A`")
