"""A worker killed under torchrun: torchrun starts the run again, and it ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch
from runtime_process import environment

SPEC = """\
archspec: 1
inputs: {image: "float32[B, 1, 8, 8]"}
blocks:
  Layer:
    layers:
      - residual: [{layer_norm: {}}, {linear: 48}, gelu, {dropout: 0.1}, {linear: 32}]
layers:
  - flatten
  - {name: stem, linear: 32}
  - {name: layers, repeat: 3, Layer: {}}
  - {name: head, linear: 10}
outputs: {logits: head}
train:
  data: digits
  loss: cross_entropy
  metrics: [accuracy]
  optimizer: {adamw: {lr: 3e-3}}
  schedule: {cosine: {warmup: 0.1}}
  epochs: 6
  batch_size: 61
runtime: {checkpoint: {steps: 7}}
"""


ONE_AGENT = ("--standalone", "--nproc-per-node", "2")


def launched(
    kind: str, run: str, cwd: Path, restarts: int = 0, agent: tuple[str, ...] = ONE_AGENT
) -> subprocess.Popen[str]:
    command = [
        sys.executable, "-m", "torch.distributed.run", *agent,
        "--max-restarts", str(restarts), "--monitor-interval", "0.5",
        "-m", "archspec", "train", "spec.yaml", "-o", run, "--set", f"runtime.parallel={kind}",
    ]  # fmt: skip
    return subprocess.Popen(
        command, cwd=cwd, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )


def workers(of: int) -> list[int]:
    """The processes that torchrun has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == of:
            found.append(int(path.parent.name))
    return sorted(found)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="workers are found in /proc")
@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_a_worker_that_is_killed_starts_again(tmp_path: Path, kind: str) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC)
    calm = launched(kind, "calm", tmp_path)
    said, _ = calm.communicate(timeout=300)
    assert calm.returncode == 0, said[-3000:]

    shaken = launched(kind, "shaken", tmp_path, restarts=2)
    deadline = time.monotonic() + 200
    while not list((tmp_path / "shaken" / "checkpoints").glob("step-00000003?")):
        assert time.monotonic() < deadline and shaken.poll() is None
        time.sleep(0.01)
    os.kill(workers(shaken.pid)[-1], signal.SIGKILL)
    said, _ = shaken.communicate(timeout=300)
    assert shaken.returncode == 0, said[-3000:]
    _goes_on(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="workers are found in /proc")
def test_so_it_is_with_two_agents(tmp_path: Path) -> None:
    """As on two machines. The agent whose worker was killed counts a restart, and the other one does not."""
    (tmp_path / "spec.yaml").write_text(SPEC)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"localhost:{free.getsockname()[1]}"

    def agents(run: str, restarts: int) -> list[subprocess.Popen[str]]:
        there = ("--nnodes", "2", "--nproc-per-node", "1", "--rdzv-backend", "c10d", "--rdzv-endpoint", endpoint)
        return [launched("ddp", run, tmp_path, restarts, (*there, "--rdzv-id", run)) for _ in range(2)]

    for agent in agents("calm", 0):
        said, _ = agent.communicate(timeout=300)
        assert agent.returncode == 0, said[-3000:]
    shaken = agents("shaken", 2)
    deadline = time.monotonic() + 200
    while not list((tmp_path / "shaken" / "checkpoints").glob("step-00000003?")):
        assert time.monotonic() < deadline and all(agent.poll() is None for agent in shaken)
        time.sleep(0.01)
    os.kill(workers(shaken[1].pid)[-1], signal.SIGKILL)
    for agent in shaken:
        said, _ = agent.communicate(timeout=300)
        assert agent.returncode == 0, said[-3000:]
    _goes_on(tmp_path)


def _goes_on(tmp_path: Path) -> None:
    facts = json.loads((tmp_path / "shaken" / "run.json").read_text())
    assert facts["status"] == "done" and [entry["step"] >= 28 for entry in facts["resumed"]] == [True]
    ends = [safetensors.torch.load_file(tmp_path / run / "last.safetensors") for run in ("calm", "shaken")]
    assert ends[0].keys() == ends[1].keys()
    assert all(torch.equal(tensor, ends[1][name]) for name, tensor in ends[0].items())
    assert _losses(tmp_path / "calm") == _losses(tmp_path / "shaken")


def _losses(run: Path) -> list[tuple[float, float]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [(line["train_loss"], line["loss"]) for line in lines if line["kind"] == "epoch"]
