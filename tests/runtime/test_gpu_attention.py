"""Attention that several processes share by the kernel of GPUs, with a stand-in for it, against one process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from trained_together import ALONE, run, same, written

Settings = dict[str, Any]
FLOAT32 = ALONE["float32"]
LENGTHS = (48, 64, 128)  # of the sequences


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    spec = written(folder, max(LENGTHS))
    (folder / "window.yaml").write_text(spec.read_text().replace("causal: true", "causal: true, window: 5"))
    run(1, spec, folder, {str(length): {**FLOAT32, "context": length} for length in LENGTHS})
    run(1, folder / "window.yaml", folder, {"window": {**FLOAT32, "context": 64}})
    return folder


def together(count: int, spec: Path, folder: Path, choices: dict[str, Settings]) -> list[set[int]]:
    """The lengths that each process has called the kernel with."""
    run(count, spec, folder, {k: {**FLOAT32, **v} for k, v in choices.items()}, script="gpu_attention_process.py")
    return [set(json.loads((folder / f"calls-{rank}.json").read_text())) for rank in range(count)]


SHARED: Settings = {"runtime.parallel": {"context": 2}}
AGAIN: Settings = {"runtime.micro_batch_size": 4, "runtime.checkpoint_activations": "full"}


def test_keys_and_values_go_round(alone: Path, tmp_path: Path) -> None:
    choices: dict[str, Settings] = {"r": {**SHARED, "context": 64}, "again": {**SHARED, **AGAIN, "context": 64}}
    assert together(2, alone / "spec.yaml", tmp_path, choices) == [{32}, {32}]
    for name in choices:
        same(tmp_path / name, alone / "64", 1e-5)


@pytest.mark.slow
def test_keys_and_values_are_brought_together(alone: Path, tmp_path: Path) -> None:
    """24 places a process: the kernel's sums are not one a place. A window is a mask, which does not go round."""
    assert together(2, alone / "spec.yaml", tmp_path, {"r": {**SHARED, "context": 48}}) == [set(), set()]
    same(tmp_path / "r", alone / "48", 1e-5)
    assert together(2, alone / "window.yaml", tmp_path, {"window": {**SHARED, "context": 64}}) == [set(), set()]
    same(tmp_path / "window", alone / "window", 1e-5)


@pytest.mark.slow
def test_each_process_has_heads(alone: Path, tmp_path: Path) -> None:
    parallel: Settings = {"runtime.parallel": {"tensor": 2}, "context": 64}
    choices: dict[str, Settings] = {"r": parallel, "again": {**parallel, **AGAIN}}
    assert together(2, alone / "spec.yaml", tmp_path, choices) == [{64}, {64}]
    for name in choices:
        same(tmp_path / name, alone / "64", 1e-5)


@pytest.mark.slow
def test_four_processes(alone: Path, tmp_path: Path) -> None:
    choices: dict[str, Settings] = {
        "128": {"runtime.parallel": {"context": 4}, "context": 128},
        **{
            str(number): {"runtime.parallel": {**other, "context": 2}, "context": 64}
            for number, other in enumerate(({"data": "ddp"}, {"data": "fsdp"}, {"pipeline": 2}))
        },
    }
    assert together(4, alone / "spec.yaml", tmp_path, choices) == [{32}] * 4
    for name in choices:
        same(tmp_path / name, alone / ("128" if name == "128" else "64"), 1e-5)
