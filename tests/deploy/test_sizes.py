"""Sizes that a model is traced and verified with."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspec import pipeline
from archspec.deploy.errors import ExportError
from archspec.deploy.sizes import examples, symbols

SPECS = sorted((Path(__file__).parents[2] / "specs").rglob("*.yaml"))


@pytest.mark.parametrize("path", [p for p in SPECS if "llama_3" not in p.name], ids=lambda p: p.stem)
def test_they_meet_what_the_model_requires(path: Path) -> None:
    report = pipeline.check(path, weights=None)
    if not report.ok or not report.inputs:
        pytest.skip("a file of blocks")
    tried = examples(report, {})
    for sizes in tried:
        assert set(sizes) == set(symbols(report))
        assert all(size in report.constraints.values(name) for name, size in sizes.items())
        assert all(r.holds(sizes) for r in report.constraints.requirements if r.symbols <= sizes.keys())
        assert all(size > 1 for name, size in sizes.items() if report.constraints.values(name).single != 1)
    if len(tried) == 2:
        assert tried[0] != tried[1]


def spec(inputs: str, layers: str, more: str = "") -> str:
    return f"archspec: 1\nname: n\ninputs: {{{inputs}}}\nlayers: [{layers}]\n{more}\n"


def test_fixed_ones_stay() -> None:
    report = pipeline.check(spec('x: "float32[B, T, 4]"', "linear: 3"))
    assert [sizes["T"] for sizes in examples(report, {"T": 7})] == [7, 7]
    assert examples(report, {"T": 7, "B": 1}) == [{"B": 1, "T": 7}]


def test_where_all_are_numbers_there_is_one_choice() -> None:
    assert examples(pipeline.check(spec('x: "float32[2, 4]"', "linear: 3")), {}) == [{}]


def test_promises_bound_them() -> None:
    report = pipeline.check(
        spec('x: "float32[B, T, 4]"', "linear: 3", "symbols: {T: {max: 6, multiple_of: 3}, B: {max: 1}}")
    )
    assert {sizes["T"] for sizes in examples(report, {})} == {3, 6}
    assert {sizes["B"] for sizes in examples(report, {})} == {1}


def test_sizes_that_depend_on_one_another() -> None:
    report = pipeline.check(spec('x: "float32[B, T, 4]", y: "float32[B, S, 4]"', "{name: sum, add: {}, from: [x, y]}"))
    assert report.requirements
    first, second = examples(report, {})
    assert first["S"] == first["T"] and second["S"] == second["T"] and first["T"] != second["T"]


@pytest.mark.parametrize(("fixed", "words"), [({"Q": 3}, "no symbol `Q`"), ({"T": 5}, "cannot be 5")])
def test_refused(fixed: dict[str, int], words: str) -> None:
    report = pipeline.check(spec('x: "float32[B, T, 4]"', "linear: 3", "symbols: {T: {multiple_of: 2}}"))
    with pytest.raises(ExportError, match=words):
        examples(report, fixed)


def test_the_second_sizes_take_a_scan_of_chunks_through_other_steps() -> None:
    """What is unrolled for the first would pass for any size of as many chunks of 8."""
    report = pipeline.check(next(path for path in SPECS if path.stem == "minimax_tiny"))
    first, second = examples(report, {})
    assert -(-first["T"] // 8) != -(-second["T"] // 8)
