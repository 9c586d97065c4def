"""Batch norms of several real processes against one process: they normalise by the statistics of the whole batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from runtime_process import archspec, torchrun
from trained_together import compare, run, same

from archspec.runtime.run_folder import read_metrics
from archspec.runtime.session import train

NORMS = str(Path(__file__).parent / "norms_process.py")
# Of 42 samples 8 are held out, and the last batch of an epoch has two: of four processes, two have nothing of it.
RESNET = """\
archspec: 1
inputs: {image: "float32[B, 3, 8, 8]"}
params: {dtype: float64, channels: 6}
blocks:
  Turn:
    layers:
      - residual:
          - {conv2d: {out_channels: $channels, kernel_size: 3, padding: 1, bias: false}}
          - {name: norm, batch_norm2d: {}}
          - relu
          - {conv2d: {out_channels: $channels, kernel_size: 3, padding: 1, bias: false}}
          - {batch_norm2d: {momentum: null}}
      - relu
layers:
  - {to: $dtype}
  - {name: seen, batch_norm2d: {affine: false}}
  - {name: stem, conv2d: {out_channels: $channels, kernel_size: 3, padding: 1, bias: false}}
  - {name: each, instance_norm2d: {track_running_stats: true}}
  - {name: turns, repeat: 2, Turn: {}}
  - adaptive_avg_pool2d: 1
  - flatten
  - {name: last, batch_norm1d: {eps: 1e-3}}
  - {name: head, linear: 4}
outputs: {logits: head}
train:
  data: {npz: {path: train.npz}}
  loss: {cross_entropy: {target: label, weight: [1, 2, 0.5, 1]}}
  metrics: [accuracy]
  optimizer: {sgd: {lr: 0.1, momentum: 0.9}}
  epochs: 2
  batch_size: 8
"""
DDP, FSDP = {"runtime.parallel": "ddp"}, {"runtime.parallel": "fsdp"}
AVERAGED = {"train.average": {"swa": {"start": 0}}}
FROZEN = {"train.freeze": ["each.*", "turns.0.*"]}


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The spec, its data, and what one process makes of them."""
    folder = tmp_path_factory.mktemp("resnet")
    random = np.random.default_rng(0)
    image = (random.normal(size=(42, 3, 8, 8)) * 2 + 1).astype(np.float32)
    np.savez(folder / "train.npz", image=image, label=random.integers(0, 4, 42))
    (folder / "spec.yaml").write_text(RESNET)
    train(folder / "spec.yaml", run=folder / "alone", quiet=True)
    return folder


def steps(run: Path) -> list[float]:
    return [line["loss"] for line in read_metrics(run) if line["kind"] == "step"]


def agree(run: Path, single: Path, tolerance: float) -> None:
    same(run, single, tolerance)
    assert len(steps(single)) == 10
    assert steps(run) == pytest.approx(steps(single), rel=max(tolerance, 1e-7))


