"""Every block computes in the precision that it was given; and what a device cannot is told at its line."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from precision_process import case
from runtime_process import torchrun
from torch import nn

from archspec.cli.main import main
from archspec.recipe.runtime import CheckpointActivations, Precision, Runtime
from archspec.runtime.wrap import prepare

CPU = torch.device("cpu")
SPEC = """\
archspec: 1
inputs: {features: "float32[B, 2]"}
layers: [{linear: 4}, {unflatten: {dim: 1, sizes: [2, 2]}}, WHAT, {name: out, unsqueeze: -1}, {name: head, linear: 2}]
outputs: {y: head}
train:
  data: {csv: {path: d.csv, target: y}}
  loss: cross_entropy
  optimizer: {adamw: {lr: 1e-2}}
  epochs: 1
  batch_size: 8
runtime: {RUNTIME}
"""


def trained(folder: Path, what: str, runtime: str) -> int:
    (folder / "spec.yaml").write_text(SPEC.replace("WHAT", what).replace("RUNTIME", runtime))
    (folder / "d.csv").write_text("a,b,y\n" + "".join(f"{i % 7},{i % 3},{i % 2}\n" for i in range(40)))
    return main(["train", str(folder / "spec.yaml"), "--run", str(folder / "r"), "--quiet"])


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_what_pytorch_does_not_compute_in_half_precision(
    tmp_path: Path, precision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trained(tmp_path, "det", f"precision: {precision}, device: cpu") == 2
    told = capsys.readouterr().err
    line = next(n for n, text in enumerate((tmp_path / "r" / "model.py").read_text().splitlines(), 1) if "det(" in text)
    assert f"error[AS505]: model.py:{line} (`" in told and f"cannot be computed in {precision} on `cpu`" in told
    assert "put `to: float32` before it" in told
    (tmp_path / "again").mkdir()
    assert trained(tmp_path / "again", "{to: float32}, det", f"precision: {precision}, device: cpu") == 0


def test_a_device_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = torch.accelerator.current_accelerator(check_available=True)
    name = "mps" if here is None or here.type != "mps" else "cuda"
    assert trained(tmp_path, "det", f"device: {name}") == 2
    told = capsys.readouterr().err
    assert f"error[AS505]: there is no device `{name}`" in told and "spec.yaml:11:19" in told


def test_a_device_without_half_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.amp, "is_autocast_available", lambda _: False)
    assert trained(tmp_path, "det", "device: cpu, precision: bf16") == 2
    told = capsys.readouterr().err
    assert "error[AS505]: PyTorch has no bf16 for `cpu`" in told and "spec.yaml:11:35" in told
    assert not (tmp_path / "r").exists()


def test_a_copy_computes_with_its_own_weights() -> None:
    """As the average of the weights does, and the replicas of `data_parallel`."""
    module = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)))
    runtime = Runtime(
        precision=Precision.parse({"default": "bf16", "float32": ["1"]}),
        checkpoint_activations=CheckpointActivations.parse({"blocks": ["0"]}),
    )
    chosen = {"float32": ("1",), "checkpoint_activations": ("0", "1")}
    prepared = prepare(module, CPU, runtime, chosen=chosen)
    names = [type(inner).__name__ for inner in module.modules()]
    assert names == ["Sequential", "Linear", "Sequential", "Linear", "BatchNorm1d"]
    x = torch.randn(8, 4)
    for other in (copy.deepcopy(prepared.bare), _replica(prepared.bare)):
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.zero_()
        with prepared.precision:
            assert other(x).dtype == torch.float32 and not other(x).any()
            assert prepared.module(x).any()


def _replica(module: nn.Module) -> nn.Module:
    """A copy as `nn.DataParallel` makes them, with tensors of its own."""
    out = module._replicate_for_data_parallel()
    for name, child in module.named_children():
        out._modules[name] = _replica(child)
    for name, parameter in list(module._parameters.items()):
        out._parameters[name] = None if parameter is None else nn.Parameter(parameter.detach().clone())
    return out


BLOCKS = """\
archspec: 1
inputs: {tokens: "int64[B, T]"}
symbols: {T: {max: 8}}
blocks:
  Layer:
    layers:
      - residual: [{name: norm, layer_norm: {}}, {name: up, linear: 32}, gelu, {name: down, linear: 16}]
