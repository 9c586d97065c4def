"""The resolved spec: reads as the data with the values set, and keeps the text where it can."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from archspec import pipeline
from archspec.diagnostics.model import Diagnostics
from archspec.reading.nodes import Mapping
from archspec.reading.reader import read
from archspec.runtime.resolved import EditError, whole_text, with_values

SPEC = """\
# a comment
archspec: 1
params: {classes: 10, depths: [1, 2]}   # another
train:
  data: digits
  epochs: 3  # a third
  optimizer: {adamw: {lr: 1e-3}}

layers:
  - relu
"""


def data(text: str) -> Any:
    found = Diagnostics()
    node = read(text, "spec", found)
    assert node is not None and not found.has_errors, [d.message for d in found]
    return node.data()


def test_values_are_replaced_in_place() -> None:
    out = with_values(SPEC, {("params", "classes"): 7, ("params", "depths"): [3, "no"], ("train", "epochs"): 20})
    expected = (
        SPEC.replace("classes: 10", "classes: 7").replace("[1, 2]", '[3, "no"]').replace("epochs: 3", "epochs: 20")
    )
    assert out == expected


def test_new_keys_are_added_and_the_rest_stays() -> None:
    values = {("train", "seed"): 1, ("runtime", "precision"): "bf16", ("params", "text"): "1e-3"}
    out = with_values(SPEC, values)
    for line in SPEC.splitlines():
        assert line.split("#")[0].rstrip().rstrip("}") in out
    read_back = data(out)
    assert read_back["train"]["seed"] == 1
    assert read_back["runtime"] == {"precision": "bf16"}
    assert read_back["params"] == {"classes": 10, "depths": [1, 2], "text": "1e-3"}
    assert "# a third" in out


def test_a_short_form_is_opened() -> None:
    assert data(with_values(SPEC, {("train", "data", "digits", "holdout"): 0.5}))["train"]["data"] == {
        "digits": {"holdout": 0.5}
    }


def test_a_path_through_a_list_is_refused() -> None:
    with pytest.raises(EditError, match="`layers` is no mapping"):
        with_values(SPEC, {("layers", "relu"): 1})


@pytest.mark.parametrize("text", ["- a", "", "a: [", "a: 1\na: 2"])
def test_what_is_no_spec_is_refused(text: str) -> None:
    with pytest.raises(EditError):
        with_values(text, {("a",): 1})


@pytest.mark.parametrize(
    "text",
    [
        "a: &x {b: 1}\nc: *x\n",
        "a:\n  b: >\n    folded\n    text\n",
        "a:\n  b:\n    - 1\n    - 2\n",
        "a: {b: 1, }\n",
        "a:\n  b:\n",
    ],
)
@pytest.mark.parametrize("value", [5, "x: y", {"k": [1, {"z": None}]}])
def test_odd_layouts(text: str, value: Any) -> None:
    expected = copy.deepcopy(data(text))
    expected["a"]["b"] = value
    assert data(with_values(text, {("a", "b"): value})) == expected


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=("C", "Z"), max_codepoint=0x2FFF), max_size=8)
    | st.sampled_from(["no", "1e-3", "null", "~", "a: b", "- c", "# d", "", "0x10", "$x", "yes", "a b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["p", "q", "true", "x y"]), plain, max_size=4), plain)
def test_the_result_reads_as_the_data_with_the_value(given_params: dict[str, Any], value: Any) -> None:
    text = "archspec: 1\n" + yaml.safe_dump({"params": {k: [v] for k, v in given_params.items()}}, sort_keys=False)
    expected = data(text)
    expected["params"]["p"] = value
    got = data(with_values(text, {("params", "p"): value}))
    assert repr(got) == repr(expected)


def test_infinity_survives() -> None:
    assert data(with_values("a: 1", {("a",): -math.inf})) == {"a": -math.inf}


def test_types_of_parameters_stay_types() -> None:
    """`int` is a type and "int" a text, also where the data are written out anew."""
    text = 'params: {a: int, b: "int", c: [float, "float"]}\nlayers: [relu, {linear: "$(1)"}]\n'
    node = read(text, "spec", Diagnostics())
    assert isinstance(node, Mapping)
    for again in (whole_text(node), with_values(text, {("params", "d", "e"): "int"})):
        params = read(again, "spec", Diagnostics()).entries["params"].entries  # type: ignore[union-attr]
        assert (params["a"].value, params["a"].plain) == ("int", True)
        assert (params["b"].value, params["b"].plain) == ("int", False)
        assert [item.plain for item in params["c"].items] == [True, False]
        assert {key: value for key, value in data(again)["params"].items() if key != "d"} == data(text)["params"]


@pytest.mark.parametrize(
    "folder", sorted((Path(__file__).parents[1] / "graph/files/accepted").iterdir()), ids=lambda p: p.name
)
def test_a_spec_of_several_files_becomes_one(folder: Path, tmp_path: Path) -> None:
    report = pipeline.check(folder / "spec.yaml")
    assert report.assembled is not None
    (tmp_path / "spec.yaml").write_text(whole_text(report.assembled), encoding="utf-8")
    alone = pipeline.check(tmp_path / "spec.yaml")
    assert alone.ok
    assert pipeline.emitted(alone).text == pipeline.emitted(report).text
