"""Samples that cannot be read: an error, or set aside with path and reason, and never silently."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from runtime_process import archspec

from archspec.cli.main import main
from archspec.data import Batches, Fetcher, TensorSplit, open_data
from archspec.data.guard import Bad, Guarded, guarded
from archspec.diagnostics.model import Diagnostic, Span, SpecError
from archspec.runtime.quarantine import QUARANTINE
from tests.recipe.recipes import checked

BAD = ("a/03.png", "b/11.png")
SPEC = """archspec: 1
inputs: {{image: "float32[B, 3, 4, 4]"}}
layers:
  - flatten
  - linear: 8
  - relu
  - dropout: 0.1
  - linear: 2
train:
  data:
    images: {{path: d, size: 4, validation: v{more}}}
  loss: cross_entropy
  metrics: [accuracy]
  optimizer: {{sgd: {{lr: 0.1}}}}
  epochs: 2
  batch_size: 8
runtime: {{device: cpu}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """16 images a class to train on, two of them bad, and 4 held out, one of them bad."""
    rng = np.random.default_rng(0)
    for root, count in (("d", 16), ("v", 4)):
        for name in "ab":
            (tmp_path / root / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / root / name / f"{i:02}.png")
    for name in (*(f"d/{bad}" for bad in BAD), "v/b/00.png"):
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n and nothing")
    return tmp_path


def run(folder: Path, more: str, *args: str, name: str = "r") -> int:
    (folder / "net.yaml").write_text(SPEC.format(more=more))
    return main(["train", str(folder / "net.yaml"), "--run", str(folder / name), "--quiet", *args])


def entries(folder: Path, name: str = "r") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name / QUARANTINE).read_text().splitlines()]


ASIDE = ", on_bad_sample: quarantine, bad_share: 0.2"


def test_they_are_set_aside(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, ASIDE) == 0
    found = entries(folder)
    assert {(e["part"], str(Path(e["path"]).relative_to(folder))) for e in found} == {
        ("train", "d/a/03.png"), ("train", "d/b/11.png"), ("holdout", "v/b/00.png"),
    }  # fmt: skip
    assert len(found) == 3
    assert all("it cannot be decoded" in e["reason"] or "not an image" in e["reason"] for e in found)
    facts = json.loads((folder / "r" / "run.json").read_text())
    assert facts["results"]["quarantined"] == {"train": 2, "holdout": 1}
    assert "bad samples set aside" in (folder / "r" / "report.html").read_text()
    told = capsys.readouterr().err
    assert told.count("warning: sample set aside: ") == 3 and str(folder / "d/a/03.png") in told
    # Going on with it, the same samples are none too many, and not told of again.
    assert main(["train", str(folder / "r"), "--epochs", "3", "--quiet"]) == 0
    assert entries(folder) == found
    assert "set aside" not in capsys.readouterr().err
    facts = json.loads((folder / "r" / "run.json").read_text())
    assert facts["results"]["quarantined"] == {"train": 2, "holdout": 1}


def test_they_are_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "") == 1
    told = capsys.readouterr().err
    assert "error[AS504]" in told and "png" in told and "net.yaml:11" in told
    assert not (folder / "r" / QUARANTINE).exists()


def test_more_than_the_limit_are_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, ", on_bad_sample: quarantine") == 1
    told = capsys.readouterr().err
    assert "2 bad samples in `train`, and at most 1 (1.00%) may be set aside; the last is" in told
    assert {e["part"] for e in entries(folder)} == {"train"}  # what was found stays written
    assert json.loads((folder / "r" / "run.json").read_text())["status"] == "failed"


