"""TensorBoard as it is; MLflow and W&B as stand-ins with their interfaces; what happens when one is absent or fails."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from runtime_process import DIGITS, SMALL

from archspec import pipeline
from archspec.cli.main import main
from archspec.runtime.run_folder import read_metrics


def train(run: Path, log: str, *more: str, epochs: int = 2) -> int:
    sets = ["--set", f"runtime.log={log}", "--epochs", str(epochs), *more]
    return main(["train", str(DIGITS), *SMALL, "--run", str(run), "-q", *sets])


def test_tensorboard_has_the_values_of_metrics_jsonl(tmp_path: Path) -> None:
    assert train(tmp_path / "r", "{tensorboard: true}") == 0
    # more epochs in the same place; what is logged again hides what was there
    assert main(["train", str(tmp_path / "r"), "--epochs", "3", "-q"]) == 0
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "r" / "tensorboard"))
    events.Reload()
    for kind, name, tag in (
        ("step", "loss", "train/loss"),
        ("step", "lr", "train/lr"),
        ("epoch", "accuracy", "val/accuracy"),
        ("epoch", "loss", "val/loss"),
        ("epoch", "train_loss", "train/epoch_loss"),
    ):
        told = {line["step"]: line[name] for line in read_metrics(tmp_path / "r") if line["kind"] == kind}
        found = {event.step: event.value for event in events.Scalars(tag)}
        assert found == {step: pytest.approx(value, rel=1e-5) for step, value in told.items()}, tag


class Calls(list[Any]):
    def said(self, name: str) -> list[Any]:
        return [args for kind, args in self if kind == name]


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls = Calls()

    def init(**given: Any) -> Any:
        calls.append(("init", given))
        return SimpleNamespace(
            id=given["id"] or "abc",
            log=lambda values, step: calls.append(("log", (step, values))),
            finish=lambda exit_code: calls.append(("finish", exit_code)),
        )

    module = ModuleType("wandb")
    module.init = init  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    return calls


def test_wandb(tmp_path: Path, wandb: Calls) -> None:
    assert train(tmp_path / "r", "{wandb: {project: digits}}", epochs=1) == 0
    (first,) = wandb.said("init")
    assert (first["project"], first["mode"], first["resume"]) == ("digits", "offline", None)
    assert first["config"]["batch_size"] == 64 and first["dir"] == str(tmp_path / "r")
    steps = dict(wandb.said("log"))
    assert steps[23].keys() >= {"val/accuracy", "val/f1", "val/loss", "train/epoch_loss", "epoch"}
    assert wandb.said("finish") == [0]
    assert main(["train", str(tmp_path / "r"), "--epochs", "2", "-q"]) == 0
    again = wandb.said("init")[1]
    assert (again["id"], again["resume"]) == ("abc", "allow")


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls = Calls()
    module: Any = ModuleType("mlflow")
    module.set_experiment = lambda name: calls.append(("experiment", name))
    module.log_params = lambda given: calls.append(("params", given))

    def log_metrics(values: dict[str, float], step: int) -> None:
        for name in values:  # MLflow's rule (mlflow.utils.validation)
            assert re.fullmatch(r"[/\w.\- ]*", name), name
        calls.append(("metrics", (step, values)))

    module.log_metrics = log_metrics
    module.end_run = lambda status: calls.append(("end", status))

    def start_run(run_id: str | None, run_name: str) -> Any:
        calls.append(("start", (run_id, run_name)))
        return SimpleNamespace(info=SimpleNamespace(run_id=run_id or "17"))

    module.start_run = start_run
    monkeypatch.setitem(sys.modules, "mlflow", module)
    return calls


def test_mlflow(tmp_path: Path, mlflow: Calls) -> None:
    assert train(tmp_path / "r", "{mlflow: true}", epochs=1) == 0
    assert mlflow.said("experiment") == ["digits_cnn"] and mlflow.said("start") == [(None, "r")]
    assert mlflow.said("params")[0]["batch_size"] == "64"
    assert all(isinstance(value, float) for _, values in mlflow.said("metrics") for value in values.values())
    assert mlflow.said("end") == ["FINISHED"]
    assert main(["train", str(tmp_path / "r"), "--epochs", "2", "-q"]) == 0
    assert mlflow.said("start")[1] == ("17", "r") and len(mlflow.said("params")) == 1


def test_names_that_mlflow_does_not_take(tmp_path: Path, mlflow: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = "train.metrics=[precision, {precision: {average: micro}}]"
    assert train(tmp_path / "r", "{mlflow: true}", "--set", metrics, epochs=1) == 0
    assert "warning" not in capsys.readouterr().err
    assert {"val/precision", "val/precision average micro"} <= {
        name for _, values in mlflow.said("metrics") for name in values
    }


@pytest.mark.slow
def test_mlflow_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow 3 would rather have a database
    assert train(tmp_path / "r", "{mlflow: {experiment: digits}}", epochs=1) == 0
    assert main(["train", str(tmp_path / "r"), "--epochs", "2", "-q"]) == 0
    client = mlflow.MlflowClient()
    (run,) = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    assert run.info.status == "FINISHED" and run.data.params["batch_size"] == "64"
    for kind, name, tag in (("step", "loss", "train/loss"), ("epoch", "accuracy", "val/accuracy")):
        told = {line["step"]: line[name] for line in read_metrics(tmp_path / "r") if line["kind"] == kind}
        assert {value.step: value.value for value in client.get_metric_history(run.info.run_id, tag)} == told


@pytest.mark.slow
def test_wandb_itself(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    assert train(tmp_path / "r", "{wandb: true}", epochs=1) == 0
    assert main(["train", str(tmp_path / "r"), "--epochs", "2", "-q"]) == 0
    names = [path.name for path in (tmp_path / "r" / "wandb").glob("offline-run-*/run-*.wandb")]
    assert len(names) == 2 and len(set(names)) == 1  # two parts of one run


def test_one_that_is_absent_is_told_before_a_folder_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert train(tmp_path / "r", "{wandb: true}") == 2
    said = capsys.readouterr().err
    assert "`wandb`, which is not installed" in said and "pip install 'archspec-nn[wandb]'" in said
    assert not (tmp_path / "r").exists() and "internal" not in said


def test_one_that_fails_is_a_warning(tmp_path: Path, wandb: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(values: Any, step: int) -> None:
        raise ConnectionError("the server is gone")

    sys.modules["wandb"].init = lambda **given: SimpleNamespace(id="x", log=fail, finish=fail)
    assert train(tmp_path / "r", "{wandb: true}", epochs=1) == 0
    assert capsys.readouterr().err.count("`wandb` no longer logs this run: the server is gone") == 1
    assert json.loads((tmp_path / "r" / "run.json").read_text())["status"] == "done"


@pytest.mark.parametrize("folder", ["/etc", "../x", "a/../../b", "C:/x", ""])
def test_a_spec_names_no_place_outside_the_run(folder: str) -> None:
    report = pipeline.check(DIGITS, {"runtime.log": {"tensorboard": {"folder": folder}}})
    assert not report.ok and "within the run folder" in report.diagnostics[0].message
