"""The published networks on a GPU: the same numbers there, in float64 and in float32."""

from __future__ import annotations

import inspect
import json
import re
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


# Kernels of PyTorch's for GPUs with constants of float32 in them, whatever the dtype.
ROUNDED = re.compile(r"hard_?swish|hard_?sigmoid|weight_norm", re.IGNORECASE)
# Seen with PyTorch 2.11: backward of a batch norm in eval mode is not that of a processor, for a batch of one whose
# gradient lies with the channels last.
ELSEWHERE = {"efficientformer_l1", "efficientvit_m0", "levit_128s", "rt_detr_tiny"}


@pytest.mark.parametrize("name", sorted(SPECS.keys() & DATA.keys()))
def test_same_network_on_a_gpu(name: str, request: pytest.FixtureRequest) -> None:
    if name in ELSEWHERE:
        request.applymarker(pytest.mark.xfail(reason="PyTorch's batch norm"))
    reference = json.loads(DATA[name].read_text(encoding="utf-8"))
    if reference.get("shapes_only"):
        pytest.skip("names, shapes and counts alone")
    rounded = ROUNDED.search(archspec.source(SPECS[name])) is not None
    module = archspec.compile(SPECS[name]).cuda()
    errors = []
    # (cuDNN's recurrent layers have no backward pass in eval mode.)
    with exact_float32(), torch.backends.cudnn.flags(enabled=False):
        for dtype, tolerance in (("float64", 1e-5 if rounded else None), ("float32", None)):
            errors += golden.compare(module, reference, call=on_gpu, dtypes=(dtype,), rtol=tolerance).errors
    torch.cuda.empty_cache()
    assert not errors, "\n".join(errors)
