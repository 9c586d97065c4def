"""Tables of numbers and names: which fields a csv file gives; expectations by the csv module and by arithmetic."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from archspec.data import Data, load_input, open_data
from archspec.data.split import hold_out
from archspec.diagnostics.model import SpecError
from archspec.pipeline import check
from archspec.recipe import csv_kind
from archspec.recipe.model import DataFacts, Recipe
from tests.recipe.recipes import attempt, checked
from tests.test_patterns import SPECS, TEXT, name_of

REST = "optimizer: sgd\n  epochs: 1\n  batch_size: 4\n"
ROWS = [
    # age, gain, loss, job, city, hours, income
    ["39", "7", "0.5", "clerk", "10", "40", ">50K"],
    ["50", "0", "1.5", "smith", "2", "13", "<=50K"],
    ["38", "3", "0", " nurse ", "10", "40", "<=50K"],
    ["53", "0", "2", "clerk", "7", "45", ">50K"],
    ["28", "5", "0", "smith", "2", "40", "<=50K"],
    ["37", "9", "4", "nurse", "2", "36", ">50K"],
]
HEADER = ["age", "gain", "loss", "job", "city", "hours", "income"]
JOBS, CITIES, INCOMES = ["clerk", "nurse", "smith"], ["2", "7", "10"], ["<=50K", ">50K"]
INPUTS = {"age": "float32[B]", "money": "float32[B, 2]", "job": "int64[B]", "city": "int64[B]"}
OUTPUTS = {"pay": "float32[B, 2]", "time": "float32[B]"}
FIELDS = "path: a.csv, features: {age: age, money: [loss, gain]}, categories: [job, city]"
GOALS = "target: {income: income, hours: hours}, task: {income: class, hours: regression}"
LOSSES = "[{cross_entropy: {input: pay, target: income}}, {mse: {input: time, target: hours}}]"


def write(path: Path, rows: list[list[str]] = ROWS, header: list[str] = HEADER) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def section(data: str, loss: str = LOSSES) -> str:
    return f"train:\n  data:\n    csv: {{{data}}}\n  loss: {loss}\n  {REST}"


def recipe_of(base: Path, data: str = f"{FIELDS}, {GOALS}", **more: Any) -> Recipe:
    return checked(section(data, **more), INPUTS, OUTPUTS, base)


def everything(data: Data, part: str = "train") -> dict[str, torch.Tensor]:
    split = getattr(data, part)
    return split.take(torch.arange(len(split)))


def column(name: str, rows: list[list[str]] = ROWS) -> list[str]:
    return [row[HEADER.index(name)].strip() for row in rows]


def test_fields_and_vocabularies(tmp_path: Path) -> None:
    write(tmp_path / "a.csv")
    facts = recipe_of(tmp_path).data.facts
    assert [(f.name, str(f), f.classes) for f in facts.fields] == [
        ("age", "float32[B]", None),
        ("money", "float32[B, 2]", None),
        ("job", "int64[B]", 3),
        ("city", "int64[B]", 3),
        ("income", "int64[B]", 2),
        ("hours", "float32[B]", None),
    ]
    assert facts.categories == {"job": tuple(JOBS), "city": tuple(CITIES), "income": tuple(INCOMES)}
    assert (facts.columns, facts.samples, facts.classes) == (("age", "loss", "gain"), 6, None)
    assert DataFacts.from_json(facts.to_json()) == facts


def test_the_features_that_are_left_out_are_all_others(tmp_path: Path) -> None:
    write(tmp_path / "a.csv")
    data = "path: a.csv, target: income, categories: [job, city]"
    inputs = {"numbers": "float32[B, 4]", "job": "int64[B]", "city": "int64[B]"}
    recipe = checked(section(data, "cross_entropy"), inputs, {"pay": "float32[B, 2]"}, tmp_path)
    assert recipe.feeds == {"numbers": "features", "job": "job", "city": "city"}
    assert recipe.data.facts.columns == ("age", "gain", "loss", "hours")
    assert recipe.data.facts.classes == tuple(INCOMES)
    assert recipe.data.facts.categories == {"job": tuple(JOBS), "city": tuple(CITIES)}


def test_one_field_for_two_inputs(tmp_path: Path) -> None:
    """Wide and deep."""
    write(tmp_path / "a.csv")
    data = "path: a.csv, target: income, categories: [job, city], features: [age, gain]"
    inputs = {"wide": "float32[B, 2]", "deep": "float32[B, 2]", "job": "int64[B]"}
    text = section(data, "cross_entropy") + "  inputs: {wide: features, deep: features}\n"
    recipe = checked(text, inputs, {"pay": "float32[B, 2]"}, tmp_path)
    assert recipe.feeds == {"wide": "features", "deep": "features", "job": "job"}
    write(tmp_path / "new.csv", [["38", "clerk", "1"]], ["age", "job", "gain"])  # the city is not read
    found = load_input(recipe, str(tmp_path / "new.csv"))
    assert {name: tensor.tolist() for name, tensor in found.items()} == {
        "wide": [[38.0, 1.0]],
        "deep": [[38.0, 1.0]],
        "job": [0],
    }


def test_a_category_is_learned(tmp_path: Path) -> None:
    """A field that no input reads may be a target, and a target may be an input."""
    write(tmp_path / "a.csv")
    data = "path: a.csv, target: income, categories: [job, city], features: [age]"
    loss = "{cross_entropy: {target: job}}"
    inputs = {"x": "float32[B, 1]", "target": "int64[B]"}
    recipe = checked(section(data, loss) + "  inputs: {x: features}\n", inputs, {"y": "float32[B, 3]"}, tmp_path)
    write(tmp_path / "new.csv", [[">50K", "38"]], ["income", "age"])
    assert load_input(recipe, str(tmp_path / "new.csv"))["target"].tolist() == [1]
    assert recipe.data.facts.names("job") == tuple(JOBS)


def test_names_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.csv")
    monkeypatch.setattr(csv_kind, "MAX_CLASSES", 2)
    text = section(f"{FIELDS}, {GOALS}")
    _, (found,) = attempt(text, INPUTS, OUTPUTS, tmp_path)
    assert found.code == "AS504" and "a.csv:4: more than 2 names in 'job'" in found.message
    assert text.splitlines()[found.span.line - 1][found.span.col - 1 :].startswith("[job, city]")


def test_a_table_of_categories_alone(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", [[row[3], row[6]] for row in ROWS], ["job", "income"])
    data = "path: a.csv, target: income, categories: job, standardize: true"
    recipe = checked(section(data, "cross_entropy"), {"job": "int64[B]"}, {"pay": "float32[B, 2]"}, tmp_path)
    opened = open_data(recipe)
    assert sorted(everything(opened)) == ["job", "target"]
    facts = DataFacts.from_json(opened.facts.to_json())
    write(tmp_path / "new.csv", [["smith"], ["clerk"]], ["job"])
    assert load_input(recipe, str(tmp_path / "new.csv"), facts)["job"].tolist() == [2, 0]


@pytest.mark.parametrize("standardize", [False, True])
def test_values(tmp_path: Path, standardize: bool) -> None:
    write(tmp_path / "a.csv")
    data = open_data(recipe_of(tmp_path, f"{FIELDS}, {GOALS}, holdout: 0.34, standardize: {str(standardize).lower()}"))
    numbers = [part.tolist() for part in hold_out(6, 0.34, 0)]
    raw = np.array([[float(column(name)[k]) for name in ("age", "loss", "gain")] for k in range(6)])
    if standardize:
        mine = raw[numbers[0]]  # by the training split alone
        raw = (raw - mine.mean(0)) / mine.std(0)
    for part, chosen in zip(("train", "holdout"), numbers, strict=True):
        found = everything(data, part)
        assert len(chosen) in (2, 4)
        np.testing.assert_allclose(found["age"].numpy(), raw[chosen, 0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found["money"].numpy(), raw[chosen, 1:], rtol=1e-5, atol=1e-6)
        assert found["job"].tolist() == [JOBS.index(column("job")[k]) for k in chosen]
        assert found["city"].tolist() == [CITIES.index(column("city")[k]) for k in chosen]
        assert found["income"].tolist() == [INCOMES.index(column("income")[k]) for k in chosen]
        assert found["hours"].tolist() == [float(column("hours")[k]) for k in chosen]
        assert found["age"].dtype == found["hours"].dtype == torch.float32
        assert found["job"].dtype == found["income"].dtype == torch.int64


def test_a_list_of_one_column_keeps_its_axis(tmp_path: Path) -> None:
    write(tmp_path / "a.csv")
    data = "path: a.csv, features: {x: [age]}, target: {y: [hours, gain], z: loss}, task: regression"
    loss = "[{mse: {input: a, target: y}}, {mse: {input: b, target: z}}]"
    outputs = {"a": "float32[B, 2]", "b": "float32[B]"}
    found = everything(open_data(checked(section(data, loss), {"x": "float32[B, 1]"}, outputs, tmp_path)))
    assert {name: tuple(tensor.shape[1:]) for name, tensor in found.items()} == {"x": (1,), "y": (2,), "z": ()}


def test_prediction_reads_what_the_model_reads(tmp_path: Path) -> None:
    """Columns by name, in any order, without the targets, standardised as in training."""
    write(tmp_path / "a.csv")
    recipe = recipe_of(tmp_path, f"{FIELDS}, {GOALS}, standardize: true")
    facts = DataFacts.from_json(open_data(recipe).facts.to_json())
    whole = load_input(recipe, str(tmp_path / "a.csv"), facts)
    write(tmp_path / "new.csv", [["2", "smith", "0", "50", "1.5"]], ["city", "job", "gain", "age", "loss"])
    row = load_input(recipe, str(tmp_path / "new.csv"), facts)
    assert list(row) == list(INPUTS)
    assert all(torch.equal(row[name], whole[name][1:2]) for name in INPUTS)


@pytest.mark.parametrize(
    ("cell", "value", "message"),
    [
        ("job", "pilot", "'pilot' in column 'job' is not in the data trained on"),
        ("city", "3", "'3' in column 'city' is not in the data trained on"),
        ("job", " ", "no value for 'job'"),
        ("income", "?", "'?' is not among the classes of 'income'"),
        ("hours", "many", "'many' in column 'hours' is not a finite number"),
    ],
)
def test_what_training_never_had(tmp_path: Path, cell: str, value: str, message: str) -> None:
    """In held-out rows it is an error, or the row is set aside; so it is in prediction, but for the targets."""
    rows = [list(row) for row in ROWS]
    rows[2][HEADER.index(cell)] = value
    write(tmp_path / "a.csv")
    other = write(tmp_path / "b.csv", rows)
    with pytest.raises(SpecError) as caught:
        open_data(recipe_of(tmp_path, f"{FIELDS}, {GOALS}, validation: b.csv"))
    (found,) = caught.value.diagnostics
    assert (found.code, found.span.file, found.span.line, found.message) == ("AS504", str(other), 4, message)
    recipe = recipe_of(tmp_path, f"{FIELDS}, {GOALS}, validation: b.csv, on_bad_sample: quarantine")
    opened = open_data(recipe)
    assert [(bad.part, bad.sample) for bad in opened.bad] == [("holdout", 4)]
    assert message in opened.bad[0].reason
    assert (len(opened.train), len(opened.holdout)) == (6, 5)
    assert everything(opened, "holdout")["job"].tolist() == [0, 2, 0, 2, 1]
    if cell in INPUTS:
        with pytest.raises(SpecError) as caught:
            load_input(recipe, str(other), opened.facts)
        assert [(d.span.line, d.message) for d in caught.value.diagnostics] == [(4, message)]
    else:
        assert len(load_input(recipe, str(other), opened.facts)["job"]) == 6


def test_bad_rows_of_the_training_file_are_left_out(tmp_path: Path) -> None:
    rows = [list(row) for row in ROWS]
    rows[1][3], rows[3][0] = "", "old"
    write(tmp_path / "a.csv", rows)
    _, (found,) = attempt(section(f"{FIELDS}, {GOALS}"), INPUTS, OUTPUTS, tmp_path)
    assert (found.code, found.span.line) == ("AS504", 3) and "no value for 'job'" in found.message
    opened = open_data(recipe_of(tmp_path, f"{FIELDS}, {GOALS}, on_bad_sample: quarantine"))
    assert [(bad.sample, bad.reason.split(": ", 1)[1]) for bad in opened.bad] == [
        (3, "no value for 'job'"),
        (5, "'old' in column 'age' is not a finite number"),
    ]
    assert len(opened.train) + len(opened.holdout) == 4


@pytest.mark.parametrize(("features", "place"), [("", "a.csv"), (", features: [age, job]", "[age, job]")])
def test_a_column_of_names_among_the_features(tmp_path: Path, features: str, place: str) -> None:
    """It is told before anything runs, by the first row."""
    write(tmp_path / "a.csv")
    text = section(f"path: a.csv, target: income, categories: city{features}", "cross_entropy")
    _, (found,) = attempt(text, {"x": "float32[B, N]", "city": "int64[B]"}, {"pay": "float32[B, 2]"}, tmp_path)
    assert found.code == "AS504" and "a.csv:2: 'clerk' in column 'job' is not a finite number" in found.message
    assert found.help == "columns of names go to `categories`"
    assert text.splitlines()[found.span.line - 1][found.span.col - 1 :].startswith(place)


def test_a_name_in_a_later_row_of_the_features(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", [ROWS[0], ["old", *ROWS[1][1:]], *ROWS[2:]])
    with pytest.raises(SpecError) as caught:
        open_data(recipe_of(tmp_path))
    (found,) = caught.value.diagnostics
    assert (found.span.line, found.message) == (3, "'old' in column 'age' is not a finite number")
    assert found.help == "columns of names go to `categories`"


ERRORS = [
    # the arguments, then: the text at the place of the error, words of the message, of the help
    (f"{FIELDS}, target: job", "job, city", "'job' is the target", ""),
    ("path: a.csv, target: income, categories: [job, job]", "job]", "'job' is there twice", ""),
    ("path: a.csv, target: income, categories: [job], features: [age, job]", "job]}", "one of the categories", ""),
    ("path: a.csv, target: income, features: {x: age, y: [gain, age]}", "age]}", "'age' is there twice", ""),
    ("path: a.csv, target: {y: hours, z: hours}, task: regression", "hours}, t", "'hours' is there twice", ""),
    ("path: a.csv, features: {x: income}, target: income", "income}, t", "'income' is the target", ""),
    ("path: a.csv, target: {job: income}, categories: job", "job}", "the name of another field", "rename the column"),
    ("path: a.csv, target: {x: income}, features: {x: age}", "income}", "the name of another field", ""),
    ("path: a.csv, target: income, features: {target: age}", "age}", "the name of another field", ""),
    ("path: a.csv, target: {y: [income, job]}", "[income", "a class is one column", "say `task: regression`"),
    ("path: a.csv, target: [income, job]", "[income", "a class is one column", "say `task: regression`"),
    ("path: a.csv, target: {y: income}, task: {x: class}", "class}", "no target is called 'x'", ""),
    ("path: a.csv, target: {y: income, z: age}, task: {y: class}", "{y: class", "it does not say what 'z' is", ""),
    ("path: a.csv, target: income, task: {target: class}", "{target: cl", "for targets by name", "{field: column}"),
    ("path: a.csv, target: {y: income}, task: {y: clas}", "clas}", "expected one of class, regression", "`class`"),
    ("path: a.csv, target: income, features: {}", "{}", "expected a mapping of names to a column", ""),
    ("path: a.csv, target: income, features: {x: 3}", "3}", "expected a string, or a list", ""),
    ("path: a.csv, target: income, categories: [jop]", "[jop]", "no column is called 'jop'", "did you mean `job`?"),
    ("path: a.csv, target: income, features: {x: [agee]}", "{x: [agee", "no column is called 'agee'", "`age`"),
    ("path: a.csv, target: {y: incom}", "{y: incom", "no column is called 'incom'", "`income`"),
]


@pytest.mark.parametrize(("data", "place", "message", "help"), ERRORS, ids=range(len(ERRORS)))
def test_refused(tmp_path: Path, data: str, place: str, message: str, help: str) -> None:
    write(tmp_path / "a.csv")
    text = section(data)
    recipe, (found,) = attempt(text, INPUTS, OUTPUTS, tmp_path)
    assert recipe is None and message in found.message and help in (found.help or ""), found
    line = text.splitlines()[found.span.line - 1]
    assert line[found.span.col - 1 :].startswith(place), (found.span, line)


SPEC = """\
archspec: 1
inputs: {numbers: "float32[B, 4]", job: "int64[B]", city: "int64[B]"}
layers:
  - {name: jobs, embedding: {num_embeddings: 3, embedding_dim: 2}, from: job}
  - {name: cities, embedding: {num_embeddings: ROWS, embedding_dim: 2}, from: city}
  - {name: row, concat: {dim: 1}, from: [numbers, jobs, cities]}
  - {name: pay, linear: 2}