@pytest.mark.slow
def test_workers_set_the_same_aside(folder: Path) -> None:
    assert run(folder, ASIDE) == 0
    done = archspec(
        "train", folder / "net.yaml", "--run", folder / "w", "--quiet", "--set", "runtime.workers=2", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    key = lambda entry: (entry["part"], entry["sample"])  # noqa: E731
    assert sorted(entries(folder, "w"), key=key) == sorted(entries(folder), key=key)
    for name in ("weights.safetensors", "last.safetensors"):
        assert (folder / "w" / name).read_bytes() == (folder / "r" / name).read_bytes()


class Brittle(TensorSplit):
    """Samples 0 .. n-1, some of which cannot be read."""

    def __init__(self, count: int, bad: set[int]) -> None:
        super().__init__({"x": torch.arange(count)})
        self.bad = bad
        self.read = 0

    def take(self, indices: torch.Tensor) -> dict[str, torch.Tensor]:
        self.read += len(indices)
        if found := self.bad & set(indices.tolist()):
            raise SpecError([Diagnostic("AS504", f"{found} bad", Span("s", 1, 1, 1, 2))])
        return super().take(indices)


def test_the_next_good_one_takes_its_place() -> None:
    split = Guarded(Brittle(6, {1, 2, 5}), "train")
    assert split.take(torch.tensor([5, 0, 1, 2, 3]))["x"].tolist() == [0, 0, 3, 3, 3]
    assert sorted(bad.sample for bad in split.drain()) == [1, 2, 5]
    assert split.drain() == []
    before = split.plain.read  # type: ignore[attr-defined]
    assert split.take(torch.tensor([1, 5]))["x"].tolist() == [3, 0]  # known: tried no more
    assert split.plain.read == before + 2  # type: ignore[attr-defined]
    assert split.drain() == []


def test_who_asks_first_does_not_matter() -> None:
    one, other = (Guarded(Brittle(9, {2, 3, 4}), "train") for _ in range(2))
    for k in (4, 3, 2):
        one.take(torch.tensor([k]))
    other.take(torch.tensor([2, 3, 4]))
    assert one._instead == other._instead == {2: 5, 3: 5, 4: 5}
    assert set(one.drain()) == set(other.drain())


def test_nothing_but_bad_samples() -> None:
    with pytest.raises(SpecError):
        Guarded(Brittle(4, {0, 1, 2, 3}), "train").take(torch.tensor([0]))


def test_shards(tmp_path: Path) -> None:
    """A value that is not finite is that of one sample; the order of shards stays."""
    for k in range(3):
        x = np.arange(10, dtype=np.float32) + 10 * k
        if k == 1:
            x[4] = np.nan
        np.savez(tmp_path / f"{k}.npz", x=x, y=x)
    data = "{shards: {path: '*.npz', holdout: 0.1, on_bad_sample: quarantine}}"
    text = f"train: {{data: {data}, loss: {{mse: {{target: y}}}}, optimizer: sgd, epochs: 1, batch_size: 4}}"
    opened = open_data(checked(text, {"x": "float32[B]"}, {"o": "float32[B]"}, tmp_path))
    found: list[Bad] = []
    fetcher = Fetcher([opened.train, opened.holdout], told=found.extend)
    seen = [n for batch in fetcher.over(Batches(opened.train, 4, seed=1)) for n in batch["x"].tolist()]
    want = sorted([*range(9), *range(10, 14), 15, *range(15, 19), *range(20, 29)])
    assert sorted(seen) == want
    (bad,) = found
    assert Path(bad.path).name == "1.npz" and "not finite" in bad.reason and bad.part == "train"
    assert guarded(opened.train.plain, "train").order(1, 0)[0:5].tolist()  # type: ignore[attr-defined]


TABLE = """archspec: 1
inputs: {{x: "float32[B, 2]"}}
layers: [{{linear: 2}}]
train:
  data:
    csv: {{path: t.csv, target: kind{more}}}
  loss: cross_entropy
  optimizer: sgd
  epochs: 1
  batch_size: 8
"""


def test_rows_of_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{i},{i * i},{'ab'[i % 2]}" for i in range(40)]
    rows[5], rows[9], rows[20], rows[30] = "5,oops,a", "9,81", "20,400,", "30,900,b,b"
    (tmp_path / "t.csv").write_text("u,v,kind\n" + "\n".join(rows) + "\n")
    (tmp_path / "net.yaml").write_text(TABLE.format(more=", on_bad_sample: quarantine, bad_share: 0.2"))
    assert main(["train", str(tmp_path / "net.yaml"), "--run", str(tmp_path / "r"), "--quiet"]) == 0
    found = entries(tmp_path)
    assert [e["sample"] for e in found] == [7, 11, 22, 32]  # lines of the file
    assert {e["reason"].split(": ")[1] for e in found} == {
        "'oops' in column 'v' is not a finite number",
        "2 values in a row, and the header has 3 columns",
        "'' is not among the classes of 'kind'",
        "4 values in a row, and the header has 3 columns",
    }
    facts = json.loads((tmp_path / "r" / "run.json").read_text())
    assert facts["results"]["quarantined"] == {"train": 4}
    assert facts["data"]["training samples"] + facts["data"]["held-out samples"] == 36
    assert "sample set aside" in capsys.readouterr().err
    (tmp_path / "net.yaml").write_text(TABLE.format(more=", on_bad_sample: quarantine"))
    assert main(["train", str(tmp_path / "net.yaml"), "--run", str(tmp_path / "s"), "--quiet"]) == 1
    assert "4 bad samples in `train`, and at most 1 (1.00%)" in capsys.readouterr().err
    (tmp_path / "net.yaml").write_text(TABLE.format(more=""))
    assert main(["check", str(tmp_path / "net.yaml")]) == 1
