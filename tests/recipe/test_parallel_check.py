"""`runtime.parallel` held against the model before any process starts."""

from __future__ import annotations

import pytest

from archspec import pipeline

SPEC = """\
inputs: {image: "float32[B, 1, 8, 8]"}
layers:
  - flatten
  - {name: up, linear: 96}
  - relu
  - {name: down, linear: 10}
  - {name: aux, linear: 10, from: up}
outputs: {logits: down, extra: aux}
train:
  data: digits
  loss: {cross_entropy: {input: logits, target: label}}
  optimizer: sgd
  epochs: 1
  batch_size: 64
"""


@pytest.mark.parametrize(
    ("runtime", "words"),
    [
        ("{parallel: ddp}", "no loss reaches `aux.weight`, `aux.bias`"),
        ("{parallel: {pipeline: 2}}", "is not there yet"),
        ("{parallel: {context: 2}}", "is not there yet"),
        ("{parallel: {tensor: 5}}", "cannot be shared out evenly by 5"),
        ("{parallel: {data: data_parallel, tensor: 2}}", "is one process"),
        ("{parallel: {data: ddp, tensor: 2}}", "takes no parameters that tensor parallelism has split"),
    ],
)
def test_what_cannot_be_shared_out(runtime: str, words: str) -> None:
    report = pipeline.check(SPEC + f"runtime: {runtime}\n")
    errors = [d for d in report.diagnostics if d.is_error]
    assert errors and all(d.code == "AS507" and d.span.line == 15 for d in errors)
    assert any(words in d.message for d in errors)


@pytest.mark.parametrize(
    "runtime", ["{parallel: fsdp}", "{parallel: {tensor: 2}}", "{parallel: {data: fsdp, tensor: 4}}"]
)
def test_what_can(runtime: str) -> None:
    report = pipeline.check(SPEC + f"runtime: {runtime}\n")
    assert report.ok, report.diagnostics
    assert report.recipe is not None
    assert bool(report.recipe.split) is ("tensor" in runtime)


def test_a_frozen_head_needs_no_gradient() -> None:
    text = SPEC.replace("  epochs: 1\n", "  epochs: 1\n  freeze: [aux]\n") + "runtime: {parallel: ddp}\n"
    assert pipeline.check(text).ok
