"""Several real processes against one: the same losses and weights on the same global batches."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
import safetensors.torch
import torch
from runtime_process import archspec, here, torchrun

from archspec.runtime.run_folder import read_metrics

M = ("-m", "archspec")
SPEC = """\
archspec: 1
inputs: {{image: "float32[B, 1, 8, 8]"}}
blocks:
  Layer:
    layers:
      - residual: [{{layer_norm: {{}}}}, {{linear: 48}}, gelu, {{linear: 32}}]
layers:
  - flatten
  - {{to: {dtype}}}
  - {{name: stem, linear: 32}}
  - {{name: layers, repeat: 3, Layer: {{}}}}
  - {{name: head, linear: 10}}
outputs: {{logits: head}}
train:
  data: digits
  loss: {{cross_entropy: {{weight: [1, 2, 1, 1, 0.5, 1, 1, 3, 1, 1]}}}}
  metrics: [accuracy]
  optimizer: {{adamw: {{lr: 3e-3}}}}
  schedule: {{cosine: {{warmup: 0.1}}}}
  clip_grad_norm: 1.0
  epochs: 2
  batch_size: 61
"""


@cache
def single(folder: Path, dtype: str, *options: str) -> Path:
    """The run by one process of a spec of the folder."""
    run = folder / "-".join([dtype, *options])
    done = here("train", f"{dtype}.yaml", "--run", run, "--quiet", *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    return run


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    for dtype in ("float32", "float64"):
        (folder / f"{dtype}.yaml").write_text(SPEC.format(dtype=dtype))
    return folder


def compare(run: Path, single: Path, tolerance: float) -> None:
    epochs = [[line for line in read_metrics(path) if line["kind"] == "epoch"] for path in (run, single)]
    for one, other in zip(*epochs, strict=True):
        for key in {"train_loss", "loss", "accuracy", "perplexity"} & other.keys():
            assert one[key] == pytest.approx(other[key], rel=max(tolerance, 1e-7)), key
    ours, theirs = (safetensors.torch.load_file(path / "last.safetensors") for path in (run, single))
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=tolerance, atol=tolerance, msg=name)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float64", 1e-9), pytest.param("float32", 1e-5, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    ("kind", "count"),
    [("ddp", 2), ("fsdp", 2), *(pytest.param(kind, 4, marks=pytest.mark.slow) for kind in ("ddp", "fsdp"))],
)
def test_the_same_as_one_process(
    tmp_path: Path, alone: Path, kind: str, count: int, dtype: str, tolerance: float
) -> None:
    args = ("train", str(alone / f"{dtype}.yaml"), "--set", f"runtime.parallel={kind}")
    done = torchrun(count, *M, *args, "--set", "runtime.micro_batch_size=9", "-o", "r", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("epoch 2/2") == 1 and done.stdout.count("best accuracy") == 1
    assert json.loads((tmp_path / "r" / "run.json").read_text())["processes"] == count
    compare(tmp_path / "r", single(alone, dtype), tolerance)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("ddp", ("checkpoint_activations=full", "compile={backend: aot_eager, blocks: Layer}")),
        ("fsdp", ("checkpoint_activations=selective", "fused=true")),
        ("{data: fsdp, offload: true}", ("checkpoint_activations=full",)),
    ],
)
def test_what_saves_memory_changes_nothing(tmp_path: Path, alone: Path, kind: str, more: tuple[str, ...]) -> None:
    settings = [part for each in more for part in ("--set", f"runtime.{each}")]
    args = ("train", str(alone / "float64.yaml"), "--set", f"runtime.parallel={kind}", *settings)
    done = torchrun(2, *M, *args, "-o", "r", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    compare(tmp_path / "r", single(alone, "float64"), 1e-9)


TOKENS = """\
archspec: 1
inputs: {{tokens: "int64[B, T]"}}
symbols: {{T: {{max: 16}}}}
params: {{dim: 32, heads: 4}}
blocks:
  Attention:
    layers:
      - {{name: q, linear: $dim, from: x}}
      - {{name: k, linear: $(dim // 2), from: x}}
      - {{name: v, linear: $(dim // 2), from: x}}
      - {{attention: {{num_heads: $heads, num_kv_heads: 2, causal: true}}, from: [q, k, v]}}
      - {{name: proj, linear: $dim}}
  Layer:
    layers:
      - residual: [{{name: ln_1, layer_norm: {{}}}}, {{name: attn, Attention: {{}}}}]
      - residual:
          - {{name: ln_2, layer_norm: {{}}}}
          - {{name: gate, linear: $(2 * dim)}}
          - {{name: up, linear: $(2 * dim), from: ln_2}}
          - {{silu: {{}}, from: gate, name: opened}}
          - {{mul: {{}}, from: [opened, up]}}
          - {{name: down, linear: {{out_features: $dim, bias: false}}}}
layers:
  - {{name: wte, embedding: {{num_embeddings: 256, embedding_dim: $dim, dtype: {dtype}}}}}
  - {{name: positions, arange: {{like: tokens, dim: 1}}}}
  - {{name: wpe, embedding: {{num_embeddings: 16, embedding_dim: $dim, dtype: {dtype}}}}}
  - {{add: {{}}, from: [wte, wpe]}}
  - {{name: h, repeat: 2, Layer: {{}}}}
  - {{name: norm, rms_norm: {{}}}}
  - {{name: head, linear: {{out_features: 256, bias: false}}, tie: {{weight: wte.weight}}}}
outputs: {{logits: head}}
train:
  data: {{text: {{path: text.txt, context: 16}}}}
  loss: cross_entropy
  metrics: [perplexity]
  optimizer: {{adamw: {{lr: 3e-3, eps: 1e-4}}}} # a bias of keys has no gradient: of its rounding no step is to be made
  clip_grad_norm: 1.0
  epochs: 1
  batch_size: 9
"""


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model and its text."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "text.txt").write_text("".join(f"{n} times {n} is {n * n}. " for n in range(150)))
    for dtype in ("float32", "float64"):
        (folder / f"{dtype}.yaml").write_text(TOKENS.format(dtype=dtype))
    return folder


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float64", 1e-9), pytest.param("float32", 1e-5, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    ("parallel", "count"),
    [
        ("{tensor: 2}", 2),
        pytest.param("{tensor: 4}", 4, marks=pytest.mark.slow),
        pytest.param("{data: fsdp, tensor: 2}", 4, marks=pytest.mark.slow),
        pytest.param("{data: ddp, tensor: 2}", 4, marks=pytest.mark.slow),
        pytest.param("{data: fsdp, replicate: 2}", 4, marks=pytest.mark.slow),
        ("{pipeline: 2}", 2),
        pytest.param("{pipeline: 4, schedule: GPipe, microbatches: 5}", 4, marks=pytest.mark.slow),
        pytest.param("{data: ddp, pipeline: 2}", 4, marks=pytest.mark.slow),
        pytest.param("{data: fsdp, pipeline: 2}", 4, marks=pytest.mark.slow),
        pytest.param("{pipeline: 2, tensor: 2}", 4, marks=pytest.mark.slow),
    ],
)
def test_a_shared_model_is_that_of_one_process(
    tmp_path: Path, reader: Path, parallel: str, count: int, dtype: str, tolerance: float
) -> None:
    args = ("train", str(reader / f"{dtype}.yaml"), "--set", f"runtime.parallel={parallel}", "-o", "r")
    if count == 4 and "fsdp" not in parallel:
        args = (*args, "--set", "heads=4")
    done = torchrun(count, *M, *args, cwd=tmp_path)
    if parallel == "{tensor: 4}":  # two heads of keys for four processes
        assert done.returncode != 0 and "AS507" in done.stderr and "2 heads" in done.stderr
        return
    assert done.returncode == 0, done.stderr[-3000:]
    compare(tmp_path / "r", single(reader, dtype), tolerance)


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_saved_by_two_gone_on_by_one(tmp_path: Path, alone: Path, kind: str) -> None:
    args = ("train", str(alone / "float64.yaml"), "--set", f"runtime.parallel={kind}", "-o", "r", "--quiet")
    half = ("--set", "train.schedule=constant")
    done = torchrun(2, *M, *args, *half, "--epochs", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    done = here(*args, *half, "--epochs", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    compare(tmp_path / "r", single(alone, "float64", *half), 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 4])
def test_two_stages_gone_on_by_more_or_none(tmp_path: Path, reader: Path, count: int) -> None:
    args = ("train", str(reader / "float64.yaml"), "-o", "r", "--quiet", "--set", "train.schedule=constant")
    done = torchrun(2, *M, *args, "--set", "runtime.parallel={pipeline: 2}", "--epochs", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    if count == 1:
        done = here(*args, "--epochs", "2", cwd=tmp_path)
    else:
        done = torchrun(
            count, *M, *args, "--set", f"runtime.parallel={{pipeline: {count}}}", "--epochs", "2", cwd=tmp_path
        )
    assert done.returncode == 0, done.stderr[-3000:]
    whole = here(*args[:2], *args[4:], "--run", "whole", "--epochs", "2", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    ours, theirs = (safetensors.torch.load_file(tmp_path / run / "last.safetensors") for run in ("r", "whole"))
    assert list(ours) == list(theirs)
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-9, atol=1e-9, msg=name)


def test_data_parallel_without_gpus_is_one_process(tmp_path: Path, alone: Path) -> None:
    args = ("train", str(alone / "float64.yaml"), "--set", "runtime.parallel=data_parallel", "--device", "cpu")
    done = archspec(*args, "-o", "r", "--quiet", cwd=tmp_path, CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 0, done.stderr
    compare(tmp_path / "r", single(alone, "float64"), 0)


def test_processes_that_do_not_fit(tmp_path: Path, alone: Path) -> None:
    spec = str(alone / "float32.yaml")
    done = here("train", spec, "--set", "runtime.parallel={tensor: 2}", cwd=tmp_path)
    assert done.returncode == 2 and "needs 2 processes" in done.stderr and "torchrun" in done.stderr
    done = torchrun(2, *M, "train", spec, cwd=tmp_path)
    assert done.returncode != 0 and "runtime: {parallel: ddp}" in done.stderr
    assert not list(tmp_path.iterdir())
