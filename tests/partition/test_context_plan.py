"""Which inputs come in parts of their sequences: those that attention reads, unless something needs them whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspec import pipeline
from archspec.partition.context import Context, context_plan

SPECS = Path(__file__).parents[2] / "specs"
ATTENDED = """\
inputs: {x: "float32[B, T, 8]", table: "float32[B, 4]", keep: "bool[B, T]"}
layers:
  - {name: a, linear: 8, from: x}
  - {name: b, attention: {num_heads: 2%s}, from: [a, a, a%s]}
  - %s
"""


def plan(source: str | Path) -> Context:
    report = pipeline.check(source)
    assert report.ok and report.typed is not None, report.diagnostics
    return context_plan(report.typed)


def test_language_models() -> None:
    assert plan(SPECS / "language" / "llama_3_8b.yaml") == Context((0,))
    found = plan(SPECS / "language" / "bert_base.yaml")
    assert 0 in found.inputs and not found.refused


def test_images_are_no_sequences() -> None:
    assert plan(SPECS / "digits_cnn.yaml").inputs == ()


@pytest.mark.parametrize(
    ("arguments", "mask", "after"),
    [
        ("", "", "{linear: 4}"),
        (", causal: true", "", "{mean: {dim: 1}}"),
        (", causal: true, window: 3", "", "{select: {dim: 1, index: 0}}"),
        (", dropout_p: 0.1", "", "{flatten: {}}"),
        ("", ", m", "{cumsum: {dim: 1}}"),
    ],
)
def test_what_goes_on_from_parts(arguments: str, mask: str, after: str) -> None:
    text = ATTENDED % (arguments, mask, after)
    if mask:
        text = text.replace("layers:\n", "layers:\n  - {name: m, rearrange: 'b t -> b 1 1 t', from: keep}\n")
    assert plan(text) == Context((0,))


@pytest.mark.parametrize(
    ("layers", "what", "line"),
    [
        (ATTENDED % ("", "", "{lstm: {hidden_size: 8}}"), "`lstm`", 5),
        (
            ATTENDED % ("", "", "{transpose: {dim0: 1, dim1: 2}}\n  - {conv1d: {out_channels: 8, kernel_size: 3}}"),
            "`conv1d`",
            6,
        ),
    ],
)
def test_what_needs_a_sequence_whole(layers: str, what: str, line: int) -> None:
    found = plan(layers)
    assert [(name, span.line) for name, span in found.refused] == [(what, line)]
