"""`archspec weights`, `train --weights` and `predict --weights`: each as a process, its variants within this one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import runtime_process
import safetensors.torch
import torch
from runtime_process import DIGITS, SMALL, archspec

Here = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def here(tmp_path: Path) -> Here:
    """Run a command line in this process, in `tmp_path`."""
    return partial(runtime_process.here, cwd=tmp_path)


@pytest.fixture
def backbone(digits_run: Path, tmp_path: Path) -> Path:
    """A checkpoint as someone else would publish it: half precision, other names, another head."""
    state = safetensors.torch.load_file(digits_run / "weights.safetensors")
    theirs = {f"module.net.{k}": t.half() if t.is_floating_point() else t for k, t in state.items()}
    theirs["module.net.fc.weight"] = torch.zeros(7, theirs["module.net.fc.weight"].shape[1])
    theirs["module.net.fc.bias"] = torch.zeros(7)
    torch.save({"state_dict": theirs, "epoch": 3}, tmp_path / "theirs.pth")
    return tmp_path / "theirs.pth"


RULES = ("--set", 'weights.rename={"net.*": "*"}', "--set", "weights.fresh=[fc]")


def test_the_report(digits_run: Path, tmp_path: Path, here: Here) -> None:
    fits = archspec("weights", DIGITS, digits_run / "weights.safetensors", *SMALL, cwd=tmp_path)
    assert (fits.returncode, fits.stderr) == (0, "")
    assert "→ digits_cnn: 20 loaded" in fits.stdout
    assert here("weights", DIGITS, digits_run, *SMALL).stdout == fits.stdout  # a run means its best weights
    unfit = here("weights", DIGITS, digits_run / "weights.safetensors", *SMALL, "--set", "classes=3")
    assert unfit.returncode == 1
    rows = [line.split()[:3] for line in unfit.stdout.splitlines() if line.startswith("wrong")]
    assert rows == [["wrong", "shape", "fc.weight"], ["wrong", "shape", "fc.bias"]]
    assert "help: `fresh: fc` initialises anew what it names" in unfit.stdout
    every = here("weights", DIGITS, digits_run / "weights.safetensors", *SMALL, "--json")
    told = json.loads(every.stdout)
    state = safetensors.torch.load_file(digits_run / "weights.safetensors")
    assert told["ok"] and {t["name"]: t["shape"] for t in told["tensors"]} == {
        k: list(t.shape) for k, t in state.items()
    }


def test_the_report_on_a_pickle(backbone: Path, tmp_path: Path, here: Here) -> None:
    done = here("weights", DIGITS, backbone, *SMALL, *RULES)
    assert (done.returncode, done.stderr) == (0, "")
    assert "18 loaded, 2 fresh, 2 ignored" in done.stdout and "float16 → float32: 15 tensors" in done.stdout
    assert "from `state_dict`" in done.stdout and "`module.`" in done.stdout
    done = here("weights", DIGITS, backbone, *SMALL)
    assert done.returncode == 1 and 'rename: {"net.*": "*"}' in done.stdout
    done = here("weights", DIGITS)
    assert done.returncode == 2 and "names no weights" in done.stderr
    (tmp_path / "bad.pt").write_bytes(b"junk")
    done = here("weights", DIGITS, "bad.pt")
    assert done.returncode == 1 and "AS702" in done.stderr and "Traceback" not in done.stderr


def test_training_starts_from_them(backbone: Path, digits_run: Path, tmp_path: Path, here: Here) -> None:
    (tmp_path / "w").mkdir()
    backbone.rename(tmp_path / "w" / "theirs.pth")
    options = (*SMALL, *RULES, "--epochs", "1", "--set", "train.optimizer.adamw.lr=0.0", "--set", "train.seed=5")
    done = archspec("train", DIGITS, "--weights", "w/theirs.pth", *options, "--run", "deep/run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "weights: 18 loaded, 2 fresh, 2 ignored (float16 → float32: 15 tensors;" in done.stdout
    run = tmp_path / "deep" / "run"
    trained = safetensors.torch.load_file(run / "last.safetensors")
    source = safetensors.torch.load_file(digits_run / "weights.safetensors")
    assert torch.equal(trained["stem.conv.weight"], source["stem.conv.weight"].half().float())
    told = json.loads((run / "transfer.json").read_text())
    assert told["counts"] == {"loaded": 18, "fresh": 2, "ignored": 2}
    assert json.loads((run / "run.json").read_text())["weights"]["counts"] == told["counts"]
    # The resolved spec starts from the same file, wherever it is run; and predicting needs the file no more.
    again = here("train", run / "spec.yaml", "--run", "again", "-q")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "again" / "last.safetensors").read_bytes() == (run / "last.safetensors").read_bytes()
    (tmp_path / "w" / "theirs.pth").unlink()
    assert here("predict", run, "digits:3").returncode == 0


def test_weights_that_do_not_fit_end_a_run_before_it_begins(backbone: Path, tmp_path: Path, here: Here) -> None:
    done = here("train", DIGITS, "--weights", backbone, *SMALL)
    assert done.returncode == 1 and "AS703" in done.stderr and "Traceback" not in done.stderr
    assert "missing" in done.stderr and "help: the file's names begin with `net.`" in done.stderr
    done = here("train", DIGITS, "--weights", "none.pt")
    assert done.returncode == 1 and "AS702" in done.stderr and "--weights:1:1" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_predicting_with_other_weights(digits_run: Path, tmp_path: Path, here: Here) -> None:
    last = archspec("predict", digits_run, "digits:3", "--weights", digits_run / "last.safetensors", cwd=tmp_path)
    assert last.returncode == 0, last.stderr
    best = here("predict", digits_run, "digits:3")
    spec = here("predict", digits_run / "spec.yaml", "digits:3", "--weights", digits_run / "weights.safetensors")
    assert (spec.returncode, spec.stdout) == (0, best.stdout)
    given = f"weights.file={digits_run / 'last.safetensors'}"
    named = here("predict", digits_run / "spec.yaml", "digits:3", "--set", given)
    assert (named.returncode, named.stdout) == (0, last.stdout), named.stderr
    refused = here("predict", digits_run, "digits:3", "--set", given)
    assert refused.returncode == 2 and "not given with a run" in refused.stderr
    none = here("predict", digits_run / "spec.yaml", "digits:3")
    assert none.returncode == 2 and "names no weights" in none.stderr
    (tmp_path / "w.safetensors").write_bytes(b"\0" * 20)
    bad = here("predict", digits_run, "digits:3", "--weights", "w.safetensors")
    assert bad.returncode == 2 and "Traceback" not in bad.stderr
