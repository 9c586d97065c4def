"""A run that was stopped or killed goes on bit for bit where it was."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from runtime_process import DIGITS, SMALL, archspec, environment, here, killed

from archspec.cli.main import main
from archspec.runtime.checkpoints.store import TENSORS, newest
from archspec.runtime.run_folder import read_metrics

TIMED = ("seconds", "samples_per_second", "last")
ARGS = (str(DIGITS), *SMALL, "--epochs", "3", "--set", "runtime.checkpoint={steps: 5}")


def measured(run: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in line.items() if k not in TIMED} for line in read_metrics(run)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("whole") / "r"
    assert main(["train", *ARGS, "--run", str(run), "--quiet"]) == 0
    return run


def same_as(whole: Path, run: Path) -> None:
    for name in ("weights.safetensors", "last.safetensors"):
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name
    assert measured(run) == measured(whole)
    one, other = newest(run)[0], newest(whole)[0]
    assert one is not None and other is not None and one.step == other.step
    assert (one.path / TENSORS).read_bytes() == (other.path / TENSORS).read_bytes()


@pytest.mark.parametrize("delay", [0.05, 0.3, 0.8])
def test_a_killed_run_goes_on_bit_for_bit(tmp_path: Path, whole: Path, delay: float) -> None:
    killed("train", *ARGS, "--quiet", run=tmp_path / "r", delay=delay)
    found, _ = newest(tmp_path / "r")
    assert found is not None
    done = here("train", *ARGS, "--run", "r", "--quiet", cwd=tmp_path)
    if done.returncode == 2:  # it had come to its end before it was killed
        assert "finished" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
    same_as(whole, tmp_path / "r")


def test_a_stopped_run_goes_on_from_its_folder(tmp_path: Path, whole: Path) -> None:
    command = [sys.executable, "-m", "archspec", "train", *ARGS, "--run", "r"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("epoch 1")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
        assert process.returncode in (128 + signal.SIGTERM, 0)
    if process.returncode:
        stopped = json.loads((tmp_path / "r" / "run.json").read_text())["results"]["steps"]
        assert archspec("train", "r", "--quiet", cwd=tmp_path).returncode == 0
        facts = json.loads((tmp_path / "r" / "run.json").read_text())
        assert [entry["step"] for entry in facts["resumed"]] == [stopped] and facts["status"] == "done"
    same_as(whole, tmp_path / "r")


def test_more_epochs_for_a_finished_run(tmp_path: Path) -> None:
    constant = (str(DIGITS), *SMALL, "--set", "train.schedule=constant", "--quiet")
    for name, steps in (("once", ["4"]), ("twice", ["2", "4"])):
        for epochs in steps:
            assert main(["train", *constant, "--epochs", epochs, "--run", str(tmp_path / name)]) == 0
    for name in ("weights.safetensors", "last.safetensors"):
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "twice" / name).read_bytes()


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "r"
    shutil.copytree(whole, run)
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**facts, "status": "running", "results": {}}))
    found, _ = newest(run)
    assert found is not None
    path = found.path / TENSORS
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["train", *ARGS, "--run", str(run), "--quiet"]) == 0
    assert "passed over" in capsys.readouterr().err
    same_as(whole, run)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (["--set", "train.seed=7"], "`train.seed` differs"),
        (["--set", "classes=11"], "`params` differs"),
        ([], "finished run"),
    ],
)
def test_what_is_not_gone_on_with(
    whole: Path, changed: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {p: p.read_bytes() for p in whole.rglob("*") if p.is_file()}
    assert main(["train", *ARGS, *changed, "--run", str(whole)]) == 2
    assert words in capsys.readouterr().err
    assert {p: p.read_bytes() for p in whole.rglob("*") if p.is_file()} == before


def test_a_run_in_use(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "archspec", "train", str(DIGITS), *SMALL, "--epochs", "100000", "--run", "r"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        done = here("train", "r", cwd=tmp_path)
        process.kill()
        process.communicate()
    assert done.returncode == 2 and "in use by another process" in done.stderr


def test_killed_before_anything_was_trained(tmp_path: Path, whole: Path) -> None:
    run = tmp_path / "r"
    run.mkdir()
    (run / "metrics.jsonl").write_text("")
    (run / "model.py").write_text("half")
    assert main(["train", *ARGS, "--run", str(run), "--quiet"]) == 0
    same_as(whole, run)


def test_weights_that_are_not_finite_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.yaml").write_text(
        "archspec: 1\ninputs: {x: 'float32[B, 2]'}\n"
        "layers:\n  - {name: fc, linear: 4}\n  - log\n  - {name: head, linear: 2}\n"
        "train: {data: {csv: {path: d.csv, target: y}}, loss: cross_entropy, optimizer: sgd,\n"
        "  epochs: 1, batch_size: 8}\n"
    )
    (tmp_path / "d.csv").write_text("a,b,y\n" + "".join(f"{i % 7},{i % 3},{i % 2}\n" for i in range(40)))
    assert main(["train", str(tmp_path / "net.yaml"), "--run", str(tmp_path / "r"), "--quiet"]) == 2
    err = capsys.readouterr().err
    assert "is the first to give NaN" in err and ".log()" in err.replace("torch.log(", ".log()"), err


def test_the_state_holds_everything(whole: Path) -> None:
    found, _ = newest(whole)
    assert found is not None
    tensors = safetensors.torch.load_file(found.path / TENSORS)
    names = {name.split(".")[1] for name in tensors}
    assert names >= {"module", "optimizer", "random"}
    assert torch.isfinite(tensors["train.module.fc.weight"]).all() if "train.module.fc.weight" in tensors else True


def test_killed_while_a_first_file_was_written(tmp_path: Path) -> None:
    run = tmp_path / "r"
    run.mkdir()
    for name in ("metrics.jsonl", "spec.yaml", ".model.py.31443.part"):
        (run / name).touch()
    assert main(["train", *ARGS, "--epochs", "1", "--run", str(run), "--quiet"]) == 0
    other = tmp_path / "other"
    other.mkdir()
    (other / "metrics.jsonl").touch()
    (other / "notes.part").touch()
    assert main(["train", *ARGS, "--epochs", "1", "--run", str(other), "--quiet"]) == 2