def weights(run: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(run / "last.safetensors")


def test_two_processes(tmp_path: Path, resnet: Path) -> None:
    run(2, resnet / "spec.yaml", tmp_path, {"ddp": DDP, "fsdp": FSDP})
    for name in ("ddp", "fsdp"):
        agree(tmp_path / name, resnet / "alone", 1e-9)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_two_processes_on_one_gpu(tmp_path: Path, resnet: Path) -> None:
    """(They talk by gloo: NCCL wants a GPU for each. Gloo's messages of `fsdp` take no tensors of a GPU.)"""
    run(2, resnet / "spec.yaml", tmp_path, {"ddp": {"runtime.device": "cuda:0", **DDP}})
    agree(tmp_path / "ddp", resnet / "alone", 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_float32(tmp_path: Path, resnet: Path, count: int) -> None:
    single = {"dtype": "float32"}
    train(resnet / "spec.yaml", params=single, run=tmp_path / "alone", quiet=True)
    run(count, resnet / "spec.yaml", tmp_path, {"ddp": {**single, **DDP}, "fsdp": {**single, **FSDP}})
    for name in ("ddp", "fsdp"):
        agree(tmp_path / name, tmp_path / "alone", 1e-5)


@pytest.mark.slow
def test_four_processes(tmp_path: Path, resnet: Path) -> None:
    """Some of which have no sample of the last batch."""
    hybrid = {"runtime.parallel": {"data": "fsdp", "replicate": 2}}
    run(4, resnet / "spec.yaml", tmp_path, {"ddp": DDP, "fsdp": FSDP, "hybrid": hybrid})
    for name in ("ddp", "fsdp", "hybrid"):
        agree(tmp_path / name, resnet / "alone", 1e-9)


@pytest.mark.slow
def test_with_other_settings(tmp_path: Path, resnet: Path) -> None:
    for name, single in (("averaged", AVERAGED), ("frozen", FROZEN)):
        train(resnet / "spec.yaml", params=single, run=tmp_path / name, quiet=True)
    full = {"runtime.checkpoint_activations": "full"}
    whole = {"runtime.compile": {"backend": "aot_eager"}}
    blocks = {"runtime.compile": {"backend": "aot_eager", "blocks": "Turn", "fullgraph": True}}
    choices: dict[str, dict[str, Any]] = {}
    for name, kind in (("ddp", DDP), ("fsdp", FSDP)):
        choices[f"{name}-full"] = {**kind, **full, "runtime.memory_format": "channels_last"}
        choices[f"{name}-selective"] = {**kind, "runtime.checkpoint_activations": "selective"}
        choices[f"{name}-averaged"] = {**kind, **AVERAGED}
        choices[f"{name}-frozen"] = {**kind, **FROZEN}
    choices["ddp-compiled"] = {**DDP, **whole}
    choices["ddp-blocks"] = {**DDP, **full, **blocks}
    choices["fsdp-blocks"] = {**FSDP, **blocks}
    run(2, resnet / "spec.yaml", tmp_path, choices)
    for name in choices:
        kept = name.split("-")[1]
        agree(tmp_path / name, tmp_path / kept if kept in ("averaged", "frozen") else resnet / "alone", 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("cases", ["every", "within"])
@pytest.mark.parametrize("count", [2, 3])
def test_against_the_norms_of_pytorch(tmp_path: Path, count: int, cases: str) -> None:
    done = torchrun(count, NORMS, cases, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
def test_without_it_each_process_has_its_own(tmp_path: Path, resnet: Path) -> None:
    """As `DistributedDataParallel` by hand has it."""
    spec = tmp_path / "spec.yaml"  # (of a single sample in a part, batch norm has no deviation)
    spec.write_text(RESNET.replace("batch_size: 8", "batch_size: 7").replace("train.npz", str(resnet / "train.npz")))
    apart = {"runtime.sync_batch_norm": False}
    run(2, spec, tmp_path, {"ddp": {**DDP, **apart}, "fsdp": {**FSDP, **apart}, "whole": DDP})
    done = torchrun(2, NORMS, "by_hand", str(spec), str(tmp_path / "hand.safetensors"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    expected = safetensors.torch.load_file(tmp_path / "hand.safetensors")
    for name in ("ddp", "fsdp"):
        torch.testing.assert_close(weights(tmp_path / name), expected, rtol=1e-9, atol=1e-9)
    assert (expected["last.running_var"] - weights(tmp_path / "whole")["last.running_var"]).abs().max() > 1e-4


@pytest.mark.slow
def test_fsdp_goes_on_bit_for_bit(tmp_path: Path, resnet: Path) -> None:
    args = ("-m", "archspec", "train", str(resnet / "spec.yaml"), "--quiet", "--set", "runtime.parallel=fsdp", "-o")
    for folder, epochs in (("whole", "2"), ("halves", "1"), ("halves", "2")):
        done = torchrun(2, *args, folder, "--epochs", epochs, cwd=tmp_path)
        assert done.returncode == 0, done.stderr[-3000:]
    compare(tmp_path / "halves", tmp_path / "whole", 0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_parts_of_a_batch(tmp_path: Path, resnet: Path, kind: str) -> None:
    """Processes with fewer parts of a batch than others take part in them all: nobody waits for ever."""
    choice = {"runtime.parallel": kind, "runtime.micro_batch_size": 2}  # of a batch they have 2, 3 and 3 samples
    run(3, resnet / "spec.yaml", tmp_path, {"parts": choice})


@pytest.mark.slow
def test_one_value_is_too_few(tmp_path: Path, resnet: Path) -> None:
    args = ("train", str(resnet / "spec.yaml"), "--set", "train.batch_size=11", "--quiet", "-o", "r")
    for done in (
        archspec(*args, cwd=tmp_path),
        torchrun(2, "-m", "archspec", *args, "--set", "runtime.parallel=ddp", cwd=tmp_path),
    ):
        assert done.returncode != 0 and "the last batch of an epoch has one sample" in done.stderr
