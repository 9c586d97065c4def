"""Folders of Hugging Face datasets, as its own library wrote them (tests/data/saved), and encoded images in columns."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from archspec.data import Batches, open_data
from archspec.diagnostics.model import SpecError
from archspec.recipe.model import Recipe
from tests.recipe.recipes import attempt, checked

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

SAVED = Path(__file__).parent / "saved"
REST = "loss: {cross_entropy: {target: label}}, optimizer: sgd, epochs: 1, batch_size: 4"


def recipe_of(path: str, base: Path, inputs: str = "x: float32[B, 3]", more: str = "", out: int = 3) -> Recipe:
    name, _, kind = inputs.partition(": ")
    text = f"train: {{data: {{shards: {{path: {path}{more}}}}}, {REST}}}"
    return checked(text, {name: kind}, {"o": f"float32[B, {out}]"}, base)


def test_every_row_is_read(tmp_path: Path) -> None:
    data = open_data(recipe_of("saved/train", SAVED.parent, more=", validation: saved/test"))
    assert data.classes == ("even", "odd", "other")
    seen = list(Batches(data.train, 7, seed=1))
    n = torch.cat([batch["n"] for batch in seen])
    assert sorted(n.tolist()) == list(range(40)) and n.tolist() != list(range(40))
    f = n.float()
    assert torch.equal(torch.cat([b["x"] for b in seen]), torch.stack([f, f + 0.5, -f], 1))
    assert torch.equal(torch.cat([b["label"] for b in seen]), n % 3)
    grid = torch.cat([b["grid"] for b in seen])
    assert torch.equal(grid, torch.stack([torch.stack([f, 0 * f], 1), torch.stack([0 * f, f], 1)], 1))
    held = [batch["n"] for batch in Batches(data.holdout, 4, shuffle=False)]
    assert torch.cat(held).tolist() == list(range(30, 40))


def test_two_columns_have_names_of_classes(tmp_path: Path) -> None:
    shutil.copytree(SAVED / "train", tmp_path / "two")
    info = json.loads((tmp_path / "two" / "dataset_info.json").read_text())
    numbers = [f"number {i}" for i in range(40)]
    info["features"]["n"] = {"names": numbers, "_type": "ClassLabel"}
    (tmp_path / "two" / "dataset_info.json").write_text(json.dumps(info))
    facts = recipe_of("two", tmp_path).data.facts
    assert facts.names("label") == ("even", "odd", "other") and facts.names("n") == tuple(numbers)
    assert facts.names("x") is facts.classes is None and facts.field("n").classes == 40


def test_classes_are_held_against_the_model() -> None:
    text = f"train: {{data: {{shards: {{path: saved/train}}}}, {REST}}}"
    _, found = attempt(text, {"x": "float32[B, 3]"}, {"o": "float32[B, 2]"}, SAVED.parent)
    assert ["the output has 2 classes, and the data have 3" in d.message for d in found] == [True]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("splits", "it has several splits: train, test"),
        ("script", "it has a script: nothing of a data set is ever run"),
        ("outside", "'../x.arrow' is not an Arrow file in this folder"),
        ("state", "it is no JSON"),
        ("list", "it does not list its files"),
        ("gone", "no such file"),
        ("broken", "not an Arrow stream"),
        ("indices", "its rows are chosen by another file"),
    ],
)
def test_folders_that_are_refused(tmp_path: Path, change: str, message: str) -> None:
    shutil.copytree(SAVED, tmp_path / "saved")
    folder = tmp_path / "saved" / "train"
    state = json.loads((folder / "state.json").read_text())
    if change == "script":
        (folder / "train.py").write_text("raise SystemExit")
    elif change == "outside":
        state["_data_files"][0]["filename"] = "../x.arrow"
    elif change == "list":
        del state["_data_files"]
    elif change == "gone":
        (folder / "data-00000-of-00002.arrow").unlink()
    elif change == "broken":
        (folder / "data-00000-of-00002.arrow").write_bytes(b"\xff" * 100)
    elif change == "indices":
        state["_indices_data_files"] = [{"filename": "i.arrow"}]
    (folder / "state.json").write_text("{" if change == "state" else json.dumps(state))
    path = "saved" if change == "splits" else "saved/train"
    text = f"train: {{data: {{shards: {{path: {path}}}}}, {REST}}}"
    _, found = attempt(text, {"x": "float32[B, 3]"}, {"o": "float32[B, 3]"}, tmp_path)
    assert [message in d.message for d in found] == [True], found


def picture(level: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4), (level, 0, 255)).save(stream, "png")
    return stream.getvalue()


def images(path: Path, encoded: list[bytes | None]) -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [{"bytes": data, "path": "/etc/passwd"} for data in encoded]
    pq.write_table(pa.table({"image": pa.array(rows, kind), "label": [i % 3 for i in range(len(rows))]}), path)


def test_encoded_images(tmp_path: Path) -> None:
    images(tmp_path / "a.parquet", [picture(20 * i) for i in range(10)])
    data = open_data(recipe_of("a.parquet", tmp_path, "image: float32[B, 3, 4, 4]", ", size: 4, holdout: 0.2"))
    got = data.train.take(torch.tensor([5, 2]))
    assert got["image"][:, 0, 0, 0].tolist() == pytest.approx([100 / 255, 40 / 255])
    assert got["label"].tolist() == [2, 2]
    text = f"train: {{data: {{shards: {{path: a.parquet}}}}, {REST}}}"
    _, found = attempt(text, {"image": "float32[B, 3, 4, 4]"}, {"o": "float32[B, 3]"}, tmp_path)
    assert ["`image` holds images: their size is needed" in d.message for d in found] == [True]


@pytest.mark.parametrize(
    ("data", "message"), [(b"no image", "image 3: it is not an image"), (None, "image 3: its image is not in the file")]
)
def test_images_that_cannot_be_read(tmp_path: Path, data: bytes | None, message: str) -> None:
    images(tmp_path / "a.parquet", [picture(0), picture(0), picture(0), data, picture(0)])
    opened = open_data(recipe_of("a.parquet", tmp_path, "image: float32[B, 3, 4, 4]", ", size: 4, holdout: 0.2"))
    with pytest.raises(SpecError) as caught:
        opened.train.take(torch.arange(4))
    assert message in caught.value.diagnostics[0].message


def test_a_few_bytes_that_are_many_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One value two million times takes some hundred bytes of parquet."""
    from archspec.data import pieces

    pq.write_table(
        pa.table({"x": np.zeros(2_000_000, dtype=np.float32), "label": np.zeros(2_000_000)}), tmp_path / "a.parquet"
    )
    assert (tmp_path / "a.parquet").stat().st_size < 100_000
    monkeypatch.setattr(pieces, "MAX_PIECE", 2**22)
    with pytest.raises(SpecError) as caught:
        rest = "loss: {mse: {target: label}}, optimizer: sgd, epochs: 1, batch_size: 4"
        text = f"train: {{data: {{shards: {{path: a.parquet}}}}, {rest}}}"
        open_data(checked(text, {"x": "float32[B]"}, {"o": "float32[B]"}, tmp_path))
    assert "bytes are read at once; at most 4,194,304" in caught.value.diagnostics[0].message


def test_arrow_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archspec.recipe import saved

    table = pa.table({"x": np.zeros(300_000, dtype=np.float32), "label": np.zeros(300_000, dtype=np.int64)})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(str(tmp_path / "a.arrow"), table.schema, options=options) as stream:
        stream.write_table(table, max_chunksize=1000)
    monkeypatch.setattr(saved, "MAX_UNPACKED", 2**20)
    _, found = attempt(
        f"train: {{data: {{shards: {{path: a.arrow}}}}, {REST}}}", {"x": "float32[B]"}, {"o": "float32[B, 3]"}, tmp_path
    )
    assert ["unpacks to more than 1,048,576 bytes" in d.message for d in found] == [True], found
