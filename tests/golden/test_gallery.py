"""Specs are no longer than the implementations they are held against, and the page that says so is up to date."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import quick_noise  # noqa: F401

import golden
from benchmarks import gallery
from benchmarks.handwritten import HANDWRITTEN as ROOMS
from benchmarks.lines import Lines, imports, python, spec

DATA = Path(__file__).parent / "data"


def goldens() -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(DATA.glob("*.json"))}


GOLDENS = goldens()
CLASSES = {name: each for room in ROOMS for name, each in vars(importlib.import_module(room)).items()}
HANDWRITTEN = [name for name, data in GOLDENS.items() if data["source"]["package"] == "make_golden"]


@pytest.fixture(scope="module")
def rows() -> dict[str, gallery.Row]:
    return {row.path.stem: row for row in gallery.rows()}


def test_every_spec_is_measured_against_its_reference(rows: dict[str, gallery.Row]) -> None:
    """If one is missing, run `python -m benchmarks.reference_lines NAME` where the reference packages are installed."""
    without = {name for name, row in rows.items() if row.ratio is None and row.path.parent != Path()}
    assert without == set()
    assert set(GOLDENS) <= set(json.loads(gallery.REFERENCES.read_text(encoding="utf-8")))


def test_no_spec_is_longer_than_its_reference(rows: dict[str, gallery.Row]) -> None:
    longer = {name: row.ratio for name, row in rows.items() if row.ratio is not None and row.ratio > 1}
    assert longer == {}


def test_the_count_is_of_the_constructor_that_the_golden_was_measured_on() -> None:
    counted = json.loads(gallery.REFERENCES.read_text(encoding="utf-8"))
    for name, data in GOLDENS.items():
        assert counted[name]["call"] == data["source"]["call"]


def test_the_flops_shown_are_the_goldens(rows: dict[str, gallery.Row]) -> None:
    for name, row in rows.items():
        if name in GOLDENS:
            assert (row.flops, row.parameters) == (GOLDENS[name]["flops"], GOLDENS[name]["parameters"]["total"])


def test_the_page_is_up_to_date(rows: dict[str, gallery.Row]) -> None:
    assert gallery.PAGE.read_text(encoding="utf-8") == gallery.page(list(rows.values())), "write it with `make docs`"


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n.startswith("unet") else n for n in HANDWRITTEN]
)
def test_handwritten_references_are_the_goldens(name: str) -> None:
    data = GOLDENS[name]
    module = eval(data["source"]["call"], CLASSES)
    report = golden.compare(module, data, dtypes=("float64",))
    assert report.ok, "\n".join(report.errors)


def test_handwritten_references_are_counted_as_they_stand() -> None:
    """Of the other references the packages are needed."""
    counted = json.loads(gallery.REFERENCES.read_text(encoding="utf-8"))
    for name in HANDWRITTEN:
        ((file, names),) = counted[name]["counted"].items()
        text = (gallery.ROOT / file).read_text(encoding="utf-8")
        assert python(text, names) + imports(text, names) == Lines(counted[name]["code"], counted[name]["total"])


PYTHON = '''\
"""A module."""

import os
from torch import nn, Tensor

# a comment


@decorated
class A(nn.Module):
    """Two
    lines."""

    def f(self):  # code
        "doc"
        return """text,

        not documentation"""


def g(): return 1
'''


def test_lines_of_python() -> None:
    assert python(PYTHON) == Lines(8, 21)
    assert python(PYTHON, ["A"]) == Lines(5, 10)
    assert python(PYTHON, ["g"]) == Lines(1, 1)
    assert imports(PYTHON, ["A"]) == Lines(1, 1)
    assert imports(PYTHON, ["g"]) == Lines(0, 0)


SPEC = """\
# yaml-language-server: $schema=x
archspec: 1
doc: one
name: a
doc: >
  two

  lines
inputs: {x: "float32[B]"}  # a comment

layers:
  - doc: three
    relu: {}
"""


def test_lines_of_a_spec() -> None:
    assert spec(SPEC) == Lines(6, 13)
