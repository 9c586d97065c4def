"""`archspec evaluate`, and prediction at any checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from runtime_process import DIGITS, SMALL, archspec, here

from archspec.cli.main import main
from archspec.runtime.checkpoints.store import listed, step_of
from archspec.runtime.predict import forward, load_run
from archspec.runtime.run_folder import read_metrics


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three epochs with the checkpoints of all, under an average of the weights."""
    run = tmp_path_factory.mktemp("evaluated") / "r"
    more = ("train.average={ema: {decay: 0.9}}", "runtime.checkpoint={keep: {last: 1, best: 3}}")
    sets = [word for text in more for word in ("--set", text)]
    assert main(["train", str(DIGITS), *SMALL, "--epochs", "3", *sets, "--run", str(run), "-q"]) == 0
    return run


def evaluated(capsys: pytest.CaptureFixture[str], run: Path, *args: str) -> dict[str, Any]:
    assert main(["evaluate", str(run), "--json", *args]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_every_checkpoint_gives_what_its_epoch_told(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = {line["step"]: line for line in read_metrics(run) if line["kind"] == "epoch"}
    for step, line in told.items():
        found = evaluated(capsys, run, "--checkpoint", str(step))
        assert found["samples"] == 359
        assert {key: found[key] for key in ("loss", "accuracy", "f1")} == {
            key: pytest.approx(line[key], rel=1e-6) for key in ("loss", "accuracy", "f1")
        }
    best = max(told.values(), key=lambda line: (line["accuracy"], -line["loss"]))
    assert evaluated(capsys, run)["loss"] == pytest.approx(best["loss"], rel=1e-6)
    last = told[max(told)]
    assert evaluated(capsys, run, "--checkpoint", "last")["loss"] == pytest.approx(last["loss"], rel=1e-6)
    assert evaluated(capsys, run, "--split", "train")["samples"] == 1438


def test_predictions_differ_with_the_checkpoint(run: Path) -> None:
    steps = sorted(step for path in listed(run) if (step := step_of(path)) is not None)
    image = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    outputs = [forward(load_run(run, checkpoint=str(step)), [image]) for step in steps]
    assert len(outputs) == 3 and isinstance(outputs[0], torch.Tensor) and isinstance(outputs[1], torch.Tensor)
    assert not torch.equal(outputs[0], outputs[1])


def test_as_a_process(run: Path, tmp_path: Path) -> None:
    done = archspec("evaluate", run, "--checkpoint", "last", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.splitlines()[0] == "samples  359"
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["samples", "loss", "accuracy", "f1"]
    done = here("predict", run, "digits:3", "--checkpoint", "last", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--checkpoint", "7"], "has no checkpoint `7`: there are best, last, and those of the steps 23, 46, 69"),
        (["--checkpoint", "../x"], "has no checkpoint"),
        (["--split", "test"], "invalid choice"),
    ],
)
def test_wrong_use(run: Path, capsys: pytest.CaptureFixture[str], args: list[str], words: str) -> None:
    assert main(["evaluate", str(run), *args]) == 2
    assert words in capsys.readouterr().err


def test_a_spec_has_no_checkpoints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(DIGITS), "--checkpoint", "last"]) == 2
    assert "no run folder" in capsys.readouterr().err