layers:
  - {name: wte, embedding: {num_embeddings: 256, embedding_dim: 16}}
  - {name: h, repeat: 2, Layer: {}}
  - {name: head, linear: {out_features: 256, bias: false}}
outputs: {logits: head}
train:
  data: {text: {path: text.txt, context: 8}}
  loss: cross_entropy
  optimizer: {adamw: {lr: 3e-3}}
  epochs: 1
  batch_size: 8
runtime: {device: cpu}
"""
BF16 = {"default": "bf16", "float32": ["h.1", "head"]}
CASES: dict[str, dict[str, Any]] = {
    "float32": {},
    "tf32": {"precision": "tf32"},
    "bf16": {"precision": "bf16"},
    "fp16": {"precision": "fp16"},
    "blocks": {"precision": BF16},
    "blocks in fp16": {"precision": {**BF16, "default": "fp16"}},
    "checkpointed": {"precision": BF16, "checkpoint_activations": "full"},
    "compiled": {"precision": BF16, "compile": {"backend": "eager"}},
    "compiled blocks": {"precision": BF16, "compile": {"backend": "eager", "blocks": "Layer"}},
}
TOGETHER: dict[str, dict[str, Any]] = {
    "ddp": {"precision": BF16, "parallel": "ddp"},
    "ddp in fp16": {"precision": {**BF16, "default": "fp16"}, "parallel": "ddp"},
    "fsdp": {"precision": BF16, "parallel": "fsdp"},
    "fsdp in fp16": {"precision": {**BF16, "default": "fp16"}, "parallel": "fsdp"},
    "tensor": {"precision": BF16, "parallel": {"tensor": 2}},
    "tensor in fp16": {"precision": {**BF16, "default": "fp16"}, "parallel": {"tensor": 2}},
    "pipeline": {"precision": BF16, "parallel": {"pipeline": 2}},
    "fsdp compiled": {
        "precision": BF16, "parallel": "fsdp", "compile": {"backend": "eager", "blocks": "Layer"},
    },
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "spec.yaml").write_text(BLOCKS)
    (tmp_path / "text.txt").write_text("".join(f"{n} and {n}. " for n in range(20)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_block_computes_in_its_precision(folder: Path) -> None:
    as_given({name: case(settings) for name, settings in CASES.items()}, CASES)


@pytest.mark.slow
def test_and_so_it_does_in_several_processes(folder: Path) -> None:
    script = str(Path(__file__).parent / "precision_process.py")
    done = torchrun(2, script, json.dumps(TOGETHER), cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    as_given(json.loads(done.stdout.splitlines()[-1]), TOGETHER)


def as_given(found: dict[str, Any], cases: dict[str, dict[str, Any]]) -> None:
    losses = []
    for name, settings in cases.items():
        precision = settings.get("precision", "float32")
        default, apart = (precision["default"], True) if isinstance(precision, dict) else (precision, False)
        half = {"bf16": "bfloat16", "fp16": "float16"}.get(default, "float32")
        wanted = dict.fromkeys(("h.0.up", "h.0.down", "h.1.up", "h.1.down", "head"), half)
        if apart:
            wanted |= dict.fromkeys(("h.1.up", "h.1.down", "head"), "float32")
        seen = found[name]["computed"]
        assert seen == {path: [dtype] for path, dtype in wanted.items()}, name
        assert found[name]["stored"] == ["float32"] and found[name]["finite"], name
        losses.append(found[name]["loss"])
    assert max(losses) - min(losses) < 0.02, losses  # of one model, on one batch
