"""Held-out data evaluated by several processes, a part of the batches each: the loss and metrics of one process."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from runtime_process import torchrun

from archspec.cli.main import main
from archspec.recipe.metrics import METRICS
from archspec.runtime.run_folder import read_metrics

# Running statistics that every process gathers for itself, class weights, and ignored targets at some places only.
CLASSES = """\
archspec: 1
inputs: {x: "float32[B, T, 6]"}
layers:
  - {to: float64}
  - {name: stem, linear: 8}
  - {rearrange: "b t c -> b c t"}
  - {name: norm, batch_norm1d: {}}
  - {rearrange: "b c t -> b t c"}
  - relu
  - {name: head, linear: 4}
outputs: {y: head}
train:
  data: {npz: {path: train.npz}}
  loss: {cross_entropy: {input: y, target: label, weight: [1, 2, 3, 0.5]}}
  metrics: [METRICS]
  optimizer: {sgd: {lr: 0.1}}
  epochs: 2
  batch_size: 7
runtime: {sync_batch_norm: false}
"""
VALUES = """\
archspec: 1
inputs: {x: "float32[B, 5, 6]"}
layers: [{to: float64}, {flatten: {}}, {name: stem, linear: 8}, relu, {name: head, linear: 2}]
outputs: {y: head}
train:
  data: {npz: {path: train.npz}}
  loss: {mse: {input: y, target: value}}
  metrics: [METRICS]
  optimizer: {sgd: {lr: 0.01}}
  epochs: 2
  batch_size: 7
"""


CORNERS = {"top_k_accuracy": {"k": 2}, "f_beta": {"beta": 2.0}}


def written(folder: Path, spec: str, *, library: bool) -> Path:
    """The spec, with every metric that it can have (without those of torchmetrics, which takes seconds to import,
    unless asked for), and its data, of which 61 samples are held out."""
    random = np.random.default_rng(0)
    label = random.integers(0, 4, (305, 5))
    label[random.random(label.shape) < 0.3] = -100
    x = random.normal(size=(305, 5, 6)).astype(np.float32)
    np.savez(folder / "train.npz", x=x, label=label, value=x[:, 0, :2].astype(np.float64) + 0.1)
    regression = {"mae", "mse", "rmse", "r2"}
    names = [
        name
        for name, part in METRICS.parts.items()
        if ((name in regression or ".regression." in part.counterpart) == (spec is VALUES))
        and name != "mase"
        and not part.of_text
        and (library or not part.counterpart)
    ]
    metrics = [{name: CORNERS[name]} if name in CORNERS else name for name in names]
    (folder / "spec.yaml").write_text(spec.replace("[METRICS]", json.dumps(metrics)))
    return folder / "spec.yaml"


@pytest.mark.parametrize(
    ("spec", "kind", "count"),
    [
        pytest.param(CLASSES, "ddp", 2, id="quick"),
        pytest.param(CLASSES, "ddp", 2, id="classes-ddp", marks=pytest.mark.slow),
        pytest.param(CLASSES, "fsdp", 3, id="classes-fsdp", marks=pytest.mark.slow),
        pytest.param(VALUES, "fsdp", 2, id="values-fsdp", marks=pytest.mark.slow),
        pytest.param(VALUES, "ddp", 4, id="values-ddp", marks=pytest.mark.slow),
    ],
)
def test_as_one_process(
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    spec: str,
    kind: str,
    count: int,
) -> None:
    path = written(tmp_path, spec, library="slow" in request.keywords)
    args = ("train", str(path), "--set", f"runtime.parallel={kind}", "-o", "r", "--quiet")
    done = torchrun(count, "-m", "archspec", *args, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    told = [line for line in read_metrics(tmp_path / "r") if line["kind"] == "epoch"][-1]
    args = ("evaluate", str(tmp_path / "r"), "--checkpoint", "last", "--json")
    assert main(args) == 0
    alone = json.loads(capsys.readouterr().out)
    assert alone["samples"] == 61 and len(alone) > 6
    done = torchrun(count, "-m", "archspec", *args, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    together = json.loads(done.stdout)  # told once
    for key in alone.keys() - {"run", "checkpoint", "split", "samples"}:
        rel = 1e-6 if key == "calibration_error" else 1e-9  # torchmetrics adds it up in float32
        assert told[key] == pytest.approx(alone[key], rel=rel, abs=1e-12), key
        assert together[key] == pytest.approx(alone[key], rel=rel, abs=1e-12), key
