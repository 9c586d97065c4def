"""`runtime.parallel` held against the model before any process starts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
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
        ("{parallel: {pipeline: 4}}", "comes apart into 3 pieces, too few for 4 stages"),
        ("{parallel: {pipeline: 3, microbatches: 2}}", "2 micro-batches for 3 stages"),
        ("{micro_batch_size: 8, parallel: {pipeline: 2, microbatches: 2}}", "say the same in two ways"),
        ("{precision: fp16, parallel: {pipeline: 2}}", "`fp16` gradients"),
        ("{parallel: {context: 2}}", "finds no sequence to share"),
        ("{parallel: {tensor: 5}}", "cannot be shared out evenly by 5"),
        ("{parallel: {data: data_parallel, tensor: 2}}", "is one process"),
        ("{parallel: {data: ddp, offload: true}}", "`offload` is for `data: fsdp`"),
        ("{parallel: {schedule: GPipe}}", "`schedule` is of `pipeline`, which is not asked for"),
        ("{parallel: {data: ddp, sequence: false}}", "`sequence` is of `tensor`, which is not asked for"),
        ("{compile: true, parallel: {tensor: 2}}", "does not compile products that processes share"),
        ("{memory_format: channels_last, parallel: {tensor: 2}}", "keeps no channels last"),
        ("{parallel: {pipeline: 2, stages: 2}}", "`1F1B` is not for 2 stages a process"),
        ("{parallel: {data: ddp, replicate: 2}}", "`replicate` is for `data: fsdp`"),
        ("{parallel: {data: fsdp, find_unused_parameters: true}}", "`find_unused_parameters` is for `data: ddp`"),
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


def test_the_stages_of_a_pipeline() -> None:
    report = pipeline.check(SPEC + "runtime: {parallel: {pipeline: 2}}\n")
    assert report.ok, report.diagnostics
    assert report.recipe is not None
    # 64 to 96, and twice 96 to 10: a multiply and an add each
    assert report.recipe.stages == (("", 2 * 64 * 96, 64 * 96 + 96), ("down", 2 * 2 * 96 * 10, 2 * (96 * 10 + 10)))


def test_what_a_pipeline_does_not_take() -> None:
    text = SPEC.replace("  - relu\n", "  - {name: norm, batch_norm1d: {}}\n") + "runtime: {parallel: {pipeline: 2}}\n"
    (error,) = pipeline.check(text).diagnostics
    assert error.code == "AS507" and error.span.line == 15 and "a batch norm needs the whole batch" in error.message
    assert error.secondary[0].span.line == 5
    frozen = text.replace("  epochs: 1\n", "  epochs: 1\n  freeze: [norm]\n")
    assert pipeline.check(frozen).ok
    fixed = SPEC.replace("float32[B,", "float32[64,") + "runtime: {parallel: {pipeline: 2}}\n"
    (error,) = pipeline.check(fixed).diagnostics
    assert error.code == "AS507" and "the model's batch is 64" in error.message


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_parts_of_a_batch_that_the_model_fixes(kind: str) -> None:
    text = SPEC.replace("float32[B,", "float32[64,").replace("  - {name: aux, linear: 10, from: up}\n", "")
    text = text.replace(", extra: aux", "")
    assert pipeline.check(text).ok
    (error,) = pipeline.check(text + f"runtime: {{parallel: {kind}}}\n").diagnostics
    assert error.code == "AS507" and error.span.line == 14 and "the model's batch is 64" in error.message


def test_a_parameter_that_fully_shard_does_not_take() -> None:
    scale = "  - {name: scale, parameter: {shape: [], init: ones}}\n  - {mul: {}, from: [image, scale]}\n  - flatten\n"
    text = SPEC.replace("  - flatten\n", scale)
    (error,) = pipeline.check(text + "runtime: {parallel: fsdp}\n").diagnostics
    assert error.code == "AS507" and error.span.line == 17 and "`scale`" in error.message
    assert pipeline.check(text.replace("[], init", "[1], init") + "runtime: {parallel: fsdp}\n").ok


@pytest.mark.parametrize(
    "layer", ["hardswish", "{prelu: {}}", "{unsqueeze: 1}\n  - {gru: {hidden_size: 96}}\n  - {squeeze: 1}"]
)
def test_what_pytorch_does_not_share_out(layer: str) -> None:
    text = SPEC.replace("  - relu\n", f"  - {layer}\n")
    for parallel in ("fsdp", "{pipeline: 2}"):
        assert pipeline.check(text + f"runtime: {{parallel: {parallel}}}\n").ok
    report = pipeline.check(text + "runtime: {parallel: {tensor: 2}}\n")
    (error,) = (d for d in report.diagnostics if "does not share out" in d.message)
    assert error.code == "AS507" and error.span.line == len(text.splitlines()) + 1
    assert error.secondary[0].span.line in (5, 6)


@pytest.mark.parametrize("optimizer", ["adafactor", "rprop"])
@pytest.mark.parametrize("parallel", ["fsdp", "{tensor: 2}"])
def test_optimizers_that_pytorch_does_not_have_for_shards(optimizer: str, parallel: str) -> None:
    text = SPEC.replace("optimizer: sgd", f"optimizer: {optimizer}")
    (error,) = pipeline.check(text + f"runtime: {{parallel: {parallel}}}\n").diagnostics
    assert error.code == "AS205" and error.span.line == 12 and f"`{optimizer}`" in error.message
    assert pipeline.check(text + "runtime: {parallel: {pipeline: 2}}\n").ok


MIXTURE = """\
inputs: {x: "float32[B, 6, 8]"}
blocks:
  Expert: {layers: [{linear: 16}, relu, {linear: 8}]}
layers:
  - {name: gate, linear: 4}
  - {topk: {k: 2}, outputs: [weights, chosen]}
  - {name: experts, from: x, repeat: 4, route: {chosen: chosen, weights: weights}, Expert: {}}
train:
  data: {npz: {path: train.npz}}
  loss: {mse: {target: y}}
  optimizer: sgd
  epochs: 1
  batch_size: 8
"""


def test_routed_rows(tmp_path: Path) -> None:
    np.savez(tmp_path / "train.npz", x=np.zeros((9, 6, 8), np.float32), y=np.zeros((9, 6, 8), np.float32))
    spec = tmp_path / "spec.yaml"
    spec.write_text(MIXTURE)
    assert pipeline.check(spec, {"runtime.parallel": "ddp"}).ok  # the gate learns through the weights of the rows
    (error,) = pipeline.check(spec, {"runtime.parallel": {"tensor": 2}}).diagnostics
    assert error.code == "AS507" and "`route`" in error.message and error.secondary[0].span.line == 7


def test_unused_parameters_may_be_looked_for() -> None:
    text = SPEC + "runtime: {parallel: {data: ddp, find_unused_parameters: true}}\n"
    report = pipeline.check(text)
    assert report.ok and report.recipe is not None and report.recipe.idle == {"aux.weight", "aux.bias"}


def test_a_frozen_head_needs_no_gradient() -> None:
    text = SPEC.replace("  epochs: 1\n", "  epochs: 1\n  freeze: [aux]\n") + "runtime: {parallel: ddp}\n"
    assert pipeline.check(text).ok
