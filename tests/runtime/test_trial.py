"""Dry runs, one batch learned by heart, and the search for a learning rate: nothing is left behind."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from runtime_process import DIGITS, SMALL

from archspec.cli.main import main
from archspec.cli.trial import plot, seconds, size
from archspec.runtime.trial import centred, steepest


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def found(capsys: pytest.CaptureFixture[str], *args: str, code: int = 0) -> Any:
    assert main(["train", str(DIGITS), *SMALL, *args, "--json"]) == code
    assert list(Path().iterdir()) == []
    return json.loads(capsys.readouterr().out)


def test_a_dry_run_says_what_a_run_takes(capsys: pytest.CaptureFixture[str]) -> None:
    dry = found(capsys, "--dry-run", "--set", "train.optimizer={adamw: {lr: 1e-3}}")
    parameters = dry["settings"]["parameters"]
    buffers = 2 * (4 + 8 + 8) * 4 + 3 * 8  # means and variances float32, and three counts int64
    memory = dry["memory"]
    assert memory["weights"] == 4 * parameters + buffers
    assert memory["gradients"] == 4 * parameters
    tensors = 3 * 3 + 2  # a convolution without bias and a norm's two, three times; the last layer's two
    assert memory["optimizer"] == 2 * 4 * parameters + 4 * tensors  # two averages, and a step each
    assert memory["activations"] > 64 * 64 * 4  # the images at least
    assert memory["total"] == sum(memory[key] for key in ("weights", "gradients", "optimizer", "activations"))
    assert dry["steps"] == 23 * 15 and dry["loss"] == pytest.approx(math.log(10), abs=0.8)
    assert dry["seconds"] >= dry["steps"] * dry["step_seconds"] > 0


def test_one_batch_is_learned_by_heart(capsys: pytest.CaptureFixture[str]) -> None:
    right = found(capsys, "--overfit-one-batch", "--set", "train.optimizer={adamw: {lr: 1e-2}}")
    assert right["learned"] and right["last"] <= 0.1 * right["first"] and right["steps"] <= 200
    wrong = found(capsys, "--overfit-one-batch", "5", "--set", "train.optimizer={sgd: {lr: 1e-6}}", code=1)
    assert wrong["steps"] == 5 and not wrong["learned"]


def test_a_learning_rate_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    curve = found(capsys, "--find-lr", "60", "--set", "train.optimizer={sgd: {lr: 0.5, momentum: 0.9}}")
    assert len(curve["lr"]) == len(curve["loss"]) == len(curve["smoothed"]) <= 60
    assert curve["lr"][0] == pytest.approx(1e-7) and curve["lr"] == sorted(curve["lr"])
    assert 1e-4 < curve["suggestion"] < 1
    assert main(["train", str(DIGITS), *SMALL, "--find-lr", "20"]) == 0
    text = capsys.readouterr().out
    assert "suggestion" in text and "lr  loss" in text and "*" in text
    assert list(Path().iterdir()) == []


def test_the_steepest_place() -> None:
    rates = [10.0 ** (k / 10) for k in range(40)]
    losses = [1 / (1 + math.exp((k - 20) / 2)) for k in range(40)]  # falls around the 20th
    assert steepest(rates, losses) == rates[20]
    assert steepest(rates, [1.0] * 40) is None
    assert steepest([], []) is None
    assert centred([0.0, 3.0, 6.0, 9.0], 1) == [1.5, 3.0, 6.0, 7.5]


def test_words() -> None:
    assert (size(12), size(12_345_678)) == ("12 bytes", "12.3 MB")
    assert (seconds(0.0031), seconds(90), seconds(7200)) == ("3.1 ms", "1.5 min", "2 h")
    assert plot([1e-3], [2.0], None)  # one point is no reason to fail


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--json"], "`--json` is for"),
        (["--dry-run", "--find-lr"], "not allowed with"),
        (["--find-lr", "1"], "from 2"),
        (["--find-lr", "--set", "train.optimizer={sgd: {lr: 0}}"], "`lr` is 0"),
    ],
)
def test_wrong_use(capsys: pytest.CaptureFixture[str], args: list[str], words: str) -> None:
    assert main(["train", str(DIGITS), *args]) == 2
    assert words in capsys.readouterr().err
