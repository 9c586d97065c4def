"""Many time series in one table: windows of one series each, split by its own time; expectations by arithmetic."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from archspec.cli.main import main
from archspec.data import Batches, Data, load_input, open_data
from archspec.diagnostics.model import SpecError
from archspec.recipe.model import DataFacts, Recipe
from tests.recipe.recipes import attempt, checked

REST = "loss: {mse: {input: y}}, optimizer: sgd, epochs: 1, batch_size: 4"
LENGTHS = {"b": 20, "a": 12, "c": 30}


class Row(NamedTuple):
    id: str
    t: int
    y: float
    price: float
    size: float
    shop: str


def rows_of(lengths: dict[str, int] = LENGTHS, *, mixed: bool = False) -> list[Row]:
    """Of series k: y = 1000 k + t², price = 10 k + t, size = k, shop = "s<k % 2>"; `mixed`: ordered by time."""
    rows = [
        Row(name, t, 1000.0 * k + t * t, 10.0 * k + t, float(k), f"s{k % 2}")
        for k, (name, length) in enumerate(lengths.items())
        for t in range(length)
    ]
    return sorted(rows, key=lambda row: row.t) if mixed else rows


def write(path: Path, rows: list[Row]) -> None:
    if path.suffix == ".csv":
        path.write_text("\n".join(",".join(map(str, row)) for row in [Row._fields, *rows]) + "\n")
        return
    columns: dict[str, Any] = {name: [row[k] for row in rows] for k, name in enumerate(Row._fields)}
    if path.suffix == ".npz":
        np.savez(path, **columns)
    else:
        pa = pytest.importorskip("pyarrow")
        columns["shop"] = pa.array(columns["shop"]).dictionary_encode()
        pytest.importorskip("pyarrow.parquet").write_table(pa.table(columns), path, row_group_size=7)


INPUTS = {"features": "float32[B, 4, 2]"}


def recipe_of(series: str, base: Path, inputs: dict[str, str] = INPUTS, output: str = "float32[B, 2]") -> Recipe:
    text = f"train: {{data: {{series: {{{series}}}}}, {REST}}}"
    return checked(text, inputs, {"y": output}, base)


def everything(data: Data, part: str = "train") -> dict[str, torch.Tensor]:
    split = getattr(data, part)
    return split.take(torch.arange(len(split)))


PLAIN = "id: id, time: t, target: y, features: [y, price], lags: 4, horizon: 2, holdout: 0.25"


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".parquet"])
@pytest.mark.parametrize("mixed", [False, True])
def test_windows_are_of_one_series_and_what_is_held_out_is_later(tmp_path: Path, suffix: str, mixed: bool) -> None:
    write(tmp_path / f"s{suffix}", rows_of(mixed=mixed))
    data = open_data(recipe_of(f"path: s{suffix}, {PLAIN}, standardize: false", tmp_path))
    for part in ("train", "holdout"):
        want_features, want_target = [], []
        for k, length in enumerate(LENGTHS.values()):
            cut = {20: 15, 12: 9, 30: 22}[length]  # 5, 3 and 8 (7.5, rounded) are held out
            first, end = (0, cut) if part == "train" else (cut - 4, length)
            for start in range(first, end - 6 + 1):
                t = np.arange(start, start + 6)
                want_features.append(np.stack([1000 * k + t[:4] ** 2, 10 * k + t[:4]], 1))
                want_target.append(1000 * k + t[4:] ** 2)
        got = everything(data, part)
        assert len(getattr(data, part)) == len(want_features)
        assert np.array_equal(got["features"], np.array(want_features, dtype=np.float32))
        assert np.array_equal(got["target"], np.array(want_target, dtype=np.float32))


def test_with_a_stride(tmp_path: Path) -> None:
    write(tmp_path / "s.csv", rows_of())
    data = open_data(recipe_of(f"path: s.csv, {PLAIN}, standardize: false, stride: 4", tmp_path))
    # Of 15, 9 and 22 rows: windows of 6 rows begin at 0, 4, 8; 0; 0, 4, 8, 12, 16.
    begins = [(0, 0), (0, 4), (0, 8), (1, 0), (2, 0), (2, 4), (2, 8), (2, 12), (2, 16)]
    assert everything(data)["features"][:, 0, 0].tolist() == [1000.0 * k + t * t for k, t in begins]


def test_a_batch_goes_on_where_it_was(tmp_path: Path) -> None:
    write(tmp_path / "s.parquet", rows_of(mixed=True))
    data = open_data(recipe_of(f"path: s.parquet, {PLAIN}", tmp_path))
    whole = [batch["target"].tolist() for batch in Batches(data.train, 4, seed=3)]
    first = Batches(data.train, 4, seed=3)
    begun = [next(first)["target"].tolist() for _ in range(3)]
    rest = Batches(open_data(recipe_of(f"path: s.parquet, {PLAIN}", tmp_path)).train, 4, seed=3)
    rest.restore(json.loads(json.dumps(first.state())))
    assert begun + [batch["target"].tolist() for batch in rest] == whole


COVARIATES = (
    "path: s.csv, id: id, time: t, target: y, lags: 4, horizon: 2, future_covariates: price, "
    "static_covariates: size, static_categories: [shop, id], validation: v.csv"
)
MANY = {
    "features": "float32[B, 4, 1]",
    "future_covariates": "float32[B, 2, 1]",
    "static_covariates": "float32[B, 1]",
    "shop": "int64[B]",
    "id": "int64[B]",
}


def test_covariates(tmp_path: Path) -> None:
    write(tmp_path / "s.csv", rows_of())
    write(tmp_path / "v.csv", [row for row in rows_of() if row.id != "b"])
    recipe = recipe_of(COVARIATES + ", standardize: false", tmp_path, MANY)
    assert [(f.name, f.classes) for f in recipe.data.facts.fields[-2:]] == [("shop", 2), ("id", 3)]
    data = open_data(recipe)
    got = everything(data)
    number = {name: k for k, name in enumerate(LENGTHS)}
    code = {"a": 0, "b": 1, "c": 2}  # sorted
    want = [(name, start) for name, length in LENGTHS.items() for start in range(length - 5)]
    assert len(data.train) == len(want)
    for i, (name, start) in enumerate(want):
        k = number[name]
        assert got["future_covariates"][i, :, 0].tolist() == [10 * k + start + 4, 10 * k + start + 5]
        assert got["static_covariates"][i].tolist() == [k]
        assert (int(got["shop"][i]), int(got["id"][i])) == (k % 2, code[name])
    held = everything(data, "holdout")
    assert held["id"].tolist() == [0] * 7 + [2] * 25
    assert held["static_covariates"][:, 0].tolist() == [1.0] * 7 + [2.0] * 25


def test_standardised_over_all_series(tmp_path: Path) -> None:
    rows = rows_of()
    write(tmp_path / "s.csv", rows)
    series = "path: s.csv, id: id, target: y, lags: 4, horizon: 2, static_covariates: size, holdout: 0.25"
    inputs = {"features": "float32[B, 4, 1]", "static_covariates": "float32[B, 1]"}
    data = open_data(recipe_of(series, tmp_path, inputs))
    trained = np.array([row.y for row in rows if row.t < {"b": 15, "a": 9, "c": 22}[row.id]])
    got = everything(data)
    want = (np.array([0.0, 1, 4, 9]) - trained.mean()) / trained.std()
    np.testing.assert_allclose(got["features"][0, :, 0], want, rtol=1e-5)
    sizes = np.array([0.0, 1.0, 2.0])  # one a series
    np.testing.assert_allclose(got["static_covariates"][0, 0], -1 / sizes.std(), rtol=1e-6)


def test_standardised_each_by_itself(tmp_path: Path) -> None:
    write(tmp_path / "s.csv", rows_of(mixed=True))
    recipe = recipe_of(f"path: s.csv, {PLAIN}, standardize: series", tmp_path)
    data = open_data(recipe)
    held = everything(data, "holdout")
    starts = {"b": 0, "a": 5 - 1, "c": 5 - 1 + 3 - 1}  # of 5, 3 and 8 held-out rows
    for k, (name, cut) in enumerate({"b": 15, "a": 9, "c": 22}.items()):
        y = 1000.0 * k + np.arange(40.0) ** 2
        mean, std = y[:cut].mean(), y[:cut].std()
        np.testing.assert_allclose(held["target"][starts[name]], (y[cut : cut + 2] - mean) / std, rtol=1e-4)
    # What is forecast from: known series as they were, a new one by its own rows.
    facts = DataFacts.from_json(json.loads(json.dumps(data.facts.to_json())))
    assert facts == data.facts
    new = [Row("z", t, 5.0 + t, 1.0 + 2 * t, 0, "") for t in range(6)]
    write(tmp_path / "new.csv", [*rows_of({"b": 8}), *new])
    samples = load_input(recipe, str(tmp_path / "new.csv"), facts)
    assert samples.origins is not None and [origin.id for origin in samples.origins] == ["b", "z"]
    y = np.arange(15.0) ** 2
    np.testing.assert_allclose(samples["features"][0, :, 0], (y[4:8] - y.mean()) / y.std(), rtol=1e-5)
    z = np.arange(6.0)
    np.testing.assert_allclose(samples["features"][1, :, 1], (z[2:] - z.mean()) / z.std(), rtol=1e-5)
    forecast = samples.origins[1].restore(torch.tensor([0.0, 1.0]))
    np.testing.assert_allclose(forecast, [7.5, 7.5 + z.std()], rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("a", "y", ""), "line 23: no value for 'y'"),
        (("a", "price", "x"), "line 23: 'x' in column 'price' is not a finite number"),
        (("a", "t", "0"), "line 23: '0' in column 't' is not later than the row before"),
        (("a", "t", "soon"), "line 23: 'soon' in column 't' is neither a number nor a date"),
        (("a", "size", "7"), "line 23: 'size' is static, and changes within a series"),
        (("a", "shop", "other"), "line 23: 'shop' is static, and changes within a series"),
    ],
)
def test_a_bad_series_stops_or_is_set_aside(tmp_path: Path, change: tuple[str, str, str], reason: str) -> None:
    name, column, value = change
    rows = rows_of()
    place = next(i for i, row in enumerate(rows) if row.id == name) + 1
    rows[place] = rows[place]._replace(**{column: value})
    write(tmp_path / "s.csv", rows)
    series = (
        "path: s.csv, id: id, time: t, target: y, features: [y, price], lags: 4, horizon: 2, standardize: false, "
        "static_covariates: size, static_categories: shop"
    )
    inputs = {**INPUTS, "static_covariates": "float32[B, 1]", "shop": "int64[B]"}
    with pytest.raises(SpecError) as caught:
        open_data(recipe_of(series, tmp_path, inputs))
    (found,) = caught.value.diagnostics
    assert f"line {found.span.line}: {found.message}".startswith(reason)
    data = open_data(recipe_of(series + ", on_bad_sample: quarantine", tmp_path, inputs))
    (bad,) = data.bad
    assert (bad.part, bad.sample, Path(bad.path).name) == ("train", 1, "s.csv")
    assert bad.reason.startswith(f"series 'a': {reason}")
    assert not (everything(data)["static_covariates"] == 1.0).any()


def test_more_bad_series_than_may_be(tmp_path: Path) -> None:
    rows = [row._replace(y="") if row.t == 3 and row.id in "ac" else row for row in rows_of()]  # type: ignore[arg-type]
    write(tmp_path / "s.csv", rows)
    with pytest.raises(SpecError) as caught:
        open_data(recipe_of(f"path: s.csv, {PLAIN}, on_bad_sample: quarantine", tmp_path))
    assert "2 of 3 series are bad, and 1.00% may be set aside; series 'a': no value" in str(caught.value)
    kept = open_data(recipe_of(f"path: s.csv, {PLAIN}, on_bad_sample: quarantine, bad_share: 0.7", tmp_path))
    assert len(kept.bad) == 2


@pytest.mark.parametrize(
    ("series", "message", "at"),
    [
        ("path: s.csv, id: i, target: y, lags: 4", "no column is called 'i'", "i, target"),
        ("path: s.csv, id: id, target: y, lags: 4, future_covariates: prize", "no column is called 'prize'", "prize"),
        ("path: s.csv, id: id, target: y, lags: 4, static_covariates: [sise]", "no column is called 'sise'", "[sise"),
        ("path: s.csv, id: id, target: y, lags: 4, static_categories: shops", "no column is called 'shops'", "shops"),
        ("path: s.csv, target: y, lags: 4, static_categories: shop", "of one series these say nothing", "shop"),
        ("path: s.csv, id: id, target: y, lags: 4, future_covariates: y", "not known ahead", "y}"),
        (
            "path: s.csv, id: id, target: y, lags: 40",
            "all 3 series are too short, and the longest is 'c': 30 rows are too few: a window has 41 and 6 are held",
            "40}",
        ),
    ],
)
def test_errors_at_the_line_of_the_spec(tmp_path: Path, series: str, message: str, at: str) -> None:
    write(tmp_path / "s.csv", rows_of())
    text = f"train: {{data: {{series: {{{series}}}}}, {REST}}}"
    _, found = attempt(text, INPUTS, {"y": "float32[B, 2]"}, tmp_path)
    assert [message in d.message for d in found] == [True], found
    assert text[found[0].span.col - 1 :].startswith(at), text[found[0].span.col - 1 :]


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_ids_that_are_none(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / f"s{suffix}", rows_of())
    text = f"train: {{data: {{series: {{path: s{suffix}, id: price, target: y, lags: 4}}}}, {REST}}}"
    _, found = attempt(text, INPUTS, {"y": "float32[B, 2]"}, tmp_path)
    assert "names or whole numbers are needed" in found[0].message


SPEC = """archspec: 1
inputs: {features: "float32[B, 4, 1]", future_covariates: "float32[B, 2, 1]", shop: "int64[B]"}
layers:
  - {name: past, flatten: {}, from: features}
  - {name: ahead, flatten: {}, from: future_covariates}
  - {name: where, embedding: {num_embeddings: 2, embedding_dim: 3}, from: shop}
  - {concat: {dim: 1}, from: [past, ahead, where]}
  - {name: forecast, linear: 2}
