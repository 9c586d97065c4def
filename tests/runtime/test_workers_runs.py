"""Runs whose data are read by workers: the same numbers, exact resumption, clean ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from runtime_process import DIGITS, SMALL, archspec, environment
from test_resume import measured, same_as

ARGS = (str(DIGITS), *SMALL, "--epochs", "2", "--set", "runtime.checkpoint={steps: 5}", "--quiet")
WORKERS = ("--set", "runtime.workers=2")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("alone")
    done = archspec("train", *ARGS, "--run", where / "r", cwd=where)
    assert done.returncode == 0, done.stderr
    return where / "r"


def begun(tmp_path: Path) -> subprocess.Popen[str]:
    """A run with workers, some steps after its first checkpoint."""
    command = [sys.executable, "-m", "archspec", "train", *ARGS, *WORKERS, "--run", "r"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 240
    while not list((tmp_path / "r" / "checkpoints").glob("step-*[1-9]*")) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.02)
    return process


def children(pid: int) -> list[int]:
    """Workers: the processes below, but for multiprocessing's tracker of resources."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                command = (entry / "cmdline").read_text()
            except OSError:
                continue
            if parent == pid and "spawn_main" in command:
                found.append(int(entry.name))
    return found


def test_workers_change_nothing(tmp_path: Path, alone: Path) -> None:
    done = archspec("train", *ARGS, *WORKERS, "--run", "r", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    same_as(alone, tmp_path / "r")


def test_a_killed_run_goes_on_to_the_sample(tmp_path: Path, alone: Path) -> None:
    with begun(tmp_path) as process:
        process.kill()
    done = archspec("train", "r", *ARGS[3:5], "--quiet", "--set", "runtime.workers=1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert measured(tmp_path / "r") == measured(alone)
    assert (tmp_path / "r" / "last.safetensors").read_bytes() == (alone / "last.safetensors").read_bytes()


def test_a_killed_worker_is_told_of(tmp_path: Path) -> None:
    with begun(tmp_path) as process:
        os.kill(children(process.pid)[0], signal.SIGKILL)
        _, told = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "AS505" in told and "a worker that reads the data was ended" in told and "Traceback" not in told
    assert json.loads((tmp_path / "r" / "run.json").read_text())["status"] == "failed"


def test_ctrl_c_reaches_all_and_ends_the_run_in_order(tmp_path: Path) -> None:
    with begun(tmp_path) as process:
        os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    assert "Traceback" not in told
    assert json.loads((tmp_path / "r" / "run.json").read_text())["status"] == "interrupted"
