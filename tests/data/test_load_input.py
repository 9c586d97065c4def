"""Inputs to predict: preprocessed exactly as training preprocesses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from archspec.data import load_input, open_data
from archspec.diagnostics.model import SpecError
from archspec.recipe.model import DataFacts, Recipe
from tests.data.test_open_data import CSV, DIGITS, IMAGES, REST, everything, pictures, recipe_of
from tests.recipe.recipes import checked


def digits_recipe(name: str = "image") -> Recipe:
    return recipe_of("digits", {name: DIGITS["image"]}, "float32[B, 10]", Path())


def test_a_sample_of_the_built_in_data() -> None:
    from sklearn.datasets import load_digits

    found = load_input(digits_recipe("x"), "digits:17")
    assert list(found) == ["x"]
    want = torch.from_numpy(load_digits().images[17] / 16).float()
    assert torch.equal(found["x"], want[None, None])


@pytest.mark.parametrize("source", ["digits:1797", "digits:x", "digits", "no.png", "a.gz"])
def test_what_is_no_input(source: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_input(digits_recipe(), source)
    assert caught.value.diagnostics[0].code == "AS504"


def test_a_picture_of_a_digit(tmp_path: Path) -> None:
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = load_input(digits_recipe(), str(tmp_path / "a.png"))["image"]
    np.testing.assert_allclose(found.numpy()[0, 0], pixels / 255, rtol=1e-6)
    Image.fromarray(pixels).convert("RGB").resize((32, 32)).save(tmp_path / "b.jpg")
    assert load_input(digits_recipe(), str(tmp_path / "b.jpg"))["image"].shape == (1, 1, 8, 8)


def test_arrays(tmp_path: Path) -> None:
    image = np.random.default_rng(0).random((5, 1, 8, 8))
    np.save(tmp_path / "a.npy", image)
    np.save(tmp_path / "one.npy", image[2])
    np.savez(tmp_path / "a.npz", image=image, other=np.zeros(3))
    want = torch.from_numpy(image).float()
    assert torch.equal(load_input(digits_recipe(), str(tmp_path / "a.npy"))["image"], want)
    assert torch.equal(load_input(digits_recipe(), str(tmp_path / "one.npy"))["image"], want[2:3])
    assert torch.equal(load_input(digits_recipe(), str(tmp_path / "a.npz"))["image"], want)


def test_arrays_that_do_not_fit(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 1, 8, 9)))
    with pytest.raises(SpecError, match=r"shape \(1, 8, 9\), and \(1, 8, 8\) is needed"):
        load_input(digits_recipe(), str(tmp_path / "a.npy"))
    np.save(tmp_path / "b.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(SpecError, match="never read"):
        load_input(digits_recipe(), str(tmp_path / "b.npy"))
    np.savez(tmp_path / "c.npz", x=np.zeros(3))
    with pytest.raises(SpecError, match="no array `image`"):
        load_input(digits_recipe(), str(tmp_path / "c.npz"))


def test_an_array_is_divided_as_in_training(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 3, 4, 4), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", image=image, label=np.arange(8) % 2)
    data_ = "{npz: {path: a.npz, divide: {image: 255}}}"
    text = f"train: {{data: {data_}, loss: {{cross_entropy: {{target: label}}}}, {REST}}}"
    recipe = checked(text, {"image": "float32[B, 3, 4, 4]"}, {"y": "float32[B, 2]"}, tmp_path)
    data = open_data(recipe)
    whole = load_input(recipe, str(tmp_path / "a.npz"))["image"]
    assert sorted(whole.flatten(1).tolist()) == sorted(
        torch.cat([everything(data)["image"], everything(data, "holdout")["image"]]).flatten(1).tolist()
    )
    Image.fromarray(image[3].transpose(1, 2, 0)).save(tmp_path / "3.png")
    assert torch.equal(load_input(recipe, str(tmp_path / "3.png"))["image"], whole[3:4])
    Image.new("RGB", (5, 4)).save(tmp_path / "wide.png")
    with pytest.raises(SpecError, match="5 by 4 pixels, and the model reads 4 by 4"):
        load_input(recipe, str(tmp_path / "wide.png"))


def test_images(tmp_path: Path) -> None:
    pictures(tmp_path / "data", {"cat": 3, "dog": 3})
    recipe = recipe_of(IMAGES, {"x": "float32[B, 3, 6, 4]"}, "float32[B, 2]", tmp_path)
    data = open_data(recipe)
    for number, file in enumerate(data.train.files):  # type: ignore[attr-defined]
        want = data.train.take(torch.tensor([number]))["image"]
        assert torch.equal(load_input(recipe, str(file))["x"], want)


def test_csv_is_standardised_as_in_training(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    spec = "{csv: {path: a.csv, target: kind, features: [width, height], standardize: true, holdout: 0.3}}"
    recipe = recipe_of(spec, {"x": "float32[B, 2]"}, "float32[B, 2]", tmp_path)
    data = open_data(recipe)
    facts = DataFacts.from_json(data.facts.to_json())
    (tmp_path / "new.csv").write_text("width,height\n16,2.0\n81,4.5\n")  # without the target
    found = load_input(recipe, str(tmp_path / "new.csv"), facts)["x"]
    whole = load_input(recipe, str(tmp_path / "a.csv"), facts)["x"]
    assert torch.equal(found, whole[[4, 9]])
    both = torch.cat([everything(data)["features"], everything(data, "holdout")["features"]])
    assert sorted(both.tolist()) == sorted(whole.tolist())
    with pytest.raises(SpecError, match="standardised"):
        load_input(recipe, str(tmp_path / "new.csv"))
    (tmp_path / "bad.csv").write_text("width,heigth\n1,2\n")
    with pytest.raises(SpecError, match="no column is called 'height'"):
        load_input(recipe, str(tmp_path / "bad.csv"), facts)


def test_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abcd" * 20)
    recipe = recipe_of("{text: {path: a.txt, context: 6}}", {"tokens": "int64[B, T]"}, "float32[B, T, 4]", tmp_path)
    (tmp_path / "b.txt").write_text("dcba")
    assert load_input(recipe, str(tmp_path / "b.txt"))["tokens"].tolist() == [[3, 2, 1, 0]]
    (tmp_path / "c.txt").write_text("aaaaabcdabcd")
    assert load_input(recipe, str(tmp_path / "c.txt"))["tokens"].tolist() == [[2, 3, 0, 1, 2, 3]]
    (tmp_path / "d.txt").write_text("ab\ncd")
    with pytest.raises(SpecError, match="not in the vocabulary"):
        load_input(recipe, str(tmp_path / "d.txt"))
    (tmp_path / "e.txt").write_text("")
    with pytest.raises(SpecError, match="empty"):
        load_input(recipe, str(tmp_path / "e.txt"))
