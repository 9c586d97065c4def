"""Convolutions of a model whose products or sequences are shared by processes, against one process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from trained_together import run, same

# Images and sound go through convolutions whole, and what is written about them attends to both.
CAPTIONS = """\
archspec: 1
inputs: {tokens: "int64[B, T]", image: "float32[B, 3, 8, 8]", sound: "float32[B, 4, S]"}
symbols: {T: {max: 8}}
layers:
  - {name: pixels, to: float64, from: image}
  - {name: patches, conv2d: {out_channels: 16, kernel_size: 2, stride: 2}}
  - {name: patch_norm, batch_norm2d: {}}
  - relu
  - {name: near, conv2d: {out_channels: 16, kernel_size: 3, padding: 1, groups: 4, bias: false}}
  - max_pool2d: {kernel_size: 2}
  - {name: seen, rearrange: "b c h w -> b (h w) c"}
  - {name: waves, to: float64, from: sound}
  - {name: conv1, conv1d: {out_channels: 16, kernel_size: 3, stride: 2, padding: 1}}
  - gelu
  - {name: conv2, conv_transpose1d: {out_channels: 16, kernel_size: 2}}
  - {name: heard, rearrange: "b c s -> b s c"}
  - {name: memory, concat: {dim: 1}, from: [seen, heard]}
  - {name: embed, embedding: {num_embeddings: 12, embedding_dim: 16, dtype: float64}, from: tokens}
  - {name: self_q, linear: 16}
  - {name: self_attended, attention: {num_heads: 2, causal: true}, from: [self_q, embed, embed]}
  - {name: q, linear: 16}
  - {name: k, linear: 16, from: memory}
  - {name: v, linear: 16, from: memory}
  - {name: attended, attention: {num_heads: 2}, from: [q, k, v]}
  - {name: proj, linear: 16}
  - {name: up, linear: 32}
  - gelu
  - {name: down, linear: 16}
  - {name: head, linear: 12}
outputs: {logits: head}
train:
  data: {npz: {path: train.npz}}
  loss: {cross_entropy: {target: next}}
  optimizer: {sgd: {lr: 0.1, momentum: 0.9}}
  epochs: 2
  batch_size: 10
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes of the spec, and its data."""
    folder = tmp_path_factory.mktemp("alone")
    random = np.random.default_rng(0)
    np.savez(
        folder / "train.npz",
        tokens=random.integers(0, 12, (30, 8)),
        image=random.normal(size=(30, 3, 8, 8)).astype(np.float32),
        sound=random.normal(size=(30, 4, 8)).astype(np.float32),
        next=random.integers(0, 12, (30, 8)),
    )
    (folder / "spec.yaml").write_text(CAPTIONS)
    run(1, folder / "spec.yaml", folder, {"single": {}})
    return folder


def test_two_processes(tmp_path: Path, alone: Path) -> None:
    kinds = {"tensor": {"tensor": 2}, "context": {"context": 2}}
    run(2, alone / "spec.yaml", tmp_path, {name: {"runtime.parallel": kind} for name, kind in kinds.items()})
    for name in kinds:
        same(tmp_path / name, alone / "single", 1e-9)


@pytest.mark.slow
def test_four_processes(tmp_path: Path, alone: Path) -> None:
    kinds = {
        "tensor": {"data": "fsdp", "tensor": 2},
        "context": {"data": "fsdp", "context": 2},
        "copies": {"data": "ddp", "context": 2},
    }
    run(4, alone / "spec.yaml", tmp_path, {name: {"runtime.parallel": kind} for name, kind in kinds.items()})
    for name in kinds:
        same(tmp_path / name, alone / "single", 1e-9)


@pytest.mark.slow
def test_stages_and_tensors(tmp_path: Path, alone: Path) -> None:
    """A pipeline takes no batch norm that gathers statistics."""
    spec = tmp_path / "spec.yaml"
    without = CAPTIONS.replace("  - {name: patch_norm, batch_norm2d: {}}\n", "")
    spec.write_text(without.replace("train.npz", str(alone / "train.npz")))
    run(1, spec, tmp_path, {"single": {}})
    run(4, spec, tmp_path, {"stages": {"runtime.parallel": {"pipeline": 2, "tensor": 2}}})
    same(tmp_path / "stages", tmp_path / "single", 1e-9)
