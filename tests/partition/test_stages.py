"""Stages of a pipeline against the best of all ways to cut, and against what is counted by hand."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archspec import pipeline
from archspec.partition.stages import Stage, Uncut, pipeline_stages

SPECS = Path(__file__).parents[2] / "specs"


def stages(source: str | Path, count: int, **sizes: int) -> tuple[Stage, ...] | Uncut:
    report = pipeline.check(source)
    assert report.ok and report.typed is not None, report.diagnostics
    return pipeline_stages(report.typed, count, sizes)


@given(st.lists(st.integers(1, 60), min_size=2, max_size=8), st.data())
def test_no_other_cut_has_a_cheaper_costliest_stage(widths: list[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(widths)))
    layers = "".join(f"  - {{linear: {width}}}\n" for width in widths)
    found = stages(f'inputs: {{x: "float32[B, 7]"}}\nlayers:\n{layers}', count)
    assert isinstance(found, tuple) and len(found) == count
    flops = [2 * a * b for a, b in zip([7, *widths], widths, strict=False)]
    best = min(
        max(sum(flops[a:b]) for a, b in zip((0, *cuts), (*cuts, len(flops)), strict=True))
        for cuts in combinations(range(1, len(flops)), count - 1)
    )
    assert max(stage.flops for stage in found) == best
    assert sum(stage.flops for stage in found) == sum(flops)
    assert sum(stage.parameters for stage in found) == sum(
        a * b + b for a, b in zip([7, *widths], widths, strict=False)
    )


def test_a_block_that_is_nearly_all_of_the_model_is_opened() -> None:
    found = stages(SPECS / "language" / "llama_3_8b.yaml", 4, T=4096)
    assert isinstance(found, tuple)
    assert all(stage.begins.startswith("model.layers.") for stage in found[1:])
    total = sum(stage.flops for stage in found)
    assert max(stage.flops for stage in found) < total / 4 + total / 32  # nothing smaller than a layer is cut


def test_turns_of_a_repeat_are_cut_apart() -> None:
    text = """\
inputs: {x: "float32[B, 8]"}
blocks:
  Layer: {layers: [{linear: 8}, relu, {linear: 8}]}
layers:
  - {name: h, repeat: 6, Layer: {}}
"""
    found = stages(text, 3)
    assert isinstance(found, tuple)
    assert [(stage.begins, stage.flops) for stage in found] == [("", 512), ("h.2", 512), ("h.4", 512)]


@pytest.mark.parametrize(("count", "words"), [(3, "comes apart into 2 pieces"), (2, "")])
def test_too_few_pieces(count: int, words: str) -> None:
    found = stages('inputs: {x: "float32[B, 8]"}\nlayers: [{linear: 8}, relu, {linear: 8}, relu]', count)
    assert words in found.why if isinstance(found, Uncut) else not words


def test_no_stage_begins_with_what_forward_does_not_call() -> None:
    layers = """
  - {name: a, linear: 7}
  - {name: kept, forward: false, linear: 7}
  - {name: b, linear: 7}
"""
    found = stages(f'inputs: {{x: "float32[B, 7]"}}\nlayers:{layers}', 2)
    assert isinstance(found, tuple)
    assert [(stage.begins, stage.flops, stage.parameters) for stage in found] == [("", 98, 112), ("b", 98, 56)]
