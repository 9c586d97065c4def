"""Products, sequences, dropout and the loss shared by the processes of the tensor axis, against one process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from runtime_process import archspec, torchrun

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


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes of the spec with each choice of ALONE."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "text.txt").write_text("".join(f"{n} times {n} is {n * n}. " for n in range(40)))
    (folder / "spec.yaml").write_text(SPEC)
    run(1, folder / "spec.yaml", folder, ALONE)
    return folder


def run(count: int, spec: Path, folder: Path, choices: dict[str, dict[str, Any]]) -> None:
    script = Path(__file__).parent / "together_process.py"
    done = torchrun(count, str(script), str(spec), str(folder), json.dumps(choices), cwd=folder)
    assert done.returncode == 0 and done.stdout == "", (done.stdout, done.stderr[-3000:])


def compare(run: Path, single: Path, tolerance: float) -> None:
    ours, theirs = (safetensors.torch.load_file(path / "last.safetensors") for path in (run, single))
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=tolerance, atol=tolerance, msg=f"{run.name}: {name}")


def test_classes_in_parts(tmp_path: Path) -> None:
    done = torchrun(2, str(Path(__file__).parent / "logits_process.py"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]


def test_two_processes_share_products(tmp_path: Path, alone: Path) -> None:
    """With sequences in parts and whole; of 15 places, which two cannot share evenly. Dropout of whole tensors draws
    what one process draws."""
    choices = {
        "float64": {},
        "whole": {"runtime.parallel": {"tensor": 2, "sequence": False}},
        "again": {"runtime.checkpoint_activations": "full"},
        "dropout": {"drop": 0.1, "runtime.parallel": {"tensor": 2, "sequence": False}},
        "uneven": {"context": 15},
    }
    run(2, alone / "spec.yaml", tmp_path, {k: {"runtime.parallel": {"tensor": 2}, **v} for k, v in choices.items()})
    for name in choices:
        compare(tmp_path / name, alone / (name if name in ALONE else "float64"), 1e-9)


@pytest.mark.slow
def test_four_processes_share_products(tmp_path: Path, alone: Path) -> None:
    parallel = {"tensor": 4}, {"data": "fsdp", "tensor": 2}, {"pipeline": 2, "tensor": 2}
    choices: dict[str, dict[str, Any]] = {}
    for number, each in enumerate(parallel):
        choices[f"float64-{number}"] = {"runtime.parallel": each}
        choices[f"float32-{number}"] = {"dtype": "float32", "runtime.parallel": each}
    run(4, alone / "spec.yaml", tmp_path, choices)
    for name in choices:
        dtype = name[:7]
        compare(tmp_path / name, alone / dtype, 1e-9 if dtype == "float64" else 1e-5)


def test_what_is_in_parts_is_compiled_by_nobody(tmp_path: Path, alone: Path) -> None:
    settings = ("--set", "runtime.parallel={tensor: 2}", "--set", "runtime.compile=true")
    done = archspec("check", alone / "spec.yaml", *settings, cwd=tmp_path)
    assert done.returncode == 1 and "AS507" in done.stdout + done.stderr
