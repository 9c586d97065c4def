"""A spec and files made on the spot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from archspec import pipeline
from archspec.model.build import from_source
from archspec.model.transfer import transfer
from archspec.transfer.report import TransferReport

NET = """
archspec: 1
name: net
params: {classes: 4}
inputs: {x: "float32[B, 8]"}
layers:
  - {name: body, sequence: [linear: 16, relu, linear: 16]}
  - {name: norm, batch_norm1d: {}}
  - {name: head, linear: $classes}
"""


def write(folder: Path, weights: Any, net: str = NET) -> Path:
    """A spec with this `weights` section."""
    path = folder / "net.yaml"
    path.write_text(f"{net}\nweights: {json.dumps(weights)}\n", encoding="utf-8")
    return path


def built(net: str = NET, seed: int = 1) -> nn.Module:
    torch.manual_seed(seed)
    module = from_source(pipeline.emitted(pipeline.check(net)))
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.randn(tensor.shape))
    return module


def save(folder: Path, state: dict[str, Tensor], name: str = "w.safetensors") -> Path:
    save_file({key: value.contiguous().clone() for key, value in state.items()}, folder / name)
    return folder / name


def load(path: Path, params: dict[str, Any] | None = None) -> tuple[nn.Module, TransferReport]:
    """The spec's model with its weights, as training starts from."""
    report = pipeline.check(path, params).raise_for_errors()
    weights = report.weights
    assert weights is not None
    torch.manual_seed(0)
    module = from_source(pipeline.emitted(report))
    return module, transfer(module, weights.section, weights.files, weights.table)


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
