"""Products, sequences, dropout and the loss shared by the processes of the tensor axis, against one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from runtime_process import torchrun
from trained_together import ALONE, compare, run, same, written


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes of the spec with each choice of ALONE."""
    folder = tmp_path_factory.mktemp("alone")
    run(1, written(folder), folder, ALONE)
    return folder


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
        same(tmp_path / name, alone / (name if name in ALONE else "float64"), 1e-9)


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
