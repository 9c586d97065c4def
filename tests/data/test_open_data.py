"""Data as tensors: real small files in, the right numbers out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from archspec.data import Data, ImageSplit, TensorSplit, TextSplit, open_data
from archspec.data.split import hold_out
from archspec.diagnostics.model import SpecError
from archspec.recipe.model import Recipe
from tests.recipe.recipes import checked

REST = "optimizer: sgd, epochs: 1, batch_size: 4"
DIGITS = {"image": "float32[B, 1, 8, 8]"}


def recipe_of(
    data: str, inputs: dict[str, str], output: str, base: Path, loss: str = "cross_entropy", seed: int = 0
) -> Recipe:
    text = f"train: {{data: {data}, loss: {loss}, {REST}, seed: {seed}}}"
    return checked(text, inputs, {"output": output}, base)


def everything(data: Data, part: str = "train") -> dict[str, torch.Tensor]:
    split = getattr(data, part)
    return split.take(torch.arange(len(split)))


def digits(seed: int = 0) -> Data:
    return open_data(recipe_of("digits", DIGITS, "float32[B, 10]", Path(), seed=seed))


def test_digits() -> None:
    from sklearn.datasets import load_digits

    data = digits()
    assert (len(data.train), len(data.holdout)) == (1438, 359)
    assert data.classes == tuple("0123456789")
    train, held = everything(data), everything(data, "holdout")
    real = load_digits()
    images = torch.cat([train["image"], held["image"]]).view(-1, 64) * 16
    labels = torch.cat([train["label"], held["label"]])
    want = np.concatenate([real.data, real.target[:, None]], 1)
    got = torch.cat([images, labels[:, None]], 1).numpy()
    assert sorted(map(tuple, got)) == sorted(map(tuple, want))  # every sample once, with its own label
    assert train["image"].dtype == torch.float32
    assert train["label"].dtype == torch.int64
    assert (float(images.min()), float(images.max())) == (0.0, 16.0)


def test_the_split_is_the_seeds() -> None:
    same, again, other = digits(3), digits(3), digits(4)
    assert torch.equal(everything(same, "holdout")["image"], everything(again, "holdout")["image"])
    assert not torch.equal(everything(same, "holdout")["image"], everything(other, "holdout")["image"])


def test_opening_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    digits(5)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("count", "share", "held"), [(10, 0.2, 2), (3, 0.01, 1), (2, 0.99, 1), (1797, 0.2, 359)])
def test_hold_out(count: int, share: float, held: int) -> None:
    train, rest = hold_out(count, share, 7)
    assert len(rest) == held
    assert sorted([*train.tolist(), *rest.tolist()]) == list(range(count))


def test_npz(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (20, 3, 4, 5), dtype=np.uint8)
    label = np.arange(20, dtype=np.uint16) % 3
    np.savez_compressed(tmp_path / "a.npz", image=image[:15], label=label[:15])
    np.savez(tmp_path / "b.npz", image=image[15:], label=label[15:])
    spec = "{npz: {path: a.npz, divide: {image: 255}, validation: b.npz}}"
    text = f"train: {{data: {spec}, loss: {{cross_entropy: {{target: label}}}}, {REST}}}"
    recipe = checked(text, {"image": "float32[B, 3, H, W]"}, {"logits": "float32[B, 3]"}, tmp_path)
    data = open_data(recipe)
    train, held = everything(data), everything(data, "holdout")
    np.testing.assert_allclose(train["image"].numpy(), image[:15] / 255, rtol=1e-6)
    assert held["label"].tolist() == label[15:].tolist()
    assert held["label"].dtype == torch.int64


def test_npz_with_a_value_that_is_not_finite(tmp_path: Path) -> None:
    x = np.zeros((6, 2))
    x[4, 1] = np.nan
    np.savez(tmp_path / "a.npz", x=x, y=np.zeros((6, 1)))
    text = f"train: {{data: {{npz: {{path: a.npz}}}}, loss: {{mse: {{target: y}}}}, {REST}}}"
    recipe = checked(text, {"x": "float32[B, 2]"}, {"output": "float32[B, 1]"}, tmp_path)
    with pytest.raises(SpecError) as caught:
        open_data(recipe)
    (found,) = caught.value.diagnostics
    assert (found.code, found.span.file, found.span.line) == ("AS504", "spec.yaml", 1)
    assert "`x` has a value that is not finite, in sample 4" in found.message


CSV = "height,name,width,kind\n" + "".join(
    f"{i / 2},n{i},{i * i},{'even' if i % 2 == 0 else 'odd'}\n" for i in range(10)
)


def test_csv_of_classes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    spec = "{csv: {path: a.csv, target: kind, features: [width, height], standardize: true, holdout: 0.3}}"
    data = open_data(recipe_of(spec, {"x": "float32[B, 2]"}, "float32[B, 2]", tmp_path, seed=2))
    assert data.classes == ("even", "odd")
    train, held = everything(data), everything(data, "holdout")
    assert (len(data.train), len(data.holdout)) == (7, 3)
    numbers, held_numbers = (part.tolist() for part in hold_out(10, 0.3, 2))
    raw = np.array([[i * i, i / 2] for i in range(10)])
    mean, std = raw[numbers].mean(0), raw[numbers].std(0)  # of the training samples alone
    np.testing.assert_allclose(train["features"].numpy(), (raw[numbers] - mean) / std, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(held["features"].numpy(), (raw[held_numbers] - mean) / std, rtol=1e-5, atol=1e-6)
    assert train["target"].tolist() == [i % 2 for i in numbers]
    assert data.facts.mean == pytest.approx(tuple(mean))
    assert data.facts.std == pytest.approx(tuple(std))


def test_csv_of_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b,c\n1,2,3\n4,5,6\n")
    (tmp_path / "b.csv").write_text("c,b,a\n30,20,10\n")  # by name, whatever the order
    spec = "{csv: {path: a.csv, target: [c, a], task: regression, validation: b.csv}}"
    data = open_data(recipe_of(spec, {"x": "float32[B, 1]"}, "float32[B, 2]", tmp_path, "mse"))
    assert everything(data)["target"].tolist() == [[3.0, 1.0], [6.0, 4.0]]
    held = everything(data, "holdout")
    assert held["features"].tolist() == [[20.0]]
    assert held["target"].tolist() == [[30.0, 10.0]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x,5,odd", "'x' in column 'height' is not a finite number"),
        ("1,,odd", "no value for 'width'"),
        ("1,nan,odd", "not a finite number"),
        ("1,1e39,odd", "not a finite number"),
    ],
)
def test_csv_errors_are_at_the_line_of_the_file(tmp_path: Path, row: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(f"height,width,kind\n1,2,odd\n\n{row}\n")
    recipe = recipe_of("{csv: {path: a.csv, target: kind}}", {"x": "float32[B, 2]"}, "float32[B, 1]", tmp_path)
    with pytest.raises(SpecError) as caught:
        open_data(recipe)
    (found,) = caught.value.diagnostics
    assert (found.code, found.span.file, found.span.line) == ("AS504", str(tmp_path / "a.csv"), 4)
    assert message in found.message


def test_a_class_that_only_validation_has(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,a\n2,b\n")
    (tmp_path / "b.csv").write_text("x,y\n1,a\n2,c\n")
    spec = "{csv: {path: a.csv, target: y, validation: b.csv}}"
    recipe = recipe_of(spec, {"x": "float32[B, 1]"}, "float32[B, 2]", tmp_path)
    with pytest.raises(SpecError, match="'c' is not among the classes"):
        open_data(recipe)


def test_text(tmp_path: Path) -> None:
    text = "".join("abcdefghij"[i % 10] for i in range(95)) + "\n" * 5
    (tmp_path / "a.txt").write_text(text)
    spec = "{text: {path: a.txt, context: 4, holdout: 0.2}}"
    data = open_data(recipe_of(spec, {"tokens": "int64[B, T]"}, "float32[B, T, 11]", tmp_path))
    assert isinstance(data.train, TextSplit)
    characters = "\nabcdefghij"
    assert data.facts.characters == characters
    row = [characters.index(c) for c in text]
    train = everything(data)
    assert len(data.train) == (80 - 1) // 4
    assert train["tokens"].tolist() == [row[i : i + 4] for i in range(0, 76, 4)]
    assert train["target"].tolist() == [row[i + 1 : i + 5] for i in range(0, 76, 4)]
    held = everything(data, "holdout")  # the end of the text: nothing of it is in the training samples
    assert held["tokens"].tolist() == [row[i : i + 4] for i in range(80, 96, 4)]
    assert train["tokens"].dtype == torch.int64


def test_text_as_bytes_with_overlap(tmp_path: Path) -> None:
    content = bytes(range(256))
    (tmp_path / "a.bin").write_bytes(content)
    (tmp_path / "b.bin").write_bytes(content[::-1])
    spec = "{text: {path: a.bin, context: 8, tokens: byte, stride: 3, validation: b.bin}}"
    data = open_data(recipe_of(spec, {"tokens": "int64[B, T]"}, "float32[B, T, 256]", tmp_path))
    train = everything(data)
    assert len(data.train) == (256 - 9) // 3 + 1
    assert train["tokens"][1].tolist() == list(range(3, 11))
    assert train["target"][-1].tolist()[-1] == 255 - (256 - 9) % 3
    assert everything(data, "holdout")["tokens"][0].tolist() == list(range(255, 247, -1))


def test_a_character_that_only_validation_has(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("ab" * 20)
    (tmp_path / "b.txt").write_text("ab\nab\nabc" * 3)
    spec = "{text: {path: a.txt, context: 4, validation: b.txt}}"
    recipe = recipe_of(spec, {"tokens": "int64[B, T]"}, "float32[B, T, 2]", tmp_path)
    with pytest.raises(SpecError) as caught:
        open_data(recipe)
    (found,) = caught.value.diagnostics
    assert (found.span.file, found.span.line) == (str(tmp_path / "b.txt"), 1)
    assert "'\\n' is not in the vocabulary" in found.message


def pictures(folder: Path, classes: dict[str, int]) -> None:
    """Pictures of one colour each: (class, number, 7)."""
    for k, (name, count) in enumerate(classes.items()):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            Image.new("RGB", (12, 10), (50 * k, i, 7)).save(folder / name / f"{i:03}.png")


IMAGES = "{images: {path: data, size: [6, 4], mean: [0.5, 0, 0], std: [0.5, 1, 1]}}"


def test_images(tmp_path: Path) -> None:
    pictures(tmp_path / "data", {"cat": 6, "dog": 4})
    data = open_data(recipe_of(IMAGES, {"x": "float32[B, 3, 6, 4]"}, "float32[B, 2]", tmp_path))
    assert isinstance(data.train, ImageSplit)
    assert data.classes == ("cat", "dog")
    assert (len(data.train), len(data.holdout)) == (8, 2)
    seen = []
    for part in ("train", "holdout"):
        samples = everything(data, part)
        assert samples["image"].shape[1:] == (3, 6, 4)
        for image, label in zip(samples["image"], samples["label"], strict=True):
            assert (image == image[:, :1, :1]).all()
            red, green, blue = (float(v) for v in image[:, 0, 0])
            assert red == pytest.approx((50 * int(label) / 255 - 0.5) / 0.5)
            assert blue == pytest.approx(7 / 255)
            seen.append((int(label), round(green * 255)))
    assert sorted(seen) == [(0, i) for i in range(6)] + [(1, i) for i in range(4)]


def test_images_are_the_same_kept_or_not(tmp_path: Path) -> None:
    pictures(tmp_path / "data", {"cat": 5, "dog": 4})
    data = open_data(recipe_of(IMAGES, {"x": "float32[B, 3, 6, 4]"}, "float32[B, 2]", tmp_path))
    kept = data.train
    assert isinstance(kept, ImageSplit)
    fresh = ImageSplit(kept.files, kept.labels.tolist(), kept.kind, kept.span, cache=0)
    numbers = torch.tensor([3, 0, 3, 5])
    for _ in range(2):  # the second time from memory
        a, b = kept.take(numbers), fresh.take(numbers)
        assert torch.equal(a["image"], b["image"])
        assert torch.equal(a["label"], b["label"])


def test_crop_and_stretch(tmp_path: Path) -> None:
    picture = np.zeros((8, 24, 3), dtype=np.uint8)
    picture[:, :8], picture[:, 16:] = (255, 0, 0), (0, 0, 255)
    for name in "ab":
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.fromarray(picture).save(tmp_path / "data" / name / "1.png")
    for fit, left in (("crop", 0.0), ("stretch", 1.0)):
        spec = f"{{images: {{path: data, size: 8, fit: {fit}}}}}"
        data = open_data(recipe_of(spec, {"x": "float32[B, 3, H, W]"}, "float32[B, 2]", tmp_path))
        image = everything(data)["image"][0]
        assert float(image[0, 4, 0]) == pytest.approx(left)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an image"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "x.png"),
        (b"GIF89a\x01\x00", "x.png"),
        (None, "cannot be decoded"),
    ],
)
def test_a_broken_image_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    pictures(tmp_path / "data", {"cat": 3, "dog": 3})
    broken = tmp_path / "data" / "cat" / "x.png"
    if content is None:
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(broken)
        content = broken.read_bytes()[:3000]
    broken.write_bytes(content)
    data = open_data(recipe_of(IMAGES, {"x": "float32[B, 3, 6, 4]"}, "float32[B, 2]", tmp_path))
    with pytest.raises(SpecError) as caught:
        for part in ("train", "holdout"):
            everything(data, part)
    (found,) = caught.value.diagnostics
    assert found.code == "AS504"
    assert "x.png" in found.message
    assert message in found.message


def test_a_decompression_bomb_is_not_decoded(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.new("1", (10_000, 9_000)).save(tmp_path / "data" / name / "1.png")  # some kilobytes of 90 million pixels
    data = open_data(recipe_of(IMAGES, {"x": "float32[B, 3, 6, 4]"}, "float32[B, 2]", tmp_path))
    with pytest.raises(SpecError, match="10000 by 9000 pixels"):
        everything(data)


def test_a_class_without_images(tmp_path: Path) -> None:
    pictures(tmp_path / "data", {"cat": 2, "dog": 0})
    recipe = recipe_of(IMAGES, {"x": "float32[B, 3, 6, 4]"}, "float32[B, 2]", tmp_path)
    with pytest.raises(SpecError, match="dog: it has no images"):
        open_data(recipe)


def test_one_sample_is_too_few(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    recipe = recipe_of(
        "{csv: {path: a.csv, target: y, task: regression}}", {"x": "float32[B, 1]"}, "float32[B]", tmp_path, "mse"
    )
    with pytest.raises(SpecError, match="two samples"):
        open_data(recipe)


def test_fields_must_be_of_one_length() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        TensorSplit({"a": torch.zeros(2), "b": torch.zeros(3)})


def test_class_numbers_begin_at_0_but_for_the_ignored(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros((10, 3), np.float32), label=np.array([0, 1, -1, 2, 1] * 2))

    def open_with(loss: str) -> Data:
        return open_data(recipe_of("{npz: d.npz}", {"x": "float32[B, 3]"}, "float32[B, 3]", tmp_path, loss))

    with pytest.raises(SpecError, match="class number -1"):
        open_with("{cross_entropy: {target: label}}")
    assert len(open_with("{cross_entropy: {target: label, ignore_index: -1}}").train) == 8
