"""`weight: balanced`: what it comes to, in training and in evaluation, and where it is refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from archspec import pipeline
from archspec.cli.main import main
from archspec.data import Data
from archspec.data.split import TensorSplit
from archspec.recipe.losses import LOSSES
from archspec.recipe.model import DataFacts, Field, LossTerm
from archspec.runtime.class_weights import balanced
from archspec.runtime.run_folder import read_metrics
from archspec.runtime.session import plan

SPEC = """
archspec: 1
name: rare
inputs: {x: "float32[B, 4]"}
layers: [{linear: 3}]
train:
  data: {npz: {path: rare.npz}}
  loss: {cross_entropy: {weight: balanced, target: y}}
  optimizer: sgd
  epochs: 1
  batch_size: 16
"""


def test_the_weights_are_those_of_scikit_learn() -> None:
    labels = torch.tensor([0] * 7 + [2] * 2 + [3] + [-100] * 5)
    split = TensorSplit({"y": labels})
    data = Data(split, split, DataFacts((Field("y", "int64", ()),)))
    term = LossTerm(LOSSES.parts["cross_entropy"].parse({"weight": "balanced"}), "out", "y", 1.0, 1, classes=5)
    (found,) = balanced((term,), data)
    weights = compute_class_weight("balanced", classes=np.array([0, 2, 3]), y=labels[labels >= 0].numpy())
    assert found.loss.keywords["weight"] == pytest.approx([weights[0], 0, weights[1], weights[2], 0])
    assert term.loss.keywords["weight"] == "balanced"


def test_a_run_and_its_evaluation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    y = np.where(np.arange(200) % 8 == 1, 1, np.where(np.arange(200) % 20 == 0, 2, 0))
    np.savez(tmp_path / "rare.npz", x=random.normal(size=(200, 4)).astype(np.float32), y=y)
    (tmp_path / "rare.yaml").write_text(SPEC, encoding="utf-8")
    given = plan(pipeline.check(tmp_path / "rare.yaml"))
    labels = given.data.train.fields["y"].numpy()
    weights = compute_class_weight("balanced", classes=np.unique(labels), y=labels)
    assert given.recipe.losses[0].loss.keywords["weight"] == pytest.approx(weights)
    assert main(["train", str(tmp_path / "rare.yaml"), "-o", str(tmp_path / "run"), "-q"]) == 0
    (told,) = [line["loss"] for line in read_metrics(tmp_path / "run") if line["kind"] == "epoch"]
    capsys.readouterr()
    assert main(["evaluate", str(tmp_path / "run")]) == 0
    assert re.search(rf"loss\s+{told:.4f}", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("balanced", "balance"), "`weight` of `cross_entropy`"),
        (("x, target: y", "x"), ""),
        (
            ("cross_entropy: {weight: balanced, target: y", "cross_entropy: {weight: [1, 2], target: y"),
            "2 numbers for 3",
        ),
        (("target: y", "target: share"), "for class numbers, and the target is float32[B, 3]"),
        (("npz: {path: rare.npz}", "shards: {path: rare.npz}"), "not counted before training"),
    ],
)
def test_where_it_is_refused(
    change: tuple[str, str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x, share, y = np.zeros((20, 4), np.float32), np.zeros((20, 3), np.float32), np.arange(20) % 3
    np.savez(tmp_path / "rare.npz", x=x, y=y, share=share)
    (tmp_path / "rare.yaml").write_text(SPEC.replace(*change), encoding="utf-8")
    assert main(["check", str(tmp_path / "rare.yaml")]) == bool(words)
    assert words in capsys.readouterr().out
