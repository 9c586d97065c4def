"""Processes with an NVIDIA GPU each, which talk by NCCL, train what one process trains on a processor.

One GPU is a group of one; every kind and mesh runs where there are as many GPUs as it takes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from runtime_process import torchrun
from test_meshes import meshes
from trained_together import ALONE, run, same, written

if not torch.cuda.is_available():
    pytest.skip("no GPU here", allow_module_level=True)
pytestmark = pytest.mark.gpu

AXES = ("tensor", "context", "pipeline")
KINDS: list[tuple[dict[str, Any], int]] = [
    ({"data": "fsdp", "offload": True}, 1),
    *(({"data": kind}, count) for kind in ("ddp", "fsdp") for count in (2, 4)),
    ({"data": "fsdp", "offload": True}, 2),
    ({"data": "fsdp", "replicate": 2}, 4),
    *(({axis: count}, count) for axis in AXES for count in (2, 4)),
    *meshes(),
]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes of the language model of trained_together, on a processor."""
    folder = tmp_path_factory.mktemp("alone")
    written(folder, 128)  # what goes round in float32 are multiples of 32 places
    layers = {"spec.yaml": "repeat: 2", "deep.yaml": "repeat: 4"}  # four stages have a layer each
    for name, repeat in layers.items():
        (folder / name).write_text((folder / "spec.yaml").read_text().replace("repeat: 2", repeat))
        run(1, folder / name, folder / name.removesuffix(".yaml"), {k: ALONE[k] for k in ("float64", "float32")})
    return folder


def sides(parallel: dict[str, Any], count: int) -> Any:
    missing = count - torch.cuda.device_count()
    marks = [pytest.mark.skip(reason=f"{missing} GPUs more are needed")] if missing > 0 else []
    return pytest.param(parallel, count, marks=marks, id=f"{json.dumps(parallel)}-{count}")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("parallel", "count"), [sides(*kind) for kind in KINDS])
def test_as_one_process(parallel: dict[str, Any], count: int, dtype: str, alone: Path, tmp_path: Path) -> None:
    stem = "deep" if parallel.get("pipeline") == 4 else "spec"
    settings = {"runtime.device": "cuda", "runtime.parallel": parallel, **ALONE[dtype]}
    chosen = [part for key, value in settings.items() for part in ("--set", f"{key}={json.dumps(value)}")]
    done = torchrun(count, "-m", "archspec", "train", str(alone / f"{stem}.yaml"), *chosen, "-o", "r", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    same(tmp_path / "r", alone / stem / dtype, 1e-9 if dtype == "float64" else 1e-5)
