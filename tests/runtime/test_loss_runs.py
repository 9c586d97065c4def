"""Runs with losses that read more than an output and a target."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import groupby, product
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import archspec
from archspec.cli.main import main
from archspec.runtime.ctc import best_path
from archspec.runtime.run_folder import read_metrics

SPEECH = """
archspec: 1
name: speech
inputs: {x: "float32[B, T, 6]"}
layers: [{linear: 16}, relu, {linear: 6}, {name: scores, log_softmax: -1}]
outputs: {scores: scores}
train:
  data: {npz: {path: speech.npz}}
  inputs: {x: x}
  loss: {ctc: {target: y, input_lengths: steps, target_lengths: symbols}}
  optimizer: {adam: {lr: 0.02}}
  epochs: 4
  batch_size: 16
"""
FACES = """
archspec: 1
name: faces
inputs: {a: "float32[B, 8]", p: "float32[B, 8]", n: "float32[B, 8]"}
layers:
  - {name: near, from: a, sequence: [{linear: 16}, relu, {linear: 4}]}
  - {name: positive, from: p, use: near}
  - {name: negative, from: n, use: near}
outputs: {anchor: near, positive: positive, negative: negative}
train:
  data: {npz: {path: faces.npz}}
  loss: {triplet_margin: {input: anchor, positive: positive, negative: negative}}
  optimizer: {adam: {lr: 0.01}}
  epochs: 4
  batch_size: 32
"""


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Symbols as peaks of one of six channels, somewhere in the sequence."""
    random = np.random.default_rng(0)
    n, most = 96, 4
    x, y = random.normal(0, 0.1, (n, 12, 6)).astype(np.float32), np.zeros((n, most), np.int64)
    steps, symbols = random.integers(9, 13, n), random.integers(1, most + 1, n)
    for i in range(n):
        for k, place in enumerate(np.sort(random.choice(9, symbols[i], replace=False))):
            y[i, k] = random.integers(1, 6)
            x[i, place, y[i, k]] += 3
    np.savez(tmp_path / "speech.npz", x=x, y=y, steps=steps, symbols=symbols)
    (tmp_path / "speech.yaml").write_text(SPEECH, encoding="utf-8")
    return tmp_path


def losses(run: Path) -> list[float]:
    return [line["loss"] for line in read_metrics(run) if line["kind"] == "epoch"]


def test_ctc_learns_and_goes_through_a_batch_in_parts(speech: Path) -> None:
    spec = str(speech / "speech.yaml")
    assert main(["train", spec, "-o", str(speech / "whole"), "-q"]) == 0
    parts = ["--set", "runtime.micro_batch_size=5"]
    assert main(["train", spec, "-o", str(speech / "parts"), "-q", *parts]) == 0
    whole = losses(speech / "whole")
    assert whole[-1] < 0.7 * whole[0]
    assert losses(speech / "parts") == pytest.approx(whole, rel=1e-3)


def collapsed(path: Sequence[int]) -> list[int]:
    return [k for k, _ in groupby(path) if k != 0]


def test_a_sequence_is_predicted(speech: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = speech / "run"
    assert main(["train", str(speech / "speech.yaml"), "-o", str(run), "-q"]) == 0
    module = archspec.compile(run / "spec.yaml").eval()
    module.load_state_dict(load_file(run / "weights.safetensors"))
    with np.load(speech / "speech.npz") as given, torch.inference_mode():
        best = module(torch.from_numpy(given["x"])).argmax(-1).tolist()
    capsys.readouterr()
    assert main(["predict", str(run), str(speech / "speech.npz"), "--json"]) == 0
    told = [sample["scores"] for sample in json.loads(capsys.readouterr().out)["predictions"]]
    assert [one["sequence"] for one in told] == [[str(k) for k in collapsed(path)] for path in best]
    assert main(["predict", str(run), str(speech / "speech.npz")]) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith("1: " + (" ".join(told[0]["sequence"]) or "(nothing)"))


@pytest.mark.parametrize("seed", range(5))
def test_its_probability_is_that_of_all_paths_that_say_it(seed: int) -> None:
    values = (3 * torch.randn(4, 3, generator=torch.Generator().manual_seed(seed))).log_softmax(-1)
    said, probability = best_path(values, 0)
    assert said == collapsed(values.argmax(-1).tolist())
    paths = [path for path in product(range(3), repeat=4) if collapsed(path) == said]
    assert probability == pytest.approx(sum(math.exp(values[range(4), path].sum()) for path in paths), rel=1e-5)


def test_of_blanks_alone_nothing_is_said() -> None:
    values = torch.tensor([[0.9, 0.1], [0.8, 0.2]]).log()
    said, probability = best_path(values, 0)
    assert said == [] and probability == pytest.approx(0.72)


def test_lengths_that_the_model_does_not_have(speech: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with np.load(speech / "speech.npz") as given:
        arrays = dict(given)
    arrays["steps"][:] = 13
    np.savez(speech / "speech.npz", **arrays)
    assert main(["train", str(speech / "speech.yaml"), "-o", str(speech / "run"), "-q"]) == 2
    said = capsys.readouterr().err
    assert "`steps` has the length 13, of 12 at most" in said and "Traceback" not in said


def test_a_triplet_needs_no_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    a, n = random.normal(size=(2, 200, 8)).astype(np.float32)
    np.savez(tmp_path / "faces.npz", a=a, p=a + np.float32(0.1), n=n)
    (tmp_path / "faces.yaml").write_text(FACES, encoding="utf-8")
    run = tmp_path / "run"
    assert main(["train", str(tmp_path / "faces.yaml"), "-o", str(run), "-q"]) == 0
    found = losses(run)
    assert found[-1] < 0.5 * found[0]
    capsys.readouterr()
    assert main(["evaluate", str(run)]) == 0
    assert f"{found[-1]:.4f}" in capsys.readouterr().out
    (tmp_path / "faces.yaml").write_text(FACES.replace("  optimizer", "  metrics: mae\n  optimizer"), encoding="utf-8")
    assert main(["check", str(tmp_path / "faces.yaml")]) == 1
    assert "`mae` needs `target`: the data's fields are a, n, p" in capsys.readouterr().out
