"""Several losses: each is told of the held-out data by its output, as PyTorch computes it, and their weighted sum."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from runtime_process import archspec
from torch.nn import functional as F  # noqa: N812

from archspec.recipe.losses import LOSSES
from archspec.recipe.model import LossTerm, loss_labels
from archspec.runtime.run_folder import read_metrics
from archspec.runtime.trained import load_trained

SPEC = """\
archspec: 1
inputs: {x: "float32[B, 6]"}
layers:
  - {name: stem, linear: 8}
  - {name: hidden, relu: {}}
  - {name: kind, linear: 4}
  - {name: size, linear: 1, from: hidden}
  - {name: flat, squeeze: -1, from: size}
outputs: {kind: kind, size: flat}
train:
  data: {npz: {path: train.npz, validation: held_out.npz}}
  loss:
    - {cross_entropy: {input: kind, target: k}}
    - {mse: {input: size, target: s}, weight: 0.25}
    - {l1: {input: size, target: s}, weight: 0.5}
  metrics: [{accuracy: {input: kind, target: k}}]
  optimizer: {sgd: {lr: 0.05}}
  epochs: 1
  batch_size: 8
"""


def test_each_loss_by_its_output(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name, count in (("train", 40), ("held_out", 21)):
        x = random.normal(size=(count, 6)).astype(np.float32)
        np.savez(tmp_path / name, x=x, k=random.integers(0, 4, count), s=x.sum(1))
    (tmp_path / "spec.yaml").write_text(SPEC)
    done = archspec("train", "spec.yaml", "--run", "r", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    held_out = {name: torch.from_numpy(array) for name, array in np.load(tmp_path / "held_out.npz").items()}
    with torch.no_grad():
        out = load_trained(tmp_path / "r").module(held_out["x"])
    kind = F.cross_entropy(out["kind"], held_out["k"])
    size, far = (loss(out["size"], held_out["s"]) for loss in (F.mse_loss, F.l1_loss))
    (epoch,) = [line for line in read_metrics(tmp_path / "r") if line["kind"] == "epoch"]
    assert epoch["loss_kind"] == pytest.approx(kind.item(), rel=1e-5)
    assert epoch["loss_size_mse"] == pytest.approx(size.item(), rel=1e-5)
    assert epoch["loss"] == pytest.approx((kind + size / 4 + far / 2).item(), rel=1e-5)
    assert "loss_kind" in done.stdout and "loss_size_mse" in (tmp_path / "r" / "report.html").read_text()
    again = json.loads(archspec("evaluate", "r", "--json", cwd=tmp_path).stdout)
    assert again["loss_size_mse"] == pytest.approx(epoch["loss_size_mse"], rel=1e-6)


def test_labels() -> None:
    mse, l1 = (LOSSES.parts[name].parse({}) for name in ("mse", "l1"))
    one, other = LossTerm(mse, "a", "x"), LossTerm(l1, "a", "y")
    assert loss_labels([one]) == ()
    assert loss_labels([one, LossTerm(mse, "b", "x")]) == ("loss_a", "loss_b")
    assert loss_labels([one, other, one]) == ("loss_a_mse", "loss_a_l1", "loss_a_mse_2")
