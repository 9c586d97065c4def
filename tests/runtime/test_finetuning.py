"""Fine-tuning: pretrained weights, frozen layers, rates by layer; in several processes, and after an interruption."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch
from runtime_process import archspec, environment, here, torchrun
from test_parallel import SPEC, M, compare

TUNED = (
    "--set", "train.freeze=[stem, layers.0]",
    "--set", "train.optimizer.layer_decay=0.5",
    "--set", "train.optimizer.norm_weight_decay=0",
    "--set", "train.optimizer.groups=[{match: head, lr: 0.01}]",
    "--set", "weights.fresh=[head]",
)  # fmt: skip


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pretrained model, and one that is fine-tuned from it by one process."""
    folder = tmp_path_factory.mktemp("tuned")
    (folder / "net.yaml").write_text(SPEC.format(dtype="float64"))
    done = here("train", "net.yaml", "--run", "pretrained", "--epochs", "1", "-q", cwd=folder)
    assert done.returncode == 0, done.stderr
    done = here("train", "net.yaml", "--weights", "pretrained/weights.safetensors", *TUNED, "--run", "one", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "weights: 20 loaded, 2 fresh, 2 ignored" in done.stdout
    return folder


def weights(run: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(run / "last.safetensors")


def test_what_moves_and_what_does_not(tuned: Path) -> None:
    before, after = weights(tuned / "pretrained"), weights(tuned / "one")
    still = {name for name in before if torch.equal(before[name], after[name])}
    assert still == {name for name in before if name.startswith(("stem.", "layers.0."))}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_two_processes_are_one(tuned: Path, tmp_path: Path, kind: str) -> None:
    done = torchrun(
        2, *M, "train", str(tuned / "net.yaml"), "--weights", str(tuned / "pretrained" / "weights.safetensors"), *TUNED,
        "--set", f"runtime.parallel={kind}", "-o", "r", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    compare(tmp_path / "r", tuned / "one", 1e-9)


@pytest.mark.slow
def test_an_interrupted_run_goes_on_bit_for_bit_without_the_file_it_started_from(tuned: Path, tmp_path: Path) -> None:
    source = tmp_path / "start.safetensors"
    source.write_bytes((tuned / "pretrained" / "weights.safetensors").read_bytes())
    (tmp_path / "net.yaml").write_text(SPEC.format(dtype="float64"))
    command = [
        sys.executable,
        "-m",
        "archspec",
        "train",
        "net.yaml",
        "--weights",
        "start.safetensors",
        *TUNED,
        "--run",
        "r",
    ]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        metrics = tmp_path / "r" / "metrics.jsonl"
        end = time.monotonic() + 240
        while not (metrics.exists() and '"kind": "epoch"' in metrics.read_text()) and time.monotonic() < end:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=240)
    source.unlink()
    if process.returncode:  # else it was done before the signal came
        done = archspec("train", "r", "-q", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "r" / "last.safetensors").read_bytes() == (tuned / "one" / "last.safetensors").read_bytes()
