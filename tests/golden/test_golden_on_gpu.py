"""The published networks on a GPU: the same numbers there, in float64 and in float32."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archspec
import golden
import spec_files
from archspec.runtime.precision import exact_float32

if not torch.cuda.is_available():
    pytest.skip("no GPU here", allow_module_level=True)
pytestmark = pytest.mark.gpu

DATA = {path.stem: path for path in sorted((Path(golden.__file__).parent / "data").glob("*.json"))}
SPECS = {path.stem: path for path in spec_files.SPECS}


def on_gpu(module: nn.Module, inputs: dict[str, Tensor]) -> Any:
    there = {name: tensor.cuda() for name, tensor in inputs.items()}
    takes = inspect.signature(module.forward).parameters
    return module(**there) if there.keys() <= takes.keys() else module(*there.values())


@pytest.mark.parametrize("name", sorted(SPECS.keys() & DATA.keys()))
def test_same_network_on_a_gpu(name: str) -> None:
    reference = json.loads(DATA[name].read_text(encoding="utf-8"))
    if reference.get("shapes_only"):
        pytest.skip("names, shapes and counts alone")
    with exact_float32(), torch.backends.cudnn.flags(enabled=False):
        report = golden.compare(archspec.compile(SPECS[name]).cuda(), reference, call=on_gpu)
    assert report.ok, "\n".join(report.errors)
    torch.cuda.empty_cache()
