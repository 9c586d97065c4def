"""Pipelines whose processes have several stages each, against one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from runtime_process import archspec
from trained_together import compare, run, written


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    run(1, written(folder), folder, {"float64": {}, "float32": {"dtype": "float32"}})
    return folder


def interleaved(processes: int, schedule: str = "Interleaved1F1B", **more: Any) -> dict[str, Any]:
    return {"runtime.parallel": {"pipeline": processes, "schedule": schedule, **more}}


@pytest.mark.slow
def test_two_processes_of_several_stages(tmp_path: Path, alone: Path) -> None:
    choices = {
        "plain": interleaved(2),
        "breadth": {**interleaved(2, "LoopedBFS", stages=3), "runtime.checkpoint_activations": "full"},
    }
    run(2, alone / "spec.yaml", tmp_path, choices)
    for name in choices:
        compare(tmp_path / name, alone / "float64", 1e-9)


@pytest.mark.slow
def test_four_processes_of_several_stages(tmp_path: Path, alone: Path) -> None:
    compiled = {"runtime.compile": {"backend": "aot_eager", "blocks": "Layer"}}
    choices = {
        "float32": {**interleaved(2, data="ddp"), "dtype": "float32"},
        "replicas": interleaved(2, data="ddp"),
        "split": interleaved(2, tensor=2),
        "compiled": {**interleaved(2, data="ddp"), **compiled},
    }
    run(4, alone / "spec.yaml", tmp_path, choices)
    for name in choices:
        dtype = "float32" if name == "float32" else "float64"
        compare(tmp_path / name, alone / dtype, 1e-9 if dtype == "float64" else 1e-5)


@pytest.mark.parametrize(
    ("parallel", "words"),
    [
        ("{pipeline: 2, schedule: GPipe, stages: 2}", "`GPipe` is not for 2 stages a process"),
        ("{pipeline: 2, schedule: Interleaved1F1B, stages: 1}", "`Interleaved1F1B` is not for 1 stage a process"),
        ("{data: fsdp, pipeline: 2, schedule: LoopedBFS}", "several stages of it"),
        ("{pipeline: 8, schedule: LoopedBFS, stages: 9}", "too few for 72 stages"),
    ],
)
def test_what_does_not_go_together(tmp_path: Path, parallel: str, words: str) -> None:
    done = archspec("check", written(tmp_path), "--set", f"runtime.parallel={parallel}", cwd=tmp_path)
    assert done.returncode == 1 and "AS507" in done.stdout + done.stderr and words in done.stdout + done.stderr
