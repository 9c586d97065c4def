"""A small language model that one process trains and several train together: they must agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from runtime_process import torchrun

from archspec.runtime.run_folder import read_metrics
from archspec.runtime.session import train

SPEC = """\
archspec: 1
inputs: {tokens: "int64[B, T]"}
symbols: {T: {max: 16}}
params: {dim: 32, drop: 0.0, dtype: float64, context: 16}
blocks:
  Attention:
    layers:
      - {name: q, linear: $dim, from: x}
      - {name: k, linear: $dim, from: x}
      - {name: v, linear: $dim, from: x}
      - {attention: {num_heads: 4, causal: true}, from: [q, k, v]}
      - {name: proj, linear: $dim}
      - {dropout: $drop}
  Layer:
    layers:
      - residual: [{name: ln_1, layer_norm: {}}, {name: attn, Attention: {}}]
      - residual:
          - {name: ln_2, layer_norm: {}}
          - {name: up, linear: $(2 * dim)}
          - gelu
          - {name: down, linear: $dim}
layers:
  - {name: wte, embedding: {num_embeddings: 256, embedding_dim: $dim, dtype: $dtype}}
  - {name: positions, arange: {like: tokens, dim: 1}}
  - {name: wpe, embedding: {num_embeddings: 16, embedding_dim: $dim, dtype: $dtype}}
  - {add: {}, from: [wte, wpe]}
  - {dropout: $drop}
  - {name: h, repeat: 2, Layer: {}}
  - {name: norm, rms_norm: {}}
  - {name: head, linear: {out_features: 256, bias: false}, tie: {weight: wte.weight}}
outputs: {logits: head}
train:
  data: {text: {path: text.txt, context: $context}}
  loss: cross_entropy
  metrics: [perplexity]
  optimizer: {adamw: {lr: 3e-3, eps: 1e-4}}
  clip_grad_norm: 1.0
  epochs: 1
  batch_size: 9
"""

ALONE: dict[str, dict[str, Any]] = {
    "float64": {},
    "float32": {"dtype": "float32"},
    "dropout": {"drop": 0.1},
    "uneven": {"context": 15},
}


def written(folder: Path, longest: int = 16) -> Path:
    """The spec and its data in a folder, for sequences of up to so many tokens."""
    samples = max(40, longest * 3 // 4)
    (folder / "text.txt").write_text("".join(f"{n} times {n} is {n * n}. " for n in range(samples)))
    (folder / "spec.yaml").write_text(SPEC.replace(" 16", f" {longest}"))
    return folder / "spec.yaml"


def run(
    count: int,
    spec: Path,
    folder: Path,
    choices: dict[str, dict[str, Any]],
    script: str = "together_process.py",
) -> None:
    """The same processes train with one choice of settings after another; each run is in a folder of its name.

    One process is this one.
    """
    if count == 1:
        for name, settings in choices.items():
            train(spec, params=settings, run=folder / name, quiet=True)
        return
    done = torchrun(count, str(Path(__file__).parent / script), str(spec), str(folder), json.dumps(choices), cwd=folder)
    assert done.returncode == 0 and done.stdout == "", (done.stdout, done.stderr[-3000:])


def compare(run: Path, single: Path, tolerance: float) -> None:
    ours, theirs = (safetensors.torch.load_file(path / "last.safetensors") for path in (run, single))
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=tolerance, atol=tolerance, msg=f"{run.name}: {name}")


def same(one: Path, single: Path, tolerance: float) -> None:
    """The same losses at the end of each epoch, and the same weights."""
    compare(one, single, tolerance)
    losses = [[line for line in read_metrics(path) if line["kind"] == "epoch"] for path in (one, single)]
    for ours, theirs in zip(*losses, strict=True):
        for key in ("train_loss", "loss"):
            assert ours[key] == pytest.approx(theirs[key], rel=max(tolerance, 1e-7)), (one.name, key)
