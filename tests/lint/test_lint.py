"""Warnings: `warned/NAME.yaml` with what is printed of it in `warned/NAME.out`; `clean/` has what is not warned of.

`python tests/lint/test_lint.py NAME …` prints what a case gives; it is read and judged when the case is added.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from archspec import pipeline
from archspec.cli.repair import repaired
from archspec.diagnostics.select import Selection
from archspec.diagnostics.text import render
from archspec.shapes.state import states

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WARNED = sorted((HERE / "warned").glob("*.yaml"))
CLEAN = sorted((HERE / "clean").glob("*.yaml"))
SPECS = sorted(path for path in (ROOT / "specs").rglob("*.yaml") if "\narchspec:" in "\n" + path.read_text())
NAMES = Selection(extend=("AS410",))


def printed(path: Path) -> str:
    spec = pipeline.load(path)._replace(file=path.name)
    report = pipeline.check(spec)
    assert report.ok, [d.message for d in report.diagnostics]
    return "\n\n".join(render(d, report.sources) for d in report.diagnostics) + "\n"


@pytest.mark.parametrize("path", WARNED, ids=lambda p: p.stem)
def test_warned(path: Path) -> None:
    assert printed(path) == path.with_suffix(".out").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", CLEAN, ids=lambda p: p.stem)
def test_clean(path: Path) -> None:
    assert printed(path) == "\n"


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_the_specs_of_the_project_are_free_of_warnings(path: Path) -> None:
    """Where a published network has what is warned of, the spec says so in a comment."""
    assert not pipeline.check(path).diagnostics


def keys(report: pipeline.Report) -> list[str]:
    assert report.typed is not None
    return [name for name, _ in states(report.typed)]


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_names_that_are_written_down_are_those_there_were(path: Path) -> None:
    """`--strict-names --fix` changes no key of the weights, and leaves no name that it could write."""
    spec = pipeline.load(path)
    before = pipeline.check(spec, selection=NAMES)
    out = repaired(spec, lambda s: pipeline.check(s, selection=NAMES), lambda r: r.diagnostics, unsafe=False)
    assert keys(out.report) == keys(before)
    left = [d for d in out.report.diagnostics if d.fix is not None]
    assert not left
    assert all(d.code == "AS410" for d in out.report.diagnostics)


def test_names_are_asked_for() -> None:
    spec = 'inputs: {x: "float32[B, 4]"}\nlayers:\n  - {name: a, linear: 4}\n  - linear: 4\n  - batch_norm1d\n'
    assert not pipeline.check(
        spec.replace("linear: 4\n  - b", "linear: {out_features: 4, bias: false}\n  - b")
    ).diagnostics
    found = pipeline.check(spec, selection=Selection(select=("AS410",))).diagnostics
    assert [(d.code, d.span.line) for d in found] == [("AS410", 4), ("AS410", 5)]


def test_a_sequence_is_named_by_place() -> None:
    spec = 'inputs: {x: "float32[B, 4]"}\nlayers:\n  - {name: a, sequence: [linear: 4, relu, linear: 4]}\n'
    assert not pipeline.check(spec, selection=NAMES).diagnostics
    spec = 'inputs: {x: "float32[B, 4]"}\nlayers: [linear: 4, relu, linear: 4]\n'
    found = pipeline.check(spec, selection=NAMES).diagnostics
    assert [d.code for d in found] == ["AS410", "AS410"]
    assert not any(d.fix for d in found)  # a name for one would rename the others


def test_errors_come_first() -> None:
    spec = 'params: {unused: 1}\ninputs: {x: "float32[B, 4]"}\nlayers: [dropout: 0, %s]\n'
    assert [d.code for d in pipeline.check(spec % "relu").diagnostics] == ["AS401", "AS414"]
    assert [d.code for d in pipeline.check(spec % "reluu").diagnostics] == ["AS202"]


def test_a_block_is_told_of_once() -> None:
    spec = """\
inputs: {x: "float32[B, 1, 65, 65]"}
blocks:
  Down: {layers: [max_pool2d: 2]}
layers:
  - {name: a, Down: {}}
  - {name: b, Down: {}}
  - {name: c, repeat: 2, Down: {}}
"""
    found = pipeline.check(spec).diagnostics
    assert [(d.code, d.label) for d in found] == [("AS412", "reads float32[B, 1, 65, 65]")]


if __name__ == "__main__":
    for each in sys.argv[1:] or [str(p) for p in WARNED]:
        sys.stdout.write(printed(Path(each)))
