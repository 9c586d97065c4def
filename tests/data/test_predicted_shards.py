"""Files to predict where the data were shards: read by the same columns, labels not needed."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from archspec.data import load_input
from archspec.diagnostics.model import SpecError
from archspec.recipe.model import Recipe
from tests.data.test_shards import FORMS, add, recipe_of, table, tar, written
from tests.recipe.recipes import checked


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_shard(tmp_path: Path, form: str) -> None:
    (tmp_path / "d").mkdir()
    written(tmp_path / "d", form)
    write, ending = FORMS[form]
    write(tmp_path / "new", table(100, 9))
    found = load_input(recipe_of(tmp_path / "d"), str(tmp_path / f"new.{ending}"))
    assert torch.equal(found["x"], torch.from_numpy(table(100, 9)["x"]))


def by_columns(folder: Path) -> Recipe:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    (folder / "d").mkdir()
    columns = {"a": [1, 2, 3], "b": [4, 5, 6], "kind": [0, 1, 0]}
    pq.write_table(pa.table(columns), folder / "d" / "0.parquet")
    data = "{shards: {path: d, fields: {x: [a, b], y: kind}, divide: {x: 2}, holdout: 0.4}}"
    rest = "loss: {cross_entropy: {target: y}}, optimizer: sgd, epochs: 1, batch_size: 4"
    return checked(f"train: {{data: {data}, {rest}}}", {"x": "float32[B, 2]"}, {"o": "float32[B, 2]"}, folder)


def test_columns_side_by_side_without_the_label(tmp_path: Path) -> None:
    recipe = by_columns(tmp_path)
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"b": [1, 3], "more": ["p", "q"], "a": [5, 7]}), tmp_path / "new.parquet")
    want = torch.tensor([[2.5, 0.5], [3.5, 1.5]])
    assert torch.equal(load_input(recipe, str(tmp_path / "new.parquet"))["x"], want)
    np.savez(tmp_path / "new.npz", a=np.array([5, 7]), b=np.array([1, 3]))
    assert torch.equal(load_input(recipe, str(tmp_path / "new.npz"))["x"], want)
    np.savez(tmp_path / "field.npz", x=np.array([[5, 1], [7, 3]]))  # by the field's name
    assert torch.equal(load_input(recipe, str(tmp_path / "field.npz"))["x"], want)


def test_pictures_of_a_tar(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for name, labelled in (("d/0", True), ("new", False)):
        import tarfile

        with tarfile.open(tmp_path / f"{name}.tar", "w") as archive:
            for k in range(4):
                stream = io.BytesIO()
                Image.fromarray(np.full((4, 4, 3), 51 * k, np.uint8)).save(stream, "PNG")
                add(archive, f"{k}.png", stream.getvalue())
                if labelled:
                    add(archive, f"{k}.cls", b"1")
    data = "{shards: {path: d, size: 4, holdout: 0.5}}"
    rest = "loss: cross_entropy, optimizer: sgd, epochs: 1, batch_size: 4"
    recipe = checked(
        f"train: {{data: {data}, {rest}}}", {"image": "float32[B, 3, 4, 4]"}, {"o": "float32[B, 2]"}, tmp_path
    )
    found = load_input(recipe, str(tmp_path / "new.tar"))["image"]
    assert found.shape == (4, 3, 4, 4)
    assert torch.equal(found[:, 0, 0, 0], torch.tensor([0.0, 0.2, 0.4, 0.6]))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": [1]}, "it has no column `b` of numbers"),
        ({"a": [1], "b": [[1, 2]]}, "its fields are not those of the training data: `x` float32[B, 3]"),
        ({"a": [1], "b": [None]}, "no value for 'b' in row 0"),
        ({"a": [], "b": []}, "it has no samples"),
    ],
)
def test_what_does_not_fit(tmp_path: Path, columns: dict[str, list[object]], message: str) -> None:
    recipe = by_columns(tmp_path)
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {name: pa.int64() if not values or values == [None] else None for name, values in columns.items()}
    given = {name: pa.array(values, kinds[name]) for name, values in columns.items()}
    pq.write_table(pa.table(given), tmp_path / "new.parquet")
    with pytest.raises(SpecError) as caught:
        load_input(recipe, str(tmp_path / "new.parquet"))
    (only,) = caught.value.diagnostics
    assert only.code == "AS504"
    assert message in only.message
    assert Path(only.span.file) == tmp_path / "new.parquet"


def test_a_tar_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    tar(tmp_path / "d" / "0", table(0, 5))
    (tmp_path / "new.tar").write_bytes(b"no tar")
    with pytest.raises(SpecError, match="not a tar that can be read"):
        load_input(recipe_of(tmp_path / "d"), str(tmp_path / "new.tar"))
