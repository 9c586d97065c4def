"""Whatever has a state (optimizers, scalers, averages, schedules, data of every class) goes on bit for bit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archspec.cli.main import main
from archspec.runtime.checkpoints.store import TENSORS, listed, newest, step_of
from archspec.runtime.quarantine import QUARANTINE
from archspec.runtime.run_folder import read_metrics

TIMED = ("seconds", "samples_per_second", "last")
TRAIN = """
train:
  data: DATA
  loss: LOSS
  optimizer: {adamw: {lr: 1e-2}}
  epochs: 3
  batch_size: 8
runtime: {device: cpu, checkpoint: {steps: 1, keep: 1000}}
"""
TABLE = """\
archspec: 1
inputs: {features: "float32[B, 3]"}
layers: [{linear: 8}, batch_norm1d, relu, {dropout: 0.2}, {name: mid, linear: 8}, relu, {name: head, linear: 2}]
outputs: {y: head}
"""
TOKENS = """\
archspec: 1
inputs: {tokens: "int64[B, T]"}
symbols: {T: {max: 8}}
layers:
  - {embedding: {num_embeddings: 256, embedding_dim: 8}}
  - {dropout: 0.1}
  - {name: head, linear: 256}
outputs: {logits: head}
"""
WINDOWS = """\
archspec: 1
inputs: {past: "float32[B, T, 1]"}
layers:
  - {lstm: {hidden_size: 8, batch_first: true}, outputs: [states, h, c]}
  - {select: {dim: 1, index: -1}, from: states}
  - {dropout: 0.1}
  - {name: head, linear: 2}
outputs: {y: head}
"""
COLUMNS = """\
archspec: 1
inputs: {a: "float32[B]", rest: "float32[B, 2]", kind: "int64[B]"}
layers:
  - {name: alone, unsqueeze: -1, from: a}
  - {name: kinds, embedding: {num_embeddings: 4, embedding_dim: 2}, from: kind}
  - {name: row, concat: {dim: 1}, from: [alone, rest, kinds]}
  - {dropout: 0.2}
  - {name: head, linear: 2}
outputs: {y: head}
"""
CSV = "{csv: {path: d.csv, target: y}}"
NAMES = (
    "{csv: {path: names.csv, features: {a: a, rest: [b, c]}, categories: kind, target: {label: y}, standardize: true, "
    "on_bad_sample: quarantine, bad_share: 0.2}}"
)
SHARDS = "{shards: {path: 's*.npz', shuffle: 12, on_bad_sample: quarantine, bad_share: 0.2}}"
STATES: dict[str, dict[str, Any]] = {
    "fp16": {"runtime.precision": "fp16"},
    "bf16": {"runtime.precision": "bf16"},
    "muon": {"train.optimizer": {"muon": {"lr": 1e-2}}},
    "lbfgs": {"train.optimizer": {"lbfgs": {"lr": 0.1, "history_size": 3}}},
    "sgd-plateau": {
        "train.optimizer": {"sgd": {"lr": 0.1, "momentum": 0.9}},
        "train.schedule": {"reduce_on_plateau": {"patience": 0, "threshold": 1.0}},
    },
    "ema": {"train.average": {"ema": {"decay": 0.9}}},
    "swa": {"train.average": {"swa": {"start": 0.1}}},
    "early-stopping": {
        "train.metrics": "accuracy",
        "train.early_stopping": {"patience": 2, "monitor": "accuracy", "min_delta": 1.0},
    },
    "parts": {"runtime.micro_batch_size": 3},
}


def files(folder: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)).astype(np.float32)
    y = (x.sum(1) > 0).astype(np.int64)
    rows = [f"{a:.4f},{b:.4f},{c:.4f},{label}" for (a, b, c), label in zip(x, y, strict=True)]
    (folder / "d.csv").write_text("a,b,c,y\n" + "\n".join(rows) + "\n")
    named = [f"{row},{'' if k == 5 else 'pqrs'[k % 4]}" for k, row in enumerate(rows)]
    (folder / "names.csv").write_text("a,b,c,y,kind\n" + "\n".join(named) + "\n")
    (folder / "text.txt").write_text("".join(f"{n} and {n}. " for n in range(60)))
    (folder / "series.csv").write_text("v\n" + "".join(f"{np.sin(n / 3):.4f}\n" for n in range(60)))
    x[[7, 33], 1] = np.nan
    for k in range(4):
        part = slice(15 * k, 15 * (k + 1))
        np.savez(folder / f"s{k}.npz", features=x[part], y=y[part])


def lines(run: Path) -> list[dict[str, Any]]:
    return [{key: value for key, value in line.items() if key not in TIMED} for line in read_metrics(run)]


def goes_on(folder: Path, model: str, data: str, loss: str, **settings: Any) -> Path:
    """A run, and the same as if it had been killed after a step of its second epoch: they must end alike."""
    files(folder)
    (folder / "spec.yaml").write_text(model + TRAIN.replace("DATA", data).replace("LOSS", loss))
    args = [f for key, value in settings.items() for f in ("--set", f"{key}={json.dumps(value)}")]
    whole, run = folder / "whole", folder / "killed"
    assert main(["train", str(folder / "spec.yaml"), "--run", str(whole), "--quiet", *args]) == 0
    shutil.copytree(whole, run)
    epochs = [line["step"] for line in read_metrics(run) if line["kind"] == "epoch"]
    kept = epochs[0] + 2
    assert kept < epochs[1]
    for path in listed(run):
        if (step_of(path) or 0) > kept:
            shutil.rmtree(path)
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**facts, "status": "running", "results": {}}))
    assert main(["train", str(run), "--quiet"]) == 0
    for name in ("weights.safetensors", "last.safetensors"):
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name
    one, other = newest(run)[0], newest(whole)[0]
    assert one is not None and other is not None and one.step == other.step
    assert (one.path / TENSORS).read_bytes() == (other.path / TENSORS).read_bytes()
    assert lines(run) == lines(whole)
    return run


@pytest.mark.parametrize("name", STATES)
def test_a_state_goes_on(tmp_path: Path, name: str) -> None:
    goes_on(tmp_path, TABLE, CSV, "cross_entropy", **STATES[name])


@pytest.mark.parametrize(
    ("model", "data", "loss"),
    [
        (TOKENS, "{text: {path: text.txt, context: 8}}", "cross_entropy"),
        (WINDOWS, "{series: {path: series.csv, target: v, lags: 6, horizon: 2}}", "mse"),
        (COLUMNS, NAMES, "cross_entropy"),
    ],
    ids=["text", "series", "table"],
)
def test_data_go_on(tmp_path: Path, model: str, data: str, loss: str) -> None:
    goes_on(tmp_path, model, data, loss)


def test_a_stream_goes_on_and_so_does_its_quarantine(tmp_path: Path) -> None:
    run = goes_on(tmp_path, TABLE, SHARDS, "{cross_entropy: {target: y}}")
    told = [(run.parent / name / QUARANTINE).read_text() for name in ("killed", "whole")]
    assert told[0] == told[1] and told[0].count("not finite") == 2