train:
  data:
    csv:
      path: a.csv
      target: income
      categories: [job, city]
  loss: cross_entropy
  optimizer: sgd
  epochs: 1
  batch_size: 4
"""


def test_the_pattern_of_a_table(tmp_path: Path) -> None:
    """The model and the data of docs/patterns.md go together as it says."""
    (pattern,) = [text for text in SPECS if name_of(text) == "people"]
    data = re.search(r"`data: (\{csv: .*\})`", TEXT)
    assert data is not None
    write(tmp_path / "people.csv")
    (tmp_path / "net.yaml").write_text(f"{pattern}train:\n  data: {data[1]}\n  loss: cross_entropy\n  {REST}")
    report = check(tmp_path / "net.yaml")
    assert not report.diagnostics and report.recipe is not None
    assert report.recipe.feeds == {"numbers": "features", "job": "job", "city": "city"}
    assert report.recipe.data.facts.columns == ("age", "gain", "loss", "hours")


def test_an_embedding_needs_a_row_for_each_name(tmp_path: Path) -> None:
    write(tmp_path / "a.csv")
    for rows, messages in (
        (3, []),
        (2, ["the embedding of input `city` has 2 rows, and `city` has 3 different values"]),
    ):
        (tmp_path / "net.yaml").write_text(SPEC.replace("ROWS", str(rows)))
        found = check(tmp_path / "net.yaml").diagnostics
        assert [d.message for d in found] == messages
        assert all((d.code, d.span.line) == ("AS502", 10) for d in found), found
