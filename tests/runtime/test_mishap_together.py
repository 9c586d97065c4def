"""A loss or gradient that is not finite on one of several processes: all decide alike, as one process would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trained_together import compare, run

from archspec.runtime.run_folder import read_metrics

SPEC = """\
archspec: 1
inputs: {x: "float32[B, 6]"}
layers:
  - {to: float64}
  - exp
  - {name: a, linear: 16}
  - relu
  - {name: b, linear: 16}
  - relu
  - {name: c, linear: 3}
outputs: {y: c}
train:
  data: {npz: {path: train.npz, validation: held_out.npz}}
  loss: cross_entropy
  optimizer: {adamw: {lr: 1e-2}}
  on_nonfinite: skip
  epochs: 2
  batch_size: 8
runtime: {checkpoint: {seconds: 300, steps: 3}}
"""


@pytest.mark.slow
def test_all_leave_out_the_batch_of_one(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name, size in (("train", 60), ("held_out", 20)):
        x = random.normal(size=(size, 6))
        y = (x.sum(1) > 0).astype(np.int64) + (x[:, 0] > 0)
        if name == "train":
            x[17, 2] = 1000  # whose exponential is infinite
        np.savez(tmp_path / f"{name}.npz", x=x, y=y)
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC)
    back = {"train.on_nonfinite": "rollback"}
    choices: dict[str, dict[str, Any]] = {
        "ddp": {"runtime.parallel": "ddp", "runtime.workers": 2},
        "ddp-back": {"runtime.parallel": "ddp", **back},
        "fsdp": {"runtime.parallel": "fsdp"},
        "fsdp-back": {"runtime.parallel": "fsdp", **back},
        "pipeline": {"runtime.parallel": {"pipeline": 2}},
    }
    run(1, spec, tmp_path, {"alone": {}})
    run(2, spec, tmp_path, choices)
    for name in choices:
        compare(tmp_path / name, tmp_path / "alone", 1e-9)
        told = [line["message"] for line in read_metrics(tmp_path / name) if line["kind"] == "warning"]
        words = "back to the checkpoint" if name.endswith("back") else "a batch is skipped"
        assert len(told) == 2 and all(words in message for message in told), (name, told)  # once an epoch
