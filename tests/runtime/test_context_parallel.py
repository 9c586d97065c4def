"""Sequences in parts, a process each, against one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trained_together import ALONE, compare, run, same, written

from archspec import pipeline

# Padding, a window, gradients into a mask of the model's own, and what pools over the places.
ENCODER = """\
archspec: 1
inputs: {x: "float32[B, T, 6]", keep: "bool[B, T]"}
layers:
  - {name: wide, to: float64, from: x}
  - {name: stem, linear: 16}
  - {name: mask, rearrange: "b t -> b 1 1 t", from: keep}
  - {name: q, linear: 16, from: stem}
  - {name: attended, attention: {num_heads: 2}, from: [q, stem, stem, mask]}
  - {name: first, add: {}, from: [stem, attended]}
  - layer_norm
  - {name: k, linear: 16}
  - {name: near, attention: {num_heads: 4, window: 3}, from: [k, k, k]}
  - {name: pooled, mean: {dim: 1}, from: near}
  - {name: begins, select: {dim: 1, index: 0}, from: near}
  - {name: both, add: {}, from: [pooled, begins]}
  - {name: head, linear: 3}
outputs: {y: head}
train:
  data: {npz: {path: train.npz}}
  loss: {cross_entropy: {input: y, target: label}}
  metrics: [accuracy]
  optimizer: {adamw: {lr: 3e-3, eps: 1e-4}}
  epochs: 2
  batch_size: 10
"""

TOLERANCES = {"float64": 1e-9, "float32": 1e-5}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes of the language model of trained_together."""
    folder = tmp_path_factory.mktemp("alone")
    run(1, written(folder), folder, {"float64": ALONE["float64"]})
    return folder


@pytest.fixture(scope="module")
def single(alone: Path) -> Path:
    """The same, and in float32."""
    run(1, alone / "spec.yaml", alone, {"float32": ALONE["float32"]})
    return alone


def test_two_processes_share_sequences(tmp_path: Path, alone: Path) -> None:
    run(2, alone / "spec.yaml", tmp_path, {"float64": {"runtime.parallel": {"context": 2}}})
    same(tmp_path / "float64", alone / "float64", 1e-9)


@pytest.mark.slow
def test_in_float32_and_with_micro_batches(tmp_path: Path, single: Path) -> None:
    parallel = {"runtime.parallel": {"context": 2}}
    choices: dict[str, dict[str, Any]] = {
        "float32": {**parallel, "dtype": "float32"},
        "parts": {**parallel, "runtime.micro_batch_size": 4, "runtime.checkpoint_activations": "full"},
    }
    run(2, single / "spec.yaml", tmp_path, choices)
    same(tmp_path / "float32", single / "float32", 1e-5)
    compare(tmp_path / "parts", single / "float64", 1e-9)


@pytest.mark.slow
def test_four_processes_share_sequences(tmp_path: Path, single: Path) -> None:
    kinds = {"context": 4}, {"data": "fsdp", "context": 2}, {"data": "ddp", "context": 2}
    choices = {f"{n}-{dtype}": {"runtime.parallel": kinds[n], "dtype": dtype} for n in range(3) for dtype in TOLERANCES}
    run(4, single / "spec.yaml", tmp_path, choices)
    for name in choices:
        dtype = name[2:]
        same(tmp_path / name, single / dtype, TOLERANCES[dtype])


@pytest.mark.slow
def test_masks_windows_and_pooling(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    keep = np.arange(8) < random.integers(1, 9, (40, 1))
    np.savez(
        tmp_path / "train.npz",
        x=random.normal(size=(40, 8, 6)).astype(np.float32),
        keep=keep,
        label=random.integers(0, 3, 40),
    )
    (tmp_path / "spec.yaml").write_text(ENCODER)
    run(1, tmp_path / "spec.yaml", tmp_path, {"single": {}})
    run(2, tmp_path / "spec.yaml", tmp_path, {"shared": {"runtime.parallel": {"context": 2}}})
    same(tmp_path / "shared", tmp_path / "single", 1e-9)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("context: 16", "context: 15", "the 15 places of `tokens` cannot be shared out evenly by 2 processes"),
        ("  - {name: norm, rms_norm: {}}", "  - {name: norm, gru: {hidden_size: 32}}", "`gru` needs a sequence whole"),
        ("context: 2}", "context: 3, tensor: 2}", "the 16 places of `tokens` cannot be shared out evenly by 3"),
        ("context: 2}", "context: 3, pipeline: 2}", "the 16 places of `tokens` cannot be shared out evenly by 3"),
        ("context: 2}}", "context: 2}, compile: true}", "does not compile"),
    ],
)
def test_what_is_refused_at_its_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    written(tmp_path)
    text = (tmp_path / "spec.yaml").read_text() + "runtime: {parallel: {context: 2}}\n"
    assert old in text
    (tmp_path / "spec.yaml").write_text(text.replace(old, new))
    errors = [d for d in pipeline.check(tmp_path / "spec.yaml").diagnostics if d.is_error]
    assert [d.code for d in errors] == ["AS507"] and words in errors[0].message
    assert errors[0].span.line == len(text.splitlines())
