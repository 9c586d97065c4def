"""The table that docs/runs.md shows (numbers and categories, two targets), as users train on it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from textwrap import indent

import pytest
import torch
from runtime_process import archspec
from safetensors.torch import load_file

from archspec.cli.main import main

JOBS, CITIES, INCOMES = ["clerk", "nurse", "smith"], ["2", "7", "10"], ["<=50K", ">50K"]
SPEC = """\
archspec: 1
name: two_heads
inputs: {age: "float32[B]", money: "float32[B, 2]", job: "int64[B]", city: "int64[B]"}
layers:
  - {name: years, unsqueeze: -1, from: age}
  - {name: jobs, embedding: {num_embeddings: 3, embedding_dim: 2}, from: job}
  - {name: cities, embedding: {num_embeddings: 3, embedding_dim: 2}, from: city}
  - {name: row, concat: {dim: 1}, from: [years, money, jobs, cities]}
  - {name: pay, linear: 2}
  - {name: head, linear: 1, from: row}
  - {name: time, squeeze: -1}
outputs: [pay, time]
train:
SHOWN
  optimizer: {adam: {lr: 0.05}}
  epochs: 8
  batch_size: 16
"""
PAGE = (Path(__file__).parents[2] / "docs" / "runs.md").read_text(encoding="utf-8")
SHOWN = PAGE.split("## Tables")[1].split("```yaml\n")[1].split("```")[0].rstrip()


def people(count: int) -> list[dict[str, str]]:
    """Pay goes by the job, and hours by the city and the job."""
    return [
        {
            "age": str(20 + k % 37),
            "gain": str(k % 7),
            "loss": str(k % 5 / 2),
            "job": JOBS[k % 3],
            "city": CITIES[k // 3 % 3],
            "hours": str(k % 3 + 2 * (k // 3 % 3)),
            "income": INCOMES[int(k % 3 == 1)],
        }
        for k in range(count)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run in `run`, made by the command."""
    folder = tmp_path_factory.mktemp("people")
    write(folder / "people.csv", people(120))
    (folder / "net.yaml").write_text(SPEC.replace("SHOWN", indent(SHOWN, "  ")))
    done = archspec("train", "net.yaml", "--run", "run", "--quiet", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_what_the_run_says_of_its_data(folder: Path) -> None:
    run = json.loads((folder / "run" / "run.json").read_text())
    names = {"job": JOBS, "city": CITIES, "income": INCOMES}
    assert run["data_facts"]["categories"] == names
    assert run["data"]["categories"] == [f"{name}: {', '.join(each)}" for name, each in names.items()]
    assert run["data"]["model inputs"] == [f"{name} reads {name}" for name in ("age", "money", "job", "city")]


def test_evaluation(folder: Path) -> None:
    done = archspec("evaluate", "run", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["samples"] == 24 and found["accuracy"] == 1.0  # the job says it, and has an embedding
    assert found["mae"] < 2


def test_prediction(folder: Path) -> None:
    """Each head by its own target: what the weights of the run give by hand."""
    rows = people(9)
    write(folder / "new.csv", [{key: row[key] for key in ("city", "loss", "job", "gain", "age")} for row in rows])
    done = archspec("predict", "run", "new.csv", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["predictions"]
    facts = json.loads((folder / "run" / "run.json").read_text())["data_facts"]
    weights = load_file(folder / "run" / "weights.safetensors")
    numbers = torch.tensor([[float(row[name]) for name in ("age", "gain", "loss")] for row in rows])
    numbers = (numbers - torch.tensor(facts["mean"])) / torch.tensor(facts["std"])
    jobs = weights["jobs.weight"][[JOBS.index(row["job"]) for row in rows]]
    cities = weights["cities.weight"][[CITIES.index(row["city"]) for row in rows]]
    x = torch.cat([numbers, jobs, cities], 1)
    pay = (x @ weights["pay.weight"].T + weights["pay.bias"]).softmax(1)
    time = x @ weights["head.weight"][0] + weights["head.bias"]
    assert [sample["pay"]["class"] for sample in found] == [row["income"] for row in rows]
    assert [sample["pay"]["probability"] for sample in found] == pytest.approx(pay.max(1).values.tolist(), rel=1e-4)
    assert [sample["time"]["values"] for sample in found] == pytest.approx(time.tolist(), rel=1e-4, abs=1e-4)


def test_one_row_and_a_category_that_is_not_known(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = people(1)
    write(folder / "one.csv", [row])
    assert main(["predict", str(folder / "run"), str(folder / "one.csv")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "pay" and lines[1].split()[0] == "<=50K" and lines[3] == "time"
    write(folder / "one.csv", [{**row, "city": "11"}])
    assert main(["predict", str(folder / "run"), str(folder / "one.csv")]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "error[AS504]: '11' in column 'city' is not in the data trained on" in told.err
    assert "one.csv:2:1" in told.err
