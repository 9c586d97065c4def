"""Averages of the weights against torch.optim.swa_utils, early stopping, and the checkpoints of the best epochs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from runtime_standin import digits, net, recipe
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.optim.swa_utils import SWALR, AveragedModel, get_ema_multi_avg_fn, update_bn

from archspec import pipeline
from archspec.cli.main import main
from archspec.data import Batches
from archspec.recipe.averaging import AVERAGES
from archspec.recipe.model import Recipe
from archspec.recipe.runtime import Checkpoint, Runtime
from archspec.recipe.schedules import SCHEDULES
from archspec.recipe.stopping import EarlyStopping
from archspec.runtime.checkpoints.store import FOLDER, TENSORS, newest
from archspec.runtime.early import Stopper
from archspec.runtime.interrupt import Stop
from archspec.runtime.progress import Display
from archspec.runtime.run_folder import LAST, RunFolder
from archspec.runtime.schedule import build_schedule
from archspec.runtime.trainer import Trainer
from archspec.runtime.wrap import prepare

CPU = torch.device("cpu")
PLAIN: dict[str, Any] = {"schedule": ("constant", {}), "optimizer": ("sgd", {"lr": 0.05, "momentum": 0.9})}


def train(path: Path, given: Recipe, *, module: nn.Module | None = None) -> Trainer:
    folder = RunFolder.create(path, "net")
    prepared = prepare(module or net(), CPU, given.runtime)
    torch.manual_seed(given.seed)
    trainer = Trainer(prepared, digits(), given, folder, Display(), Stop())
    try:
        trainer.run()
    finally:
        folder.close()
    return trainer


def by_hand(model: nn.Module, averaged: AveragedModel, epochs: int, *, each: str, first: int) -> list[float]:
    """A tutorial's loop, averaging after each step or epoch past `first` steps; the held-out losses of the average."""
    data = digits()
    torch.manual_seed(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses, step, count = [], 0, 0
    for epoch in range(epochs):
        model.train()
        for batch in Batches(data.train, 64, 0, epoch):
            optimizer.zero_grad()
            F.cross_entropy(model(batch["image"]), batch["label"]).backward()
            optimizer.step()
            step += 1
            if each == "step" and step > first:
                averaged.update_parameters(model)
                count += 1
        if each == "epoch" and step > first:
            averaged.update_parameters(model)
            count += 1
            with torch.random.fork_rng():
                update_bn(({"x": b["image"]}["x"] for b in Batches(data.train, 64, shuffle=False)), averaged)
        judged = averaged if count else model
        judged.eval()
        held_out = data.holdout.take(torch.arange(len(data.holdout)))
        with torch.no_grad():
            losses.append(F.cross_entropy(judged(held_out["image"]), held_out["label"]).item())
    return losses


@pytest.mark.parametrize("start", [0, 30])
def test_ema_is_that_of_pytorch(tmp_path: Path, start: int) -> None:
    part = AVERAGES.parts["ema"].parse({"decay": 0.9, "start": start})
    state = train(tmp_path / "r", recipe(**PLAIN, average=part)).state
    model = net()
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    losses = by_hand(model, averaged, 2, each="step", first=start)
    assert [entry["loss"] for entry in state.history] == pytest.approx(losses, rel=1e-5)
    kept = safetensors.torch.load_file(tmp_path / "r" / LAST)
    for name, tensor in averaged.module.state_dict().items():
        assert torch.equal(kept[name], tensor), name
    for name, tensor in model.state_dict().items():
        assert torch.equal(state.module.state_dict()[name], tensor), name  # training itself notices nothing


def test_swa_is_that_of_pytorch(tmp_path: Path) -> None:
    part = AVERAGES.parts["swa"].parse({"start": 0.4})  # of 69 steps, 28: from the second epoch on
    state = train(tmp_path / "r", recipe(**PLAIN, epochs=3, average=part)).state
    model = net()
    averaged = AveragedModel(model)
    losses = by_hand(model, averaged, 3, each="epoch", first=28)
    assert [entry["loss"] for entry in state.history] == pytest.approx(losses, rel=1e-5)
    kept = safetensors.torch.load_file(tmp_path / "r" / LAST)
    for name, tensor in averaged.module.state_dict().items():
        torch.testing.assert_close(kept[name], tensor, msg=name)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_the_rate_of_swa_is_that_of_swalr(strategy: str) -> None:
    ours = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.4)
    average = AVERAGES.parts["swa"].parse({"start": 10, "lr": 0.25, "anneal": 5, "anneal_strategy": strategy})
    rate = build_schedule(SCHEDULES.parts["constant"].parse({}), ours, 20, 5, average=average)
    theirs = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.4)
    swalr = SWALR(theirs, swa_lr=0.1, anneal_epochs=5, anneal_strategy=strategy)  # type: ignore[arg-type]
    for step in range(20):
        assert ours.param_groups[0]["lr"] == pytest.approx(theirs.param_groups[0]["lr"] if step >= 10 else 0.4)
        ours.step()
        rate.step()
        if step >= 10:
            theirs.step()
            swalr.step()


