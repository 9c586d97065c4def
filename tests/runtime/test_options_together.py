"""What a recipe and `runtime` say further, under each kind of parallel, against one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trained_together import run, same, written

KINDS: dict[str, dict[str, Any]] = {
    "ddp": {"data": "ddp"},
    "fsdp": {"data": "fsdp"},
    "tensor": {"tensor": 2},
    "context": {"context": 2},
    "pipeline": {"pipeline": 2},
}
AVERAGED = {"train.average": {"ema": {"decay": 0.9}}}

# Class weights, ignored targets and smoothed labels in batches of 7, of which the last has 2; an image on the way.
WEIGHTED = """\
archspec: 1
inputs: {tokens: "int64[B, T]", image: "float32[B, 3, 8, 8]"}
symbols: {T: {max: 8}}
layers:
  - {name: pixels, to: float64, from: image}
  - {name: patches, conv2d: {out_channels: 16, kernel_size: 4, stride: 4}}
  - {name: seen, rearrange: "b c h w -> b (h w) c"}
  - {name: embed, embedding: {num_embeddings: 12, embedding_dim: 16, dtype: float64}, from: tokens}
  - {name: q, linear: 16}
  - {name: own, attention: {num_heads: 2, causal: true}, from: [q, embed, embed]}
  - {name: k, linear: 16, from: seen}
  - {name: attended, attention: {num_heads: 2}, from: [own, k, k]}
  - {name: up, linear: 32}
  - gelu
  - {name: down, linear: 16}
  - {name: head, linear: 12}
outputs: {logits: head}
train:
  data: {npz: {path: train.npz}}
  loss: {cross_entropy: {target: next, label_smoothing: 0.1, weight: [1, 2, 3, 1, 1, 0.5, 1, 2, 1, 1, 4, 1]}}
  optimizer: {sgd: {lr: 0.1, momentum: 0.9}}
  clip_grad_norm: 0.5
  average: {ema: {decay: 0.9}}
  epochs: 2
  batch_size: 7
"""


@pytest.mark.slow
def test_losses_of_uneven_batches(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    following = np.where(random.random((30, 8)) < 0.4, -100, random.integers(0, 12, (30, 8)))
    image = random.normal(size=(30, 3, 8, 8)).astype(np.float32)
    np.savez(tmp_path / "train.npz", tokens=random.integers(0, 12, (30, 8)), image=image, next=following)
    spec = tmp_path / "spec.yaml"
    spec.write_text(WEIGHTED)
    run(1, spec, tmp_path, {"alone": {}})
    choices: dict[str, dict[str, Any]] = {}
    for name, kind in KINDS.items():
        memory = "contiguous" if name in ("tensor", "context") else "channels_last"
        choices[name] = {"runtime.parallel": kind, "runtime.memory_format": memory}
        choices[f"{name}-parts"] = {"runtime.parallel": kind, "runtime.micro_batch_size": 3}
    run(2, spec, tmp_path, choices)
    for name in choices:
        same(tmp_path / name, tmp_path / "alone", 1e-9)


@pytest.mark.slow
def test_options_under_each_kind(tmp_path: Path) -> None:
    spec = _short(tmp_path)
    run(1, spec, tmp_path, {"alone": {}, "averaged": AVERAGED})
    choices: dict[str, dict[str, Any]] = {}
    for name, kind in KINDS.items():
        parallel = {"runtime.parallel": kind}
        choices[name] = {**parallel, "runtime.checkpoint_activations": "selective", "runtime.fused": True}
        choices[f"{name}-averaged"] = {**parallel, **AVERAGED, "runtime.micro_batch_size": 2}
    for name in ("ddp", "fsdp", "pipeline"):
        choices[f"{name}-compiled"] = {"runtime.parallel": KINDS[name], "runtime.compile": {"backend": "aot_eager"}}
    run(2, spec, tmp_path, choices)
    for name in choices:
        same(tmp_path / name, tmp_path / ("averaged" if name.endswith("averaged") else "alone"), 1e-9)


@pytest.mark.slow
def test_options_on_meshes(tmp_path: Path) -> None:
    spec = _short(tmp_path)
    run(1, spec, tmp_path, {"alone": {}, "averaged": AVERAGED})
    choices: dict[str, dict[str, Any]] = {}
    for axis in ("tensor", "context", "pipeline"):
        choices[f"offload-{axis}"] = {"runtime.parallel": {"data": "fsdp", "offload": True, axis: 2}}
    for axis in ("tensor", "context"):
        interleaved = {"pipeline": 2, "schedule": "Interleaved1F1B", axis: 2}
        choices[f"interleaved-{axis}"] = {"runtime.parallel": interleaved}
    both = {"runtime.parallel": {"context": 2, "tensor": 2}}
    choices["averaged"] = {**both, **AVERAGED, "runtime.checkpoint_activations": "selective"}
    run(4, spec, tmp_path / "four", choices)
    for name in choices:
        same(tmp_path / "four" / name, tmp_path / ("averaged" if name == "averaged" else "alone"), 1e-9)


def _short(folder: Path) -> Path:
    spec = written(folder)
    (folder / "text.txt").write_text("".join(f"{n} times {n} is {n * n}. " for n in range(16)))
    (folder / "four").mkdir()
    return spec
