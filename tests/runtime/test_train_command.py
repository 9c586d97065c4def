"""`archspec train` from the outside."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import resource
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from runtime_process import DIGITS, SMALL, archspec, environment, here

import archspec as package
from archspec import pipeline
from archspec.cli.main import main
from archspec.model import weights
from archspec.runtime.run_folder import read_metrics

FILES = {
    "spec.yaml", "model.py", "metrics.jsonl", "weights.safetensors", "last.safetensors", "run.json", "report.html",
    "checkpoints",
}  # fmt: skip
TIMED = ("seconds", "samples_per_second", "last")


def facts(run: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((run / "run.json").read_text(encoding="utf-8"))
    return read


def test_ninety_eight_percent_within_a_minute_of_two_cores(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = archspec("train", DIGITS, cwd=tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert facts(tmp_path / "runs" / "digits_cnn-1")["results"]["best"] >= 0.98
    # Processor time, as other tests may run beside this one; of one thread, as two would wait for each other then.
    assert (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime) < 120


def test_the_run_folder(digits_run: Path) -> None:
    assert {p.name for p in digits_run.iterdir()} == FILES
    known = facts(digits_run)
    assert known["status"] == "done" and known["seed"] == 0 and known["environment"]["torch"] == torch.__version__
    assert known["results"]["epochs"] == 2
    lines = list(read_metrics(digits_run))
    assert lines[-1]["kind"] == "final"
    epochs = [line for line in lines if line["kind"] == "epoch"]
    assert [e["epoch"] for e in epochs] == [1, 2]
    assert known["results"]["best"] == max(e["accuracy"] for e in epochs)


def test_the_folder_is_enough_to_have_the_model_again(digits_run: Path) -> None:
    model = package.compile(digits_run / "spec.yaml")
    assert weights.load(model, digits_run / "weights.safetensors").complete
    emitted = pipeline.source(digits_run / "spec.yaml").replace("spec.yaml", DIGITS.name)
    assert (digits_run / "model.py").read_text(encoding="utf-8") == emitted
    text = (digits_run / "spec.yaml").read_text(encoding="utf-8")
    assert text == DIGITS.read_text(encoding="utf-8").replace("[16, 32, 64]", "[4, 8, 8]").replace(
        "epochs: 15", "epochs: 2"
    )


def test_the_resolved_spec_trains_to_the_same_weights(digits_run: Path, tmp_path: Path) -> None:
    """Reproducible in another process and folder, and nothing of the command line is lost in the spec."""
    done = here("train", digits_run / "spec.yaml", "--run", "again", "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for name in ("weights.safetensors", "last.safetensors", "spec.yaml"):
        assert (tmp_path / "again" / name).read_bytes() == (digits_run / name).read_bytes(), name

    def measured(run: Path) -> list[dict[str, Any]]:
        return [{k: v for k, v in line.items() if k not in TIMED} for line in read_metrics(run)]

    assert measured(tmp_path / "again") == measured(digits_run)


def test_a_run_is_never_overwritten(digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {p: p.read_bytes() for p in digits_run.rglob("*") if p.is_file()}
    assert main(["train", str(DIGITS), "--run", str(digits_run)]) == 2
    assert "never overwrites" in capsys.readouterr().err
    assert {p: p.read_bytes() for p in digits_run.rglob("*") if p.is_file()} == before


def test_lines_where_there_is_no_terminal(digits_run: Path) -> None:
    out = (digits_run.parents[1] / "stdout").read_text(encoding="utf-8")
    lines = out.splitlines()
    assert lines[0].startswith("epoch 1/2  train loss ") and " accuracy 0." in lines[0] and "samples/s" in lines[0]
    assert (
        lines[2].startswith("best accuracy 0.")
        and lines[3] == "run runs/digits_cnn-1  report runs/digits_cnn-1/report.html"
    )
    assert "\x1b" not in out and len(lines) == 4


@pytest.mark.parametrize("no_color", [False, True])
def test_a_bar_on_a_terminal(tmp_path: Path, no_color: bool) -> None:
    master, slave = pty.openpty()
    env = environment(TERM="xterm-256color", COLUMNS="120", **({"NO_COLOR": "1"} if no_color else {}))
    command = [sys.executable, "-m", "archspec", "train", str(DIGITS), *SMALL, "--epochs", "3"]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=slave, stderr=slave, stdin=slave) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                part = os.read(master, 4096)
            except OSError:  # Linux says so where the other end is closed
                break
            if not part:
                break
            shown += part
    os.close(master)
    text = shown.decode("utf-8")
    assert process.returncode == 0, text
    assert "100 %" in text and "epoch 3/3  train loss" in text and "best accuracy" in text
    assert ("\x1b[3" in text) is not no_color  # a colour


def running(tmp_path: Path) -> subprocess.Popen[str]:
    """A run that would take days, after at least three epochs."""
    command = [sys.executable, "-m", "archspec", "train", str(DIGITS), *SMALL, "--epochs", "1000000", "--run", "r"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline().startswith("epoch")
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_keeps_what_it_has(tmp_path: Path, number: signal.Signals) -> None:
    process = running(tmp_path)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert "interrupted after" in out and "Traceback" not in err
    run = tmp_path / "r"
    assert {p.name for p in run.iterdir()} == FILES
    known = facts(run)
    assert known["status"] == "interrupted" and "stopped in epoch" in known["message"]
    assert "interrupted" in (run / "report.html").read_text(encoding="utf-8")
    for name in ("weights.safetensors", "last.safetensors"):
        assert weights.load(package.compile(run / "spec.yaml"), run / name).complete


def test_a_terminal_that_is_closed(tmp_path: Path) -> None:
    def of_a_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may have been started by nohup

    master, slave = pty.openpty()
    command = [sys.executable, "-m", "archspec", "train", str(DIGITS), *SMALL, "--epochs", "1000000", "--run", "r"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        preexec_fn=of_a_terminal,
    )  # fmt: skip
    os.close(slave)
    while b"/1000000" not in os.read(master, 4096):
        pass
    os.close(master)
    assert process.wait(120) == 128 + signal.SIGHUP
    assert facts(tmp_path / "r")["status"] == "interrupted"


def test_a_run_goes_on_where_nobody_reads_what_it_says(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "archspec", "train", str(DIGITS), *SMALL, "--epochs", "4", "--run", "r"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    told = process.stderr.read().decode()
    assert process.wait(120) == 0 and told == ""
    assert facts(tmp_path / "r")["status"] == "done"


def test_a_killed_run_leaves_nothing_half_written(tmp_path: Path) -> None:
    process = running(tmp_path)
    time.sleep(0.5)
    process.kill()
    process.communicate(timeout=60)
    run = tmp_path / "r"
    assert facts(run)["status"] == "running"
    assert len([line for line in read_metrics(run) if line["kind"] == "epoch"]) >= 3
    for path in run.glob("[!.]*.safetensors"):
        assert safetensors.torch.load_file(path)


def test_a_loss_that_is_not_finite(tmp_path: Path) -> None:
    lr = ("--set", "train.optimizer={sgd: {lr: 1e30}}", "--set", "train.schedule=constant")
    done = here("train", DIGITS, *SMALL, *lr, "--run", "r", cwd=tmp_path)
    assert done.returncode == 2
    assert "error[AS505]: the loss is " in done.stderr and "(epoch 1)" in done.stderr and "Traceback" not in done.stderr
    known = facts(tmp_path / "r")
    assert known["status"] == "failed" and "the loss is" in known["message"]
    assert "failed" in (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert list(read_metrics(tmp_path / "r"))[-1]["status"] == "failed"


def test_a_dry_run_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", str(DIGITS), "--dry-run", "--epochs", "7", "--set", "train.optimizer={sgd: {lr: 0.5}}"]) == 0
    out = capsys.readouterr().out
    for words in ("digits_cnn", "25,978", "sgd: lr 0.5", "epochs            7", "1438", "359", "train.epochs=7"):
        assert words in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["--epochs", "0"], 1, "AS205"),
        (["--set", "train.epochz=1"], 1, "epochs"),
        (["--set", "widths=1"], 1, "AS219"),
        (["--set", "classes=3"], 1, "AS503"),
        (["--set", "train.data={csv: {path: none.csv, target: y}}"], 1, "AS504"),
        (["--device", "cuda:77"], 2, "cuda:77"),
        (["--device", "toaster"], 2, "toaster"),
        (["--run", "taken"], 2, "not empty"),
        (["--epochs", "many"], 2, "--epochs"),
    ],
)
def test_uses_that_cannot_work(
    args: list[str],
    code: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    assert main(["train", str(DIGITS), *args]) == code
    out, err = capsys.readouterr()
    assert words in err and "Traceback" not in err and out == ""
    assert sorted(p.name for p in tmp_path.iterdir()) == ["taken"]


def test_a_spec_without_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text('archspec: 1\ninputs: {x: "float32[B, 2]"}\nlayers: [{linear: 3}]\n')
    assert main(["train", str(spec)]) == 2
    assert "has no `train:` section" in capsys.readouterr().err


def test_paths_are_relative_to_the_spec(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "d.csv").write_text("a,b,y\n" + "".join(f"{i % 7},{i % 3},{i % 2}\n" for i in range(40)))
    (tmp_path / "deep" / "net.yaml").write_text(
        'archspec: 1\ninputs: {x: "float32[B, 2]"}\nlayers: [{linear: 2}]\n'
        "train: {data: {csv: {path: d.csv, target: y}}, loss: cross_entropy, optimizer: sgd, epochs: 1, "
        "batch_size: 8}\n"
    )
    done = here("train", Path("deep", "net.yaml"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "net-1" / "weights.safetensors").is_file(), "a spec without a name: its file's"
    run = tmp_path / "runs" / "net-1"
    assert facts(run)["results"]["criterion"] == "loss"
    # Seen from the run folder the data are where they were.
    assert "../../deep/d.csv" in (run / "spec.yaml").read_text(encoding="utf-8")
    assert main(["train", str(run / "spec.yaml"), "--run", str(tmp_path / "again"), "--quiet"]) == 0
    assert (tmp_path / "again" / "last.safetensors").read_bytes() == (run / "last.safetensors").read_bytes()


def test_from_python(tmp_path: Path) -> None:
    from archspec.runtime.session import train

    result = train(DIGITS, params={"channels": [4, 4, 4], "train.epochs": 1}, run=tmp_path / "r", quiet=True)
    assert result.status == "done" and result.best == result.history[0]["accuracy"] and result.best_epoch == 1
    with pytest.raises(package.SpecError, match="AS503"):
        train(DIGITS, params={"classes": 3}, run=tmp_path / "s", quiet=True)
    assert not (tmp_path / "s").exists()


def test_a_last_batch_of_one_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "d.csv").write_text("a,b,y\n" + "".join(f"{i % 7},{i % 3},{i % 2}\n" for i in range(20)))
    (tmp_path / "net.yaml").write_text(
        'archspec: 1\ninputs: {x: "float32[B, 2]"}\nlayers: [{linear: 4}, batch_norm1d, relu, {linear: 2}]\n'
        "train: {data: {csv: {path: d.csv, target: y, holdout: 0.15}}, loss: cross_entropy, optimizer: sgd,\n"
        "  epochs: 1, batch_size: 16}\n"
    )
    assert main(["train", str(tmp_path / "net.yaml"), "--run", str(tmp_path / "r")]) == 2
    assert "the last batch of an epoch has one sample" in capsys.readouterr().err
    assert facts(tmp_path / "r")["status"] == "failed"


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("archspec.model.weights.save_file", full)
    assert main(["train", str(DIGITS), *SMALL, "--epochs", "1", "--run", str(tmp_path / "r"), "--quiet"]) == 2
    err = capsys.readouterr().err
    assert "error[AS505]: the run folder cannot be written" in err and "No space left" in err
    assert not list((tmp_path / "r").glob(".*")), "nothing half-written"