NET = """
archspec: 1
name: tiny
inputs: {image: "float32[B, 1, 8, 8]"}
layers: [flatten, {name: up, linear: 16}, batch_norm1d, relu, {dropout: 0.2}, {name: head, linear: 10}]
outputs: {logits: head}
train:
  data: digits
  loss: cross_entropy
  metrics: accuracy
  optimizer: {sgd: {lr: 0.1, momentum: 0.9}}
  epochs: 4
  batch_size: 128
  average: AVERAGE
runtime: {checkpoint: {keep: {last: 1, best: 2, by: val.loss}}}
"""


@pytest.mark.parametrize("average", ["{ema: {decay: 0.8}}", "{swa: {start: 0.2, lr: 0.5, anneal: 4}}"])
def test_an_average_goes_on_bit_for_bit(tmp_path: Path, average: str) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(NET.replace("AVERAGE", average), encoding="utf-8")
    assert main(["train", str(spec), "--run", str(tmp_path / "whole"), "-q"]) == 0
    assert main(["train", str(spec), "--run", str(tmp_path / "r"), "-q"]) == 0
    whole, _ = newest(tmp_path / "whole")
    assert whole is not None
    steps = sorted(int(path.name.split("-")[1]) for path in (tmp_path / "r" / FOLDER).iterdir())
    # The state of an earlier epoch, as if the run had been killed right after it.
    facts = json.loads((tmp_path / "r" / "run.json").read_text())
    facts["status"] = "running"
    (tmp_path / "r" / "run.json").write_text(json.dumps(facts))
    for path in (tmp_path / "r" / FOLDER).iterdir():
        if int(path.name.split("-")[1]) != steps[0]:
            for file in path.iterdir():
                file.unlink()
            path.rmdir()
    assert steps[0] < steps[-1]
    assert main(["train", str(tmp_path / "r"), "-q"]) == 0
    again, _ = newest(tmp_path / "r")
    assert again is not None and again.step == whole.step
    assert (again.path / TENSORS).read_bytes() == (whole.path / TENSORS).read_bytes()
    for name in ("weights.safetensors", "last.safetensors"):
        assert (tmp_path / "r" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_the_checkpoints_of_the_best_epochs_stay(tmp_path: Path) -> None:
    keep = Checkpoint.parse({"keep": {"last": 1, "best": 2, "by": "loss"}})
    given = recipe(**{**PLAIN, "optimizer": ("sgd", {"lr": 0.3, "momentum": 0.9})}, epochs=5)
    given.runtime = Runtime(checkpoint=keep)
    state = train(tmp_path / "r", given).state
    best = sorted(state.history, key=lambda entry: entry["loss"])[:2]
    kept = {int(path.name.split("-")[1]) for path in (tmp_path / "r" / FOLDER).iterdir()}
    assert kept == {entry["step"] for entry in best} | {state.step}


def stopper(values: list[float], **args: Any) -> int | None:
    """The epoch (from 1) after which it stops."""
    one = Stopper(EarlyStopping.parse({"monitor": "loss", **args}), ())
    for number, value in enumerate(values, 1):
        one.judge({"loss": value})
        again = Stopper(EarlyStopping.parse({"monitor": "loss", **args}), ())
        again.restore(one.state())
        one = again
        if one.over:
            return number
    return None


def test_early_stopping_counts_epochs_without_an_improvement() -> None:
    falling = [1.0, 0.9, 0.8, 0.81, 0.79, 0.8, 0.85, 0.9]
    assert stopper(falling, patience=3) == 8
    assert stopper(falling, patience=4) is None
    assert stopper(falling, patience=3, min_delta=0.05) == 6  # 0.79 is no improvement of 0.8 by more than that
    assert stopper([1.0, float("nan"), float("nan")], patience=2) == 3
    assert stopper([0.1, 0.2, 0.3, 0.3, 0.3], patience=2, mode="max") == 5


def test_a_run_that_stops_early_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "spec.yaml"
    text = NET.replace("  average: AVERAGE\n", "  early_stopping: {patience: 2, monitor: accuracy, min_delta: 1.0}\n")
    spec.write_text(text.replace("epochs: 4", "epochs: 9"), encoding="utf-8")
    assert main(["train", str(spec), "--run", str(tmp_path / "r")]) == 0
    assert "\nstopped early: `accuracy` has not improved for 2 epochs\nbest " in capsys.readouterr().out
    facts = json.loads((tmp_path / "r" / "run.json").read_text())
    assert facts["status"] == "done" and facts["results"]["epochs"] == 3
    assert "stopped early: `accuracy` has not improved for 2 epochs" in facts["message"]
    capsys.readouterr()
    assert main(["train", str(tmp_path / "r"), "-q"]) == 2
    assert "stopped early" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("  average: AVERAGE", "  early_stopping: {monitor: acuracy}", "early_stopping", "no epoch gives `acuracy`"),
        ("by: val.loss", "by: val.lss", "runtime", "no epoch gives `val.lss`"),
        ("  average: AVERAGE", "  average: {ema: {decay: 2}}", "average", "probability"),
        ("  average: AVERAGE", "  early_stopping: {patience: 0}", "early_stopping", "positive integer"),
        ("best: 2", "bst: 2", "runtime", "no argument `bst`"),
    ],
)
def test_what_is_wrong_is_told_at_its_line(old: str, new: str, place: str, words: str) -> None:
    text = NET.replace(old, new).replace("  average: AVERAGE\n", "")
    found = [d for d in pipeline.check(text).diagnostics if d.is_error]
    assert len(found) == 1 and words in found[0].message, found
    assert text.splitlines()[found[0].span.line - 1].lstrip().startswith(place)
