"""A model with parameters of several dtypes, in shards: each unit of `fully_shard` has one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from trained_together import run, same

from archspec.runtime.session import train

SPEC = """\
archspec: 1
inputs: {x: "float32[B, 6]"}
blocks:
  Turn:
    layers:
      - residual:
          - {name: norm, layer_norm: {}}
          - {to: float64}
          - {name: up, linear: 8, parametrize: {weight: weight_norm}}
          - relu
          - {name: down, linear: 6}
          - {to: float32}
layers:
  - {name: stem, linear: 6}
  - {name: turns, repeat: 2, Turn: {}}
  - {to: float64}
  - {batch_norm1d: {}}
  - {name: head, linear: 3}
outputs: {y: head}
train:
  data: {npz: {path: train.npz}}
  loss: {cross_entropy: {input: y, target: label}}
  optimizer: {sgd: {lr: 0.05, momentum: 0.9}}
  epochs: 2
  batch_size: 7
"""


@pytest.mark.slow
def test_as_one_process(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    np.savez(tmp_path / "train.npz", x=random.normal(size=(40, 6)).astype(np.float32), label=random.integers(0, 3, 40))
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC)
    train(spec, run=tmp_path / "alone", quiet=True)
    kinds = {"ddp": {"data": "ddp"}, "fsdp": {"data": "fsdp"}, "offload": {"data": "fsdp", "offload": True}}
    run(2, spec, tmp_path, {name: {"runtime.parallel": kind} for name, kind in kinds.items()})
    for name in kinds:
        same(tmp_path / name, tmp_path / "alone", 1e-5)
