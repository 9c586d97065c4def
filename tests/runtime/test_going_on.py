"""What may have happened to a run's folder, data and machine before it goes on: told, refused, and nothing lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from archspec.cli.main import main
from archspec.runtime.checkpoints.store import FOLDER, TENSORS, listed, newest

SPEC = """\
archspec: 1
inputs: {features: "float32[B, 2]"}
layers: [{linear: 4}, relu, {name: head, linear: 2}]
outputs: {y: head}
train:
  data: {csv: {path: d.csv, target: y}}
  loss: cross_entropy
  optimizer: {adamw: {lr: 1e-2}}
  epochs: 2
  batch_size: 8
runtime: {checkpoint: {steps: 3}}
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a spec, its data, and a run of two epochs."""
    folder = tmp_path_factory.mktemp("done")
    (folder / "spec.yaml").write_text(SPEC)
    (folder / "d.csv").write_text("a,b,y\n" + "".join(f"{i % 7},{i % 3},{i % 2}\n" for i in range(60)))
    assert main(["train", str(folder / "spec.yaml"), "--run", str(folder / "r"), "--quiet"]) == 0
    return folder


@pytest.fixture
def folder(done: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(done, tmp_path / "copy"))


def goes_on(folder: Path, *more: str) -> int:
    return main(["train", str(folder / "r"), "--epochs", "3", "--quiet", *more])


def contents(run: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def flip(checkpoint: Path) -> None:
    data = bytearray((checkpoint / TENSORS).read_bytes())
    data[len(data) // 2] ^= 1
    (checkpoint / TENSORS).write_bytes(data)


def test_a_damaged_checkpoint_takes_no_room_of_a_good_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    last, before = listed(folder / "r")
    flip(last)
    assert goes_on(folder, "--set", "runtime.checkpoint={keep: 1}") == 0
    found, refused = newest(folder / "r")
    assert found is not None and found.step == 18 and not refused
    assert {path.name for path in (folder / "r" / FOLDER).iterdir()} == {"step-000000018", f"{last.name}.aside"}
    told = capsys.readouterr().err
    assert f"passed over: {last / TENSORS} is not what the manifest says" in told
    assert f"goes on from step {int(before.name[5:])}; what was passed over is now {last.name}.aside" in told


def test_no_checkpoint_is_whole(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for checkpoint in listed(folder / "r"):
        flip(checkpoint)
    facts = json.loads((folder / "r" / "run.json").read_text())
    (folder / "r" / "run.json").write_text(json.dumps({**facts, "status": "running"}))  # as of a run that was killed
    before = contents(folder / "r")
    assert goes_on(folder) == 2
    assert "no checkpoint of" in capsys.readouterr().err
    assert contents(folder / "r") == before


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        (
            "r/spec.yaml",
            "lr: 1e-2",
            "lr: 1e-3",
            "r/spec.yaml was changed after the run began (`train.o",
        ),
        ("r/spec.yaml", "linear: 4", "linear: 5", "(`layers` differs)"),
        ("d.csv", "1,1,1\n", "1,1,0\n", "the data were changed after the run"),
        ("d.csv", "a,b,y\n", "a,b,y\n5,5,1\n", "the data were changed after the run"),
    ],
)
def test_what_is_trained_was_changed(
    folder: Path, file: str, old: str, new: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    before = contents(folder)
    assert goes_on(folder) == 2
    told = capsys.readouterr().err
    assert words in told and "--weights" in told
    assert contents(folder) == before


def test_where_it_runs_may_change(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "r" / "spec.yaml"
    path.write_text(path.read_text().replace("steps: 3", "steps: 4"))
    path = folder / "r" / "run.json"
    facts = json.loads(path.read_text())
    facts["environment"]["torch"] = "1.0.0"
    path.write_text(json.dumps(facts))
    assert goes_on(folder) == 0
    told = capsys.readouterr().err
    assert "instead of 1.0.0" in told and "may differ" in told
    (resumed,) = json.loads(path.read_text())["resumed"]
    assert resumed["changed"]["torch"][0] == "1.0.0" and list(resumed["changed"]) == ["torch"]
