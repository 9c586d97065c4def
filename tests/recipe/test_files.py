"""Data files are untrusted: nothing is unpickled, everything is bounded, errors name the file and the line."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archspec.recipe import csv_kind, files
from archspec.recipe.files import DataError
from archspec.recipe.model import DataFacts
from archspec.recipe.sources import DATA


def peek(kind: str, base: Path, **args: Any) -> DataFacts:
    return DATA.parts[kind].parse(args).peek(base)


def fields(facts: DataFacts) -> dict[str, tuple[str, tuple[int, ...], int | None]]:
    return {f.name: (f.dtype, f.shape, f.classes) for f in facts.fields}


def test_digits_are_what_scikit_learn_has() -> None:
    from sklearn.datasets import load_digits

    real = load_digits()
    facts = peek("digits", Path())
    assert facts.samples == len(real.images)
    assert real.images.shape[1:] == facts.field("image").shape[1:]
    assert facts.field("label").classes == len(real.target_names)
    assert facts.classes == tuple(str(name) for name in real.target_names)
    assert (real.images.min(), real.images.max()) == (0, 16)


# -- npz -----------------------------------------------------------------------------------------------------


def test_npz_fields(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez_compressed(
        tmp_path / "a.npz",
        image=rng.integers(0, 256, (12, 3, 5, 4), dtype=np.uint8),
        wide=rng.random((12, 2)),
        label=np.arange(12, dtype=np.int32) % 7,
        mask=np.ones((12, 3), dtype=bool),
        signed=np.arange(12) - 3,
    )
    facts = peek("npz", tmp_path, path="a.npz", divide={"image": 255})
    assert facts.samples == 12
    assert fields(facts) == {
        "image": ("float32", (3, 5, 4), None),
        "label": ("int64", (), 7),
        "mask": ("bool", (3,), None),
        "signed": ("int64", (), None),
        "wide": ("float32", (2,), None),
    }


def test_npz_is_never_unpickled(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (os.mkdir, (str(tmp_path / "exploded"),))

    np.savez(tmp_path / "a.npz", x=np.array([Bomb(), 1], dtype=object))
    with pytest.raises(DataError, match="Python objects, which are never read"):
        peek("npz", tmp_path, path="a.npz")
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(DataError, match="not an npz file"):
        peek("npz", tmp_path, path="b.npz")
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as archive:
        archive.writestr("x.npy", pickle.dumps(Bomb()))
    with pytest.raises(DataError, match="no readable header"):
        peek("npz", tmp_path, path="c.npz")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((3, 2)), "y": np.zeros(4)}, "differ in length: `x` 3, `y` 4"),
        ({"x": np.zeros(())}, "a single number"),
        ({"x": np.array(["a", "b"])}, "numbers are needed"),
        ({"x": np.zeros(3, dtype=complex)}, "numbers are needed"),
        ({}, "no arrays"),
    ],
)
def test_npz_errors(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        peek("npz", tmp_path, path="a.npz")


def test_npz_header_that_promises_too_much(tmp_path: Path) -> None:
    """A few bytes that say they are terabytes are refused by their header."""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }"
    header += b" " * (118 - len(header) - 1) + b"\n"
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(DataError, match="at most"):
        peek("npz", tmp_path, path="a.npz")


def test_npz_that_is_cut_short(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", y=np.arange(100))
    data = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "b.npz").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError):
        peek("npz", tmp_path, path="b.npz")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_npz_gives_a_data_error_or_data(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.arange(6, dtype=np.int64), y=np.zeros((6, 2), dtype=np.float32))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        facts = peek("npz", tmp_path, path="a.npz")
        for field in facts.fields:
            files.read_array(path, field.name)
    except DataError:
        pass


def test_validation_must_hold_the_same_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 2)), y=np.array([0, 1, 1]))
    np.savez(tmp_path / "b.npz", x=np.zeros((2, 2)), y=np.array([0, 4]))
    assert peek("npz", tmp_path, path="a.npz", validation="b.npz").field("y").classes == 5
    np.savez(tmp_path / "c.npz", x=np.zeros((2, 3)), y=np.array([0, 4]))
    with pytest.raises(DataError, match="not those of `path`") as caught:
        peek("npz", tmp_path, path="a.npz", validation="c.npz")
    assert caught.value.argument == "validation"


# -- csv -----------------------------------------------------------------------------------------------------

IRIS = "sepal,petal,kind\n5.1,1.4,setosa\n7.0,4.7,versicolor\n6.3,6.0,virginica\n4.9,1.5,setosa\n"


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def test_csv_of_classes(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", IRIS)
    facts = peek("csv", tmp_path, path="a.csv", target="kind")
    assert fields(facts) == {"features": ("float32", (2,), None), "target": ("int64", (), 3)}
    assert facts.classes == ("setosa", "versicolor", "virginica")
    assert facts.columns == ("sepal", "petal")
    assert facts.samples == 4


def test_csv_of_numbers(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "a;b;c;d\n1;2;3;4\n")
    one = peek("csv", tmp_path, path="a.csv", target="d", task="regression", delimiter=";")
    assert fields(one) == {"features": ("float32", (3,), None), "target": ("float32", (), None)}
    two = peek("csv", tmp_path, path="a.csv", target=["c", "d"], features=["b"], task="regression", delimiter=";")
    assert fields(two) == {"features": ("float32", (1,), None), "target": ("float32", (2,), None)}
    assert two.columns == ("b",)


def test_spaces_around_column_names_do_not_count(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "a, b ,y\n1, 2,x\n")
    assert peek("csv", tmp_path, path="a.csv", target="y").columns == ("a", "b")


def test_class_names_that_are_numbers_are_their_own_indices(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "x,y\n" + "".join(f"{i},{i}\n" for i in (10, 2, 0, 1, 3, 9, 8, 7, 6, 5, 4)))
    assert peek("csv", tmp_path, path="a.csv", target="y").classes == tuple(str(i) for i in range(11))


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a,b,y\n1,2,x\n1,2\n", 3, "2 values in a row, and the header has 3 columns"),
        ('a,y\n"1\n2",x\n\n3,4,5\n', 5, "3 values in a row"),
        ("a,a,y\n1,2,3\n", 1, "two columns are called 'a'"),
        ("a,b\n1,2\n", 1, "no column is called 'y'"),
        ("y\n1\n", 1, "no column but the target"),
        ("a,y\n1,x\n1, \n", 3, "no value for 'y'"),
        ("a,y\n", None, "no rows"),
        ("", None, "it is empty"),
        ('a,y\n1,"x\n', 2, "not a csv file"),
    ],
)
def test_csv_errors_are_at_their_line(tmp_path: Path, text: str, line: int | None, message: str) -> None:
    write(tmp_path / "a.csv", text)
    with pytest.raises(DataError, match=message) as caught:
        peek("csv", tmp_path, path="a.csv", target="y")
    assert caught.value.line == line
    assert caught.value.file == tmp_path / "a.csv"


def test_csv_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,y\n1,\xff\n")
    with pytest.raises(DataError, match="not UTF-8"):
        peek("csv", tmp_path, path="a.csv", target="y")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80))
def test_any_bytes_as_csv(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,y\n" + content)
    try:
        facts = peek("csv", tmp_path, path="a.csv", target="y")
        assert facts.classes
    except DataError as error:
        assert str(error)


# -- text, images, files -------------------------------------------------------------------------------------


def test_text(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "añb€" * 30)
    facts = peek("text", tmp_path, path="a.txt", context=4)
    assert facts.characters == "abñ€"
    assert fields(facts) == {"tokens": ("int64", (4,), 4), "target": ("int64", (4,), 4)}
    assert peek("text", tmp_path, path="a.txt", context=4, tokens="byte").field("tokens").classes == 256


def test_text_errors(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\ntwo\nthr\xe9e\n" * 20)
    with pytest.raises(DataError, match="0xe9 at offset 11") as caught:
        peek("text", tmp_path, path="a.txt", context=4)
    assert caught.value.line == 3
    with pytest.raises(DataError, match="too few for samples of 100"):
        peek("text", tmp_path, path="a.txt", context=100, tokens="byte")


def test_images(tmp_path: Path) -> None:
    for name in ("cat", "dog", ".hidden"):
        (tmp_path / "train" / name).mkdir(parents=True)
    (tmp_path / "train" / "notes.txt").write_text("x")
    facts = peek("images", tmp_path, path="train", size=[32, 24], channels="gray")
    assert facts.classes == ("cat", "dog")
    assert fields(facts) == {"image": ("float32", (1, 32, 24), None), "label": ("int64", (), 2)}
    (tmp_path / "val" / "cow").mkdir(parents=True)
    with pytest.raises(DataError, match="class 'cow' is not among"):
        peek("images", tmp_path, path="train", size=8, validation="val")
    with pytest.raises(DataError, match="no sub-folders"):
        peek("images", tmp_path / "train", path="cat", size=8)
    with pytest.raises(DataError, match="no such folder"):
        peek("images", tmp_path, path="nowhere", size=8)


@pytest.mark.parametrize("kind", ["npz", "csv", "text"])
def test_only_plain_files_are_read(tmp_path: Path, kind: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    args: dict[str, Any] = {"npz": {}, "csv": {"target": "y"}, "text": {"context": 4}}[kind]
    for name, message in (
        ("pipe", "not a plain file"),
        ("folder", "a folder"),
        ("none", "no such file"),
        ("a\0b", "no such"),
    ):
        with pytest.raises(DataError, match=message):
            peek(kind, tmp_path, path=name, **args)


def test_sizes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.csv", IRIS)
    monkeypatch.setattr(files, "MAX_TEXT", 10)
    with pytest.raises(DataError, match="at most 10"):
        peek("csv", tmp_path, path="a.csv", target="kind")
    monkeypatch.undo()
    monkeypatch.setattr(csv_kind, "MAX_CLASSES", 2)
    with pytest.raises(DataError, match="more than 2 classes"):
        peek("csv", tmp_path, path="a.csv", target="kind")


def test_a_parquet_file_is_no_csv_but_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"a table ends in \.csv") as caught:
        next(files.csv_rows(tmp_path / "a.parquet", ","))
    assert "`shards` reads parquet" in str(caught.value.help)
