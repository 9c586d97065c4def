"""Killed, or refused by the disk, at any system call of a save; killed at random moments of a run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from runtime_process import environment

from archspec.runtime.checkpoints.store import newest
from archspec.runtime.run_folder import read_metrics

HERE = Path(__file__).parent
CALLS = (
    "openat,write,writev,pwrite64,ftruncate,fsync,fdatasync,rename,renameat2,mkdir,mkdirat,link,linkat,unlink,unlinkat,"
    "rmdir"
)


def _can_trace() -> bool:
    strace = shutil.which("strace")
    if strace is None:
        return False
    return subprocess.run([strace, "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0


traced = pytest.mark.skipif(not _can_trace(), reason="strace is not there, or may not trace")


class Saves:
    """The process that saves, under strace."""

    def __init__(self, folder: Path) -> None:
        self.run = folder / "r"
        self.log = folder / "strace"
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "crash_process.py"), "save", str(self.run)],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def one(self, inject: str, step: int) -> tuple[int, int | None, bool]:
        """A save with a fault: how its process ended (0 done, 3 an OSError, -9 killed), the step that is whole after
        it, and whether the save came to the place of the fault at all."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{step}\n")
        self.process.stdin.flush()
        child = self.process.stdout.readline().strip()
        given = ["-e", f"trace={inject.partition(':')[0]}", "-e", f"inject={inject}", "-p", child]
        with subprocess.Popen(["strace", "-f", "-q", "-o", str(self.log), *given], stderr=subprocess.DEVNULL) as strace:
            status = Path(f"/proc/{child}/status")
            for _ in range(2000):  # until it is attached
                if re.search(r"TracerPid:\s+[1-9]", status.read_text()):
                    break
                time.sleep(0.002)
            subprocess.run(["kill", "-CONT", child], check=True)
            ended: dict[str, Any] = json.loads(self.process.stdout.readline())
            strace.wait()
        reached = ended["code"] == -9 or "(INJECTED)" in self.log.read_text()
        return ended["code"], ended["whole"], reached

    def all(self, calls: str, fault: str, step: int = 2) -> list[tuple[int, int | None]]:
        """How saves with a fault at each single call of these kinds ended."""
        found = []
        for call in calls.split(","):
            for number in range(1, 1000):
                code, whole, reached = self.one(f"{call}:{fault}:when={number}", step)
                if not reached:
                    assert (code, whole) == (0, step)
                    break
                found.append((code, whole))
        return found


@pytest.fixture
def saves(tmp_path: Path) -> Iterator[Saves]:
    one = Saves(tmp_path)
    yield one
    assert one.process.stdin is not None
    one.process.stdin.close()
    assert one.process.wait(120) == 0  # an interpreter with torch ends slowly on a busy machine
    if one.process.stdout is not None:
        one.process.stdout.close()


@traced
def test_a_save_that_is_killed_leaves_a_checkpoint(saves: Saves) -> None:
    found = saves.all("rename,fsync", "signal=KILL")
    assert {code for code, _ in found} == {-9}
    assert len(found) >= 8  # two renames; the files, their folder and its folder are synchronised
    assert {whole for _, whole in found} == {1, 2}


@traced
@pytest.mark.slow
@pytest.mark.parametrize("step", [2, 1])  # 1: the state of the same step once more
def test_killed_at_every_call_of_a_save(saves: Saves, step: int) -> None:
    found = saves.all(CALLS, "signal=KILL", step)
    assert len(found) > 30 and {code for code, _ in found} == {-9}
    assert {whole for _, whole in found} == {1, step}


@traced
@pytest.mark.slow
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_refused_at_every_call_of_a_save(saves: Saves, error: str) -> None:
    found = saves.all(CALLS, f"error={error}")
    assert len(found) > 30 and all(whole in (1, 2) for _, whole in found), found
    assert {code for code, _ in found} <= {0, 3}  # what could not be tidied away is no failure
    assert sum(code == 3 for code, _ in found) > 15


SPEC = """
archspec: 1
name: tiny
inputs: {image: "float32[B, 1, 8, 8]"}
layers: [flatten, {name: up, linear: 16}, batch_norm1d, relu, {dropout: 0.2}, {name: head, linear: 10}]
outputs: {logits: head}
train:
  data: {digits: {}, augment: [{random_crop: {padding: 1}}]}
  loss: cross_entropy
  metrics: accuracy
  optimizer: adamw
  average: {ema: {decay: 0.9}}
  epochs: 4
  batch_size: 64
runtime: {RUNTIME, checkpoint: {steps: 3, keep: 1}}
"""
TIMED = ("seconds", "samples_per_second", "last")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runtime", "processes", "kills"),
    [
        ("device: cpu", 1, 200),
        ("precision: bf16", 1, 40),
        ("workers: 2", 1, 12),
        ("parallel: ddp", 2, 20),
        ("parallel: fsdp", 2, 20),
    ],
)
def test_killed_at_random_moments(tmp_path: Path, runtime: str, processes: int, kills: int) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC.replace("RUNTIME", runtime), encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            str(HERE / "crash_process.py"),
            "train",
            str(spec),
            str(tmp_path),
            str(kills),
            "1",
            str(processes),
        ],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        timeout=1500,
        check=True,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    assert told.get("kills", 0) >= kills, told
    whole = tmp_path / "first"  # which nothing interrupted
    wanted, _ = newest(whole)
    assert wanted is not None
    for number in range(told["runs"]):
        run = tmp_path / f"r{number}"
        found, refused = newest(run)
        assert found is not None and found.step == wanted.step and not refused
        for path in wanted.path.glob("*.safetensors"):  # of `fsdp` also the shards of the state
            assert (found.path / path.name).read_bytes() == path.read_bytes(), path.name
        for name in ("weights.safetensors", "last.safetensors"):
            assert (run / name).read_bytes() == (whole / name).read_bytes()
        lines = [
            [{key: value for key, value in line.items() if key not in TIMED} for line in read_metrics(folder)]
            for folder in (run, whole)
        ]
        assert lines[0] == lines[1]