outputs: {forecast: forecast}
train:
  data:
    series: {path: s.csv, id: id, time: t, target: y, lags: 4, horizon: 2, future_covariates: price,
             static_categories: shop, standardize: series}
  loss: mse
  metrics: [mae]
  optimizer: {sgd: {lr: 0.01}}
  epochs: 2
  batch_size: 8
runtime: {device: cpu}
"""


def test_a_run_forecasts_each_series_by_its_id(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "s.csv", [*rows_of(), *(Row("short", t, 1, 1, 1, "s1") for t in range(5))])
    (tmp_path / "net.yaml").write_text(SPEC)
    run = tmp_path / "run"
    assert main(["train", str(tmp_path / "net.yaml"), "--run", str(run), "--quiet"]) == 0
    assert "sample set aside" in capsys.readouterr().err
    (entry,) = [json.loads(line) for line in (run / "quarantine.jsonl").read_text().splitlines()]
    assert entry["reason"] == "series 'short': 5 rows are too few: a window has 6 and 2 are held out"
    # The rows that are forecast have a price and nothing else.
    known = [row for row in rows_of() if row.id != "a"]
    last = {row.id: row for row in known}
    future = [row._replace(t=row.t + i, y="", price=row.price + i) for row in last.values() for i in (1, 2)]  # type: ignore[arg-type]
    write(tmp_path / "new.csv", sorted([*known, *future], key=lambda row: row.t))
    assert main(["predict", str(run), str(tmp_path / "new.csv"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["predictions"]
    assert [sample["forecast"]["id"] for sample in found] == ["b", "c"]
    import archspec
    from archspec.model import weights

    model = archspec.compile(run / "spec.yaml").eval()
    weights.load(model, run / "weights.safetensors")
    for sample, (k, length, cut) in zip(found, [(0, 20, 16), (2, 30, 24)], strict=True):
        t = np.arange(length + 2.0)
        y, price = 1000 * k + t**2, 10 * k + t
        scaled = [(c - c[:cut].mean()) / c[:cut].std() for c in (y, price)]
        past, ahead = scaled[0][length - 4 : length], scaled[1][length:]
        with torch.no_grad():
            out = model(
                *(torch.tensor(x, dtype=torch.float32)[None, :, None] for x in (past, ahead)), torch.tensor([0])
            )
        want = out[0].numpy() * y[:cut].std() + y[:cut].mean()
        assert sample["forecast"]["values"] == pytest.approx(want.tolist(), rel=1e-4)
    assert main(["predict", str(run), str(tmp_path / "new.csv")]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == ["b", "c"]
    write(tmp_path / "new.csv", [*known, *future[:2], future[2]._replace(price="")])  # type: ignore[arg-type]
    assert main(["predict", str(run), str(tmp_path / "new.csv")]) == 1
    assert "no value for 'price'" in capsys.readouterr().err
    write(tmp_path / "new.csv", [row._replace(shop="s9") for row in known])
    assert main(["predict", str(run), str(tmp_path / "new.csv")]) == 1
    assert "'s9' in column 'shop' is not in the data trained on" in capsys.readouterr().err
