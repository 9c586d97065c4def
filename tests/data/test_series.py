"""Time series: windows, split by time, standardised by what is trained on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from archspec.cli.main import main
from archspec.data import Data, load_input, open_data
from archspec.diagnostics.model import SpecError
from archspec.recipe.model import Recipe
from archspec.runtime.session import train
from tests.recipe.recipes import attempt, checked

ROOT = Path(__file__).parents[2]
REST = "loss: mse, optimizer: sgd, epochs: 1, batch_size: 4"


def recipe_of(series: str, base: Path, inputs: str, output: str) -> Recipe:
    return checked(f"train: {{data: {{series: {series}}}, {REST}}}", {"x": inputs}, {"y": output}, base)


def everything(data: Data, part: str = "train") -> dict[str, torch.Tensor]:
    split = getattr(data, part)
    return split.take(torch.arange(len(split)))


def write_table(path: Path, rows: int = 40) -> np.ndarray:
    """Columns t, a, b: b is 100 + a²."""
    a = np.arange(rows, dtype=np.float64)
    table = {"t": 2000 + np.arange(rows), "a": a, "b": 100 + a * a}
    if path.suffix == ".npz":
        np.savez(path, **table)
    elif path.suffix == ".parquet":
        pa = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pa.table(table), path, row_group_size=7)
    else:
        lines = [f"{t},{x},{y}" for t, x, y in zip(*table.values(), strict=True)]
        path.write_text("t,a,b\n" + "\n".join(lines) + "\n")
    return np.stack([table["a"], table["b"]], 1)


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".parquet"])
def test_windows(tmp_path: Path, suffix: str) -> None:
    table = write_table(tmp_path / f"s{suffix}")
    series = f"{{path: s{suffix}, target: b, features: [a, b], lags: 4, horizon: 3, standardize: false, time: t}}"
    data = open_data(recipe_of(series, tmp_path, "float32[B, 4, 2]", "float32[B, 3]"))
    cut = 32  # of 40 rows, 0.2 are held out
    got = everything(data)
    assert len(data.train) == cut - 4 - 3 + 1
    for i in range(len(data.train)):
        assert np.array_equal(got["features"][i], table[i : i + 4])
        assert np.array_equal(got["target"][i], table[i + 4 : i + 7, 1])
    held = everything(data, "holdout")
    assert len(data.holdout) == 8 - 3 + 1
    for i in range(len(data.holdout)):  # every row that is forecast is held out; what it is forecast from may be older
        assert np.array_equal(held["target"][i], table[cut + i : cut + i + 3, 1])
        assert np.array_equal(held["features"][i], table[cut + i - 4 : cut + i])
    assert float(got["target"].max()) < float(held["target"].min())


def test_several_targets_with_a_stride(tmp_path: Path) -> None:
    table = write_table(tmp_path / "s.csv")
    series = "{path: s.csv, target: [b, a], lags: 5, horizon: 2, stride: 3, standardize: false}"
    data = open_data(recipe_of(series, tmp_path, "float32[B, 5, 2]", "float32[B, 2, 2]"))
    got = everything(data)
    assert len(data.train) == (32 - 7) // 3 + 1
    assert np.array_equal(got["features"][2], table[6:11, ::-1])
    assert np.array_equal(got["target"][2], table[11:13, ::-1])


def test_statistics_are_of_the_training_rows(tmp_path: Path) -> None:
    table = write_table(tmp_path / "s.csv")
    series = "{path: s.csv, target: b, features: a, lags: 4}"
    recipe = recipe_of(series, tmp_path, "float32[B, 4, 1]", "float32[B, 1]")
    data = open_data(recipe)
    mean, std = table[:32].mean(0), table[:32].std(0)
    held = everything(data, "holdout")
    np.testing.assert_allclose(held["target"][:, 0], (table[32:, 1] - mean[1]) / std[1], rtol=1e-5)
    np.testing.assert_allclose(held["features"][0, :, 0], (table[28:32, 0] - mean[0]) / std[0], rtol=1e-5)
    assert data.facts.columns == ("a", "b")
    assert data.facts.mean == pytest.approx(tuple(mean))
    # What is forecast from has the columns read, and no target.
    (tmp_path / "new.csv").write_text("a\n" + "\n".join(map(str, range(50, 60))) + "\n")
    (given,) = load_input(recipe, str(tmp_path / "new.csv"), data.facts).values()
    np.testing.assert_allclose(given[0, :, 0], (np.arange(56, 60) - mean[0]) / std[0], rtol=1e-5)
    with pytest.raises(SpecError) as caught:
        (tmp_path / "new.csv").write_text("a\n1\n2\n")
        load_input(recipe, str(tmp_path / "new.csv"), data.facts)
    assert "a forecast is made from 4 rows, and it has 2" in caught.value.diagnostics[0].message


def test_held_out_series_of_its_own(tmp_path: Path) -> None:
    write_table(tmp_path / "s.csv")
    table = write_table(tmp_path / "v.npz", 10)
    series = "{path: s.csv, target: b, lags: 4, horizon: 2, standardize: false, validation: v.npz}"
    data = open_data(recipe_of(series, tmp_path, "float32[B, 4, 1]", "float32[B, 2]"))
    assert (len(data.train), len(data.holdout)) == (40 - 6 + 1, 10 - 6 + 1)
    assert np.array_equal(everything(data, "holdout")["target"][0], table[4:6, 1])


@pytest.mark.parametrize(
    ("series", "message", "column"),
    [
        ("{path: s.csv, target: c, lags: 4}", "no column is called 'c'", 38),
        ("{path: s.csv, target: b, features: [a, d], lags: 4}", "no column is called 'd'", None),
        ("{path: s.csv, target: b, time: when, lags: 4}", "no column is called 'when'", None),
        ("{path: s.csv, target: b, lags: 32}", "40 rows are too few: a window has 33 and 8 are held out", None),
        ("{path: s.csv, target: [b, b], lags: 4}", "'b' is there twice", None),
        ("{path: s.json, target: b, lags: 4}", "a table ends in .csv, .tsv, .txt, .npz, .parquet", None),
        ("{path: s.csv, target: b, lags: 0}", "`lags` of `series`", None),
    ],
)
def test_errors_before_anything_is_read(tmp_path: Path, series: str, message: str, column: int | None) -> None:
    write_table(tmp_path / "s.csv")
    (tmp_path / "s.json").write_text("{}")
    text = f"train: {{data: {{series: {series}}}, {REST}}}"
    _, found = attempt(text, {"x": "float32[B, 4, 1]"}, {"y": "float32[B, 1]"}, tmp_path)
    assert [message in d.message for d in found] == [True], found
    if column is not None:
        assert text[column:].startswith("target") or found[0].span.line == 1


def test_the_model_is_held_against_the_windows(tmp_path: Path) -> None:
    write_table(tmp_path / "s.csv")
    text = f"train: {{data: {{series: {{path: s.csv, target: b, lags: 4, horizon: 3}}}}, {REST}}}"
    _, found = attempt(text, {"x": "float32[B, 4, 1]"}, {"y": "float32[B, 2]"}, tmp_path)
    assert [d.code for d in found] == ["AS503"]
    _, found = attempt(text, {"x": "float32[B, 4, 2]"}, {"y": "float32[B, 3]"}, tmp_path)
    assert [d.code for d in found] == ["AS502"]


def opened(tmp_path: Path, suffix: str = ".csv", more: str = "time: t") -> list[Any]:
    recipe = recipe_of(
        f"{{path: s{suffix}, target: b, lags: 4, {more}}}", tmp_path, "float32[B, 4, 1]", "float32[B, 1]"
    )
    with pytest.raises(SpecError) as caught:
        open_data(recipe)
    return list(caught.value.diagnostics)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2003,1,2", "'2003' in column 't' is not later than the row before"),
        ("soon,1,2", "'soon' in column 't' is neither a number nor a date"),
        ("2040,1,x", "'x' in column 'b' is not a finite number"),
        ("2040,1,", "no value for 'b'"),
        ("2040,1,1e39", "'1e39' in column 'b' is not a finite number"),
    ],
)
def test_bad_rows_are_told_at_their_line(tmp_path: Path, row: str, message: str) -> None:
    write_table(tmp_path / "s.csv")
    with (tmp_path / "s.csv").open("a") as stream:
        stream.write(row + "\n")
    (found,) = opened(tmp_path)
    assert message in found.message
    assert (Path(found.span.file).name, found.span.line) == ("s.csv", 42)


def test_dates(tmp_path: Path) -> None:
    days = [f"2024-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(40)]
    (tmp_path / "s.csv").write_text("t,b\n" + "".join(f"{day},{i}\n" for i, day in enumerate(days)))
    series = "{path: s.csv, target: b, lags: 4, time: t}"
    assert len(open_data(recipe_of(series, tmp_path, "float32[B, 4, 1]", "float32[B, 1]")).train) == 28
    days[20] = "2024-01-01T00:00:00+02:00"
    (tmp_path / "s.csv").write_text("t,b\n" + "".join(f"{day},{i}\n" for i, day in enumerate(days)))
    assert opened(tmp_path)[0].span.line == 22


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_values_that_are_not_finite(tmp_path: Path, suffix: str) -> None:
    b = np.arange(40.0)
    b[7] = np.nan
    table = {"t": np.arange(40), "b": b}
    if suffix == ".npz":
        np.savez(tmp_path / "s.npz", **table)
    else:
        pa = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pa.table(table), tmp_path / "s.parquet")
    assert "row 7 of column 'b' is not a finite number" in opened(tmp_path, suffix)[0].message


def test_parquet_with_missing_values_and_times(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    days = np.arange("2024-01-01", "2024-02-10", dtype="datetime64[D]")
    pq.write_table(pa.table({"t": days, "b": np.arange(40)}), tmp_path / "s.parquet")
    series = "{path: s.parquet, target: b, lags: 4, time: t}"
    assert len(open_data(recipe_of(series, tmp_path, "float32[B, 4, 1]", "float32[B, 1]")).train) == 28
    pq.write_table(pa.table({"t": days[::-1], "b": np.arange(40)}), tmp_path / "s.parquet")
    assert "row 1 of column 't' is not later" in opened(tmp_path, ".parquet")[0].message
    pq.write_table(pa.table({"t": days, "b": [1.0, None, *range(38)]}), tmp_path / "s.parquet")
    assert "no value for 'b' in row 1" in opened(tmp_path, ".parquet")[0].message
    (tmp_path / "s.parquet").write_bytes(b"PAR1 and nothing more")
    _, found = attempt(
        f"train: {{data: {{series: {series}}}, {REST}}}", {"x": "float32[B, 4, 1]"}, {"y": "float32[B, 1]"}, tmp_path
    )
    assert "not a parquet file" in found[0].message


def test_an_lstm_forecasts_sunspots_better_than_the_last_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = ROOT / "specs" / "lstm_forecast.yaml"
    result = train(spec, params={"train.epochs": 15}, run=tmp_path / "run", quiet=True)
    series = np.loadtxt(ROOT / "specs" / "data" / "sunspots.csv", delimiter=",", skiprows=1)[:, 1]
    cut = len(series) - round(0.2 * len(series))
    errors = [abs(series[t : t + 5] - series[t - 1]) for t in range(cut, len(series) - 4)]
    assert result.best is not None
    mine = result.best * series[:cut].std()  # `mae` is of standardised values
    assert mine < 0.85 * float(np.mean(errors))
    # The forecast that is printed is in sunspots: the model's, brought back.
    assert main(["predict", str(result.folder), str(ROOT / "specs" / "data" / "sunspots.csv")]) == 0
    import archspec
    from archspec.model import weights

    model = archspec.compile(result.folder / "spec.yaml")
    weights.load(model, result.folder / "weights.safetensors")
    mean, std = series[:cut].mean(), series[:cut].std()
    with torch.no_grad():
        want = (
            model.eval()(torch.tensor((series[-30:] - mean) / std, dtype=torch.float32)[None, :, None])[0] * std + mean
        )
    shown = [float(word) for word in capsys.readouterr().out.split()]
    assert shown == pytest.approx(want.tolist(), rel=1e-4)
    assert not math.isclose(shown[0], shown[4])
