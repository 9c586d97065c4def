"""Shards: every sample once, in an order of the seed alone, with bounded memory."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from archspec.data import Batches, Data, Fetcher, open_data
from archspec.data.shards import Order
from archspec.diagnostics.model import SpecError
from archspec.recipe.model import Recipe
from tests.recipe.recipes import attempt, checked

REST = "loss: {mse: {target: y}}, optimizer: sgd, epochs: 1, batch_size: 4"
TYPES = {"x": "float32[B, 3]"}, {"o": "float32[B]"}


def table(first: int, rows: int) -> dict[str, np.ndarray]:
    """Sample i is x = [i, i + 0.5, -i], y = 2 i."""
    i = np.arange(first, first + rows, dtype=np.float32)
    return {"x": np.stack([i, i + 0.5, -i], 1), "y": 2 * i}


def npz(path: Path, columns: dict[str, np.ndarray]) -> None:
    np.savez(path.with_suffix(".npz"), **columns)


def compressed(path: Path, columns: dict[str, np.ndarray]) -> None:
    np.savez_compressed(path.with_suffix(".npz"), **columns)


def parquet(path: Path, columns: dict[str, np.ndarray]) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    flat = {name: list(column) if column.ndim > 1 else column for name, column in columns.items()}
    pq.write_table(
        pa.table({**flat, "text": ["t"] * len(columns["y"])}), path.with_suffix(".parquet"), row_group_size=4
    )


def tar(path: Path, columns: dict[str, np.ndarray]) -> None:
    with tarfile.open(path.with_suffix(".tar"), "w") as archive:
        for i in range(len(columns["y"])):
            for name, column in columns.items():
                stream = io.BytesIO()
                np.save(stream, column[i])
                add(archive, f"s/{i:04}.{name}.npy", stream.getvalue())


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


FORMS: dict[str, tuple[Callable[[Path, dict[str, np.ndarray]], None], str]] = {
    "npz": (npz, "npz"),
    "compressed": (compressed, "npz"),
    "parquet": (parquet, "parquet"),
    "tar": (tar, "tar"),
}
SIZES = (7, 10, 3, 12, 8)


def written(folder: Path, form: str) -> None:
    write, _ = FORMS[form]
    first = 0
    for k, rows in enumerate(SIZES):
        write(folder / f"part-{k}", table(first, rows))
        first += rows


def recipe_of(folder: Path, more: str = "holdout: 0.2, shuffle: 16") -> Recipe:
    return checked(f"train: {{data: {{shards: {{path: {folder.name}, {more}}}}}, {REST}}}", *TYPES, folder.parent)


def numbers(data: Data, part: str = "train", **given: Any) -> list[float]:
    """Numbers of the samples, in the order they come; each with its own y."""
    out: list[float] = []
    for batch in Batches(getattr(data, part), 4, **given):
        assert torch.equal(batch["y"], 2 * batch["x"][:, 0])
        assert torch.equal(batch["x"][:, 1:], torch.stack([batch["x"][:, 0] + 0.5, -batch["x"][:, 0]], 1))
        out += batch["x"][:, 0].tolist()
    return out


@pytest.mark.parametrize("form", FORMS)
def test_every_sample_comes_once(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    written(folder, form)
    data = open_data(recipe_of(folder))
    train, held = numbers(data), numbers(data, "holdout", shuffle=False)
    assert sorted(train + held) == list(range(sum(SIZES)))
    assert len(train) == len(data.train) and len(held) == len(data.holdout)
    assert held == sorted(held)
    assert train != sorted(train)
    assert numbers(data) == train
    assert numbers(data, epoch=1) != train and sorted(numbers(data, epoch=1)) == sorted(train)
    assert numbers(data, seed=1) != train


def test_a_pattern_and_validation(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, "npz")
    more = "validation: b"
    recipe = checked(f"train: {{data: {{shards: {{path: 'a/part-[01].npz', {more}}}}}, {REST}}}", *TYPES, tmp_path)
    data = open_data(recipe)
    assert sorted(numbers(data)) == list(range(17))
    assert numbers(data, "holdout", shuffle=False) == list(range(40))


def test_it_resumes_at_the_sample(tmp_path: Path) -> None:
    written(tmp_path, "npz")
    data = open_data(recipe_of(tmp_path))
    whole = numbers(data, seed=4)
    for done in range(5):
        batches = Batches(data.train, 4, seed=4)
        for _ in range(done):
            next(batches)
        again = Batches(open_data(recipe_of(tmp_path)).train, 4)
        again.restore(batches.state())
        assert [n for batch in again for n in batch["x"][:, 0].tolist()] == whole[4 * done :]


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_share_a_batch_without_duplicates(tmp_path: Path, ranks: int) -> None:
    written(tmp_path, "parquet")
    data = open_data(recipe_of(tmp_path))
    parts = [list(Batches(data.train, 6, seed=1, part=(rank, ranks))) for rank in range(ranks)]
    for k, whole in enumerate(Batches(data.train, 6, seed=1)):
        joined = torch.cat([part[k]["x"] for part in parts])
        if len(whole["x"]) >= ranks:
            assert torch.equal(joined, whole["x"])


@pytest.mark.slow
def test_workers_read_the_same(tmp_path: Path) -> None:
    written(tmp_path, "tar")
    data = open_data(recipe_of(tmp_path))
    list(Batches(data.train, 4))  # files that are open here stay here
    fetcher = Fetcher([data.train], 2)
    try:
        got = [batch["x"] for batch in fetcher.over(Batches(data.train, 4, seed=2))]
    finally:
        fetcher.close()
    assert torch.equal(torch.cat(got), torch.cat([batch["x"] for batch in Batches(data.train, 4, seed=2)]))


def test_windows() -> None:
    """Pieces of a window are consecutive, and all of one are done before the next."""
    sizes = np.array([5, 0, 8, 3, 30, 2, 2, 7])
    order = Order(sizes, np.ones(8, dtype=np.int64), 10, 100, 0, 0)
    whole = order[0:57]
    assert sorted(whole.tolist()) == list(range(57))
    piece = np.searchsorted(np.cumsum(sizes), whole.numpy(), side="right")
    ends = {k: int(np.flatnonzero(piece == k).max()) for k in np.unique(piece)}
    begins = {k: int(np.flatnonzero(piece == k).min()) for k in np.unique(piece)}
    for k in ends:  # at most 10 samples are mixed, where no piece is larger
        assert ends[k] - begins[k] < max(10, int(sizes[k]))
    parts = [order[a:b].tolist() for a, b in ((0, 1), (1, 20), (20, 20), (20, 57))]
    assert [n for part in parts for n in part] == whole.tolist()
    light = Order(sizes, np.full(8, 60), 1000, 100, 0, 0)  # by their bytes each is a window
    piece = np.searchsorted(np.cumsum(sizes), light[0:57].numpy(), side="right")
    assert int((np.diff(piece) != 0).sum()) == 6


def test_images_and_labels_of_a_tar(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for i in range(6):
            stream = io.BytesIO()
            Image.new("RGB", (4, 4), (40 * i, 0, 255)).save(stream, "png")
            add(archive, f"./{i}.png", stream.getvalue())
            add(archive, f"./{i}.cls", str(i % 3).encode())
            add(archive, f"./{i}.json", b"{}")
    text = (
        "train: {data: {shards: {path: a.tar, size: 4, holdout: 0.3}}, loss: {cross_entropy: {target: label}}, "
        "optimizer: sgd, epochs: 1, batch_size: 4}"
    )
    data = open_data(checked(text, {"image": "float32[B, 3, 4, 4]"}, {"o": "float32[B, 3]"}, tmp_path))
    got = data.train.take(torch.arange(4))
    assert got["label"].tolist() == [0, 1, 2, 0]
    for i in range(4):
        assert torch.equal(got["image"][i, 0].unique(), torch.tensor([40 * i / 255]))


def test_columns_are_mapped(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    columns = {"a": [1.0, 2, 3, 4], "b": [5, 6, 7, 8], "v": [[1, 2]] * 4, "kind": [0, 1, 1, 0], "name": list("abcd")}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    fields = "{features: [b, a, v], label: kind}"
    text = (
        f"train: {{data: {{shards: {{path: t.parquet, fields: {fields}, holdout: 0.25}}}}, "
        "loss: {cross_entropy: {target: label}}, optimizer: sgd, epochs: 1, batch_size: 4}"
    )
    data = open_data(checked(text, {"features": "float32[B, 4]"}, {"o": "float32[B, 2]"}, tmp_path))
    got = data.train.take(torch.arange(3))
    assert got["features"].tolist() == [[5, 1, 1, 2], [6, 2, 1, 2], [7, 3, 1, 2]]
    assert got["label"].tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("shards", "message"),
    [
        ("{path: none.npz}", "none.npz: no such file"),
        ("{path: 'x*.npz'}", "there are no shards"),
        ("{path: mixed}", "all in the same; these end in .npz, .tar"),
        ("{path: a.npz, fields: {x: z}}", "it has no column `z` of numbers"),
        ("{path: a.npz, fields: {}}", "`fields` of `shards`"),
        ("{path: a.npz, divide: {z: 2}}", "it has no field `z`"),
        ("{path: a.npz, validation: b.npz}", "its fields are not those of `path`"),
        ("{path: text.npz}", "it has no columns of numbers"),
        ("{path: a.tar.gz}", "shards end in one of"),
        ("{path: gz.tar}", "not a tar that can be read"),
        ("{path: object.npz}", "holds Python objects, which are never read"),
    ],
)
def test_errors_before_anything_is_read(tmp_path: Path, shards: str, message: str) -> None:
    npz(tmp_path / "a", table(0, 4))
    npz(tmp_path / "b", {"x": np.zeros((4, 5)), "y": np.zeros(4)})
    np.savez(tmp_path / "text.npz", x=np.array(["a"]))
    np.savez(tmp_path / "object.npz", x=np.array([{}, 1], dtype=object))
    (tmp_path / "mixed").mkdir()
    npz(tmp_path / "mixed" / "a", table(0, 4))
    tar(tmp_path / "mixed" / "b", table(0, 4))
    with tarfile.open(tmp_path / "gz.tar", "w:gz") as archive:
        add(archive, "a.x.npy", b"x")
    (tmp_path / "a.tar.gz").write_bytes((tmp_path / "gz.tar").read_bytes())
    _, found = attempt(f"train: {{data: {{shards: {shards}}}, {REST}}}", *TYPES, tmp_path)
    assert [message in d.message for d in found] == [True], found


def failing(folder: Path) -> str:
    with pytest.raises(SpecError) as caught:
        data = open_data(recipe_of(folder))
        list(Batches(data.train, 4))
    (found,) = caught.value.diagnostics
    assert (found.code, found.span.file) == ("AS504", "spec.yaml")
    return found.message


def test_what_is_found_while_reading(tmp_path: Path) -> None:
    for name in ("one", "two", "three", "four"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, "npz")
    npz(tmp_path / "one" / "part-9", {"x": np.zeros((4, 2)), "y": np.zeros(4)})
    assert "part-9.npz: its fields are not those of the first shard" in failing(tmp_path / "one")
    bad = table(0, 5)
    bad["x"][2, 1] = np.inf
    npz(tmp_path / "two" / "part-9", bad)
    assert "part-9.npz: array `x` has a value that is not finite" in failing(tmp_path / "two")
    compressed(tmp_path / "three" / "part-9", table(0, 1000))
    whole = (tmp_path / "three" / "part-9.npz").read_bytes()
    middle = len(whole) // 3
    (tmp_path / "three" / "part-9.npz").write_bytes(whole[:middle] + b"\0" * 99 + whole[middle + 99 :])
    assert "part-9.npz" in failing(tmp_path / "three")
    npz(tmp_path / "four" / "part-9", {"x": table(0, 5)["x"], "y": np.zeros(4, dtype=np.float32)})
    assert "part-9.npz: its arrays differ in length" in failing(tmp_path / "four")


def test_what_is_wrong_in_a_tar(tmp_path: Path) -> None:
    for name, part, data, message in (
        ("one", "y.npy", b"\x93NUMPY\x01\x00", "no readable header"),
        ("two", "cls", b"cat", "it is no whole number"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        tar(folder / "a", table(0, 6))
        with tarfile.open(folder / "a.tar", "a") as archive:
            stream = io.BytesIO()
            np.save(stream, np.zeros(3, dtype=np.float32))
            for i in range(6, 9):
                add(archive, f"s/{i:04}.x.npy", stream.getvalue())
                add(archive, f"s/{i:04}.{part}", data)
        assert message in failing(folder) or "0006.y.npy: the sample has no such file" in failing(folder)


MEASURE = """
import resource, sys
from pathlib import Path
sys.path[:0] = [{root!r}, {tests!r}]
import test_shards as t
from archspec.data import Batches, open_data
data = open_data(t.recipe_of(Path({folder!r}), "shuffle: 2000, memory: 24"))
next(Batches(data.train, 32))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
seen = sum(len(batch["x"]) for batch in Batches(data.train, 32, epoch=1))
print(seen, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    "form", ["npz", *(pytest.param(form, marks=pytest.mark.slow) for form in ("compressed", "parquet"))]
)
def test_memory_is_bounded(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """160 MB of samples, 24 MiB of memory for pieces: the peak grows by little more than that."""
    rows, count = 500, 20
    x = np.zeros((rows, 4096), dtype=np.float32)
    for k in range(count):
        x[:, 0] = k
        if form == "parquet":
            pa = pytest.importorskip("pyarrow")
            flat = pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), 4096)
            made = pa.table({"x": flat, "y": x[:, 0].copy()})
            pytest.importorskip("pyarrow.parquet").write_table(made, tmp_path / f"{k}.parquet", use_dictionary=False)
        else:
            FORMS[form][0](tmp_path / f"{k}", {"x": x, "y": x[:, 0]})
    monkeypatch.setitem(TYPES[0], "x", "float32[B, 4096]")
    here = Path(__file__)
    script = MEASURE.format(root=str(here.parents[2]), tests=str(here.parent), folder=str(tmp_path))
    script = script.replace("data = open", 't.TYPES[0]["x"] = "float32[B, 4096]"\ndata = open', 1)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    seen, grown = map(int, done.stdout.split())
    assert seen == rows * count * 0.9
    assert grown < 64 * 1024, f"{grown / 1024:.0f} MiB"  # in KiB
