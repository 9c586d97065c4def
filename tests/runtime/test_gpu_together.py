"""Processes that share an NVIDIA GPU train what one process trains on a processor.

They talk by gloo, as NCCL wants a GPU for each. Of what the other kinds send, gloo takes tensors of a processor only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from trained_together import run, same, written

from archspec.runtime.session import train

if not torch.cuda.is_available():
    pytest.skip("no GPU here", allow_module_level=True)
pytestmark = pytest.mark.gpu

KINDS: dict[str, dict[str, Any]] = {
    "ddp": {"runtime.parallel": "ddp"},
    "ddp in parts": {"runtime.parallel": "ddp", "runtime.micro_batch_size": 2},
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    train(written(folder), params={"runtime.device": "cpu"}, run=folder / "alone", quiet=True)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_on_one_gpu(kind: str, alone: Path, tmp_path: Path) -> None:
    run(2, alone / "spec.yaml", tmp_path, {"r": {"runtime.device": "cuda:0", **KINDS[kind]}})
    same(tmp_path / "r", alone / "alone", 1e-9)
