"""Augmentations: what they do, and that a sample's depend on the seed, the epoch and its number alone."""

from __future__ import annotations

import colorsys
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from archspec import pipeline
from archspec.data import Batches, TensorSplit, open_data
from archspec.data.augment import APPLY, MIX, SAMPLE, Augmented, draws
from archspec.recipe.augment import AUGMENTS, Augmentation

EXAMPLES: dict[str, dict[str, Any]] = {
    "random_crop": {"padding": 3},
    "random_resized_crop": {},
    "random_horizontal_flip": {},
    "random_vertical_flip": {},
    "random_rotation": {"degrees": 30},
    "random_affine": {"degrees": 10, "translate": [0.2, 0.1], "scale": [0.8, 1.2], "shear": 10},
    "color_jitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1},
    "random_grayscale": {"p": 0.5},
    "random_erasing": {},
    "mixup": {"alpha": 0.4},
    "cutmix": {},
}
N, C, H, W = 24, 3, 12, 10


def split() -> TensorSplit:
    generator = torch.Generator().manual_seed(0)
    label = torch.arange(N) % 5
    return TensorSplit({"image": torch.rand(N, C, H, W, generator=generator), "label": label})


def augmented(*names: str, mean: tuple[float, ...] = (0.0,), std: tuple[float, ...] = (1.0,)) -> Augmented:
    parts = [AUGMENTS.parts[name].parse(EXAMPLES[name]) for name in names]
    mixes = tuple(part for part in parts if part.mixes)
    targets = {"label": 5} if mixes else {}
    return Augmented(split(), Augmentation("image", tuple(p for p in parts if not p.mixes), mixes, targets, mean, std))


def one(name: str, args: dict[str, Any], images: Tensor, seed: int = 0) -> tuple[Tensor, Any]:
    """The images after one augmentation, and its random numbers once more."""
    part = AUGMENTS.parts[name].parse(args)
    indices = torch.arange(len(images))
    return APPLY[name](images, part, draws(seed, 0, indices, SAMPLE)), draws(seed, 0, indices, SAMPLE)


def test_every_augmentation_has_an_example_and_is_applied() -> None:
    assert set(EXAMPLES) == set(AUGMENTS.parts)
    assert set(APPLY) == {name for name, part in AUGMENTS.parts.items() if not part.mixes}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_sample_does_not_depend_on_its_batch(name: str) -> None:
    given = augmented(name)
    whole = given.augmented(torch.arange(N), 3, 1)
    for indices in (torch.tensor([7]), torch.tensor([20, 7, 3])):
        part = given.augmented(indices, 3, 1)
        for field, tensor in part.items():
            assert torch.equal(tensor, whole[field][indices]), field
    assert whole["image"].shape == (N, C, H, W) and whole["image"].dtype == torch.float32
    assert not torch.equal(whole["image"], split().fields["image"])
    for seed, epoch in ((3, 2), (4, 1)):
        assert not torch.equal(given.augmented(torch.arange(N), seed, epoch)["image"], whole["image"])
    assert torch.equal(given.take(torch.arange(N))["image"], split().fields["image"])  # without, as it is evaluated


def test_batches_are_augmented_in_any_order_and_from_any_place() -> None:
    given = augmented("random_crop", "random_horizontal_flip", "mixup")
    whole = list(Batches(given, 8, 5, 2))
    again = Batches(given, 8, 5, 2)
    again.position = 8
    for ours, theirs in zip(again, whole[1:], strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    halves = [list(Batches(given, 8, 5, 2, part=(k, 2))) for k in range(2)]
    for first, second, batch in zip(*halves, whole, strict=True):
        for name, tensor in batch.items():
            assert torch.equal(torch.cat([first[name], second[name]]), tensor)


def test_a_normalisation_is_undone_meanwhile() -> None:
    plain, normalised = augmented("color_jitter"), augmented("color_jitter", mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.1))
    mean, std = torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1), torch.tensor([0.2, 0.3, 0.1]).view(3, 1, 1)
    normalised.plain.fields["image"] = (split().fields["image"] - mean) / std  # type: ignore[attr-defined]
    indices = torch.arange(N)
    want = (plain.augmented(indices, 0, 0)["image"] - mean) / std
    torch.testing.assert_close(normalised.augmented(indices, 0, 0)["image"], want, rtol=1e-4, atol=1e-4)


def test_crops_are_windows_of_the_padded_image() -> None:
    images = split().fields["image"]
    out, rngs = one("random_crop", {"padding": 3, "fill": 0.25}, images)
    padded = F.pad(images, [3] * 4, value=0.25)
    places = {(int(rng.integers(7)), int(rng.integers(7))) for rng in rngs}
    assert len(places) > 10
    for image, result in zip(padded, out, strict=True):
        windows = [image[:, y : y + H, x : x + W] for y in range(7) for x in range(7)]
        assert any(torch.equal(result, window) for window in windows)


def test_flips() -> None:
    images = split().fields["image"]
    assert torch.equal(one("random_horizontal_flip", {"p": 1.0}, images)[0], images.flip(-1))
    assert torch.equal(one("random_vertical_flip", {"p": 1.0}, images)[0], images.flip(-2))
    assert torch.equal(one("random_vertical_flip", {"p": 0.0}, images)[0], images)


def test_a_rotation_is_pillows() -> None:
    y, x = np.mgrid[0:24, 0:32]
    smooth = (0.5 + 0.4 * np.sin(x / 5) * np.cos(y / 4)).astype(np.float32)
    images = torch.from_numpy(smooth)[None, None].repeat(4, 1, 1, 1)
    out, rngs = one("random_rotation", {"degrees": 40}, images)
    ones, _ = one("random_rotation", {"degrees": 40}, torch.ones_like(images))
    for result, whole, rng in zip(out, ones, rngs, strict=True):
        angle = rng.uniform(-40, 40)
        want = np.array(Image.fromarray(smooth).rotate(angle, Image.Resampling.BILINEAR))
        inner = np.array(Image.fromarray(np.ones_like(smooth)).rotate(angle, Image.Resampling.BILINEAR)) == 1
        inner &= whole[0].numpy() > 0.9999  # Pillow repeats the border's pixels, and ours fade out
        assert inner.sum() > 200
        np.testing.assert_allclose(result[0].numpy()[inner], want[inner], atol=2e-3)


def test_a_shift_moves_and_a_factor_scales() -> None:
    images = torch.zeros(1, 1, 21, 21)
    images[..., 10, 10] = 1.0
    out, (rng,) = one("random_affine", {"degrees": 0, "translate": [0.3, 0.2]}, images)
    rng.uniform(0, 0)
    dx, dy = rng.uniform(-0.3, 0.3) * 21, rng.uniform(-0.2, 0.2) * 21
    y, x = torch.meshgrid(torch.arange(21.0), torch.arange(21.0), indexing="ij")
    centre = [(out[0, 0] * axis).sum().item() / out.sum().item() for axis in (x, y)]
    assert centre == pytest.approx([10 + dx, 10 + dy], abs=1e-4)
    square = torch.zeros(1, 1, 21, 21)
    square[..., 8:13, 8:13] = 1.0
    larger, _ = one("random_affine", {"degrees": 0, "scale": [2.0, 2.0]}, square)
    assert larger.sum().item() == pytest.approx(4 * 25, rel=0.1)


def test_colours_by_arithmetic() -> None:
    images = split().fields["image"]
    out, rngs = one("color_jitter", {"brightness": 0.5}, images)
    for image, result, rng in zip(images, out, rngs, strict=True):
        torch.testing.assert_close(result, (image * rng.uniform(0.5, 1.5)).clamp(0, 1))
    out, rngs = one("color_jitter", {"hue": 0.3}, images)
    for image, result, rng in zip(images, out, rngs, strict=True):
        turn = rng.uniform(-0.3, 0.3)
        for y, x in ((0, 0), (5, 7), (11, 9)):
            h, s, v = colorsys.rgb_to_hsv(*image[:, y, x].tolist())
            assert result[:, y, x].tolist() == pytest.approx(colorsys.hsv_to_rgb((h + turn) % 1, s, v), abs=1e-5)
    gray = one("random_grayscale", {"p": 1.0}, images)[0]
    want = 0.299 * images[:, 0] + 0.587 * images[:, 1] + 0.114 * images[:, 2]
    assert all(torch.allclose(gray[:, channel], want) for channel in range(3))
    flat = one("color_jitter", {"saturation": 0.0, "contrast": 0.0}, images)[0]
    assert torch.equal(flat, images)


def test_erased_rectangles_have_the_asked_area() -> None:
    images = torch.ones(200, 1, 40, 40)
    out, _ = one("random_erasing", {"p": 1.0, "scale": [0.1, 0.2], "value": 0.0}, images)
    shares = 1 - out.mean((1, 2, 3))
    assert (shares > 0.08).all() and (shares < 0.23).all()
    kept, _ = one("random_erasing", {"p": 0.25}, images)
    assert 20 < (kept != images).flatten(1).any(1).sum() < 85


def test_resized_crops_keep_what_is_constant() -> None:
    images = torch.full((20, 1, 16, 16), 0.3)
    torch.testing.assert_close(one("random_resized_crop", {}, images)[0], images)
    ramp = torch.arange(16.0).expand(20, 1, 16, 16)
    out, _ = one("random_resized_crop", {"scale": [0.2, 0.3]}, ramp)
    spread = out.amax((1, 2, 3)) - out.amin((1, 2, 3))
    assert (spread < 12).all() and (spread > 4).all()  # a part of the width, magnified


def test_mixup_blends_images_and_targets_alike() -> None:
    given, plain = augmented("mixup"), split().fields
    batch = given.augmented(torch.arange(N), 0, 0)
    for index, rng in enumerate(draws(0, 0, torch.arange(N), MIX)):
        partner = int(rng.integers(N))
        rng.integers(1)
        share = rng.beta(0.4, 0.4)
        want = plain["image"][index] * share + plain["image"][partner] * (1 - share)
        torch.testing.assert_close(batch["image"][index], want)
        target = F.one_hot(plain["label"][index], 5) * share + F.one_hot(plain["label"][partner], 5) * (1 - share)
        torch.testing.assert_close(batch["label"][index], target.float())


def test_cutmix_targets_are_shares_of_pixels() -> None:
    given = augmented("cutmix")
    labels = split().fields["label"]
    given.plain.fields["image"] = labels.float().view(N, 1, 1, 1).expand(N, 1, H, W).clone()  # type: ignore[attr-defined]
    batch = given.augmented(torch.arange(N), 1, 0)
    for image, target in zip(batch["image"], batch["label"], strict=True):
        shares = torch.bincount(image.flatten().long(), minlength=5) / (H * W)
        torch.testing.assert_close(shares, target)


SPEC = """
archspec: 1
name: tiny
inputs: {image: "float32[B, 1, 8, 8]"}
layers: [flatten, {name: head, linear: 10}]
outputs: {logits: head}
train:
  data:
    digits: {}
    augment: AUGMENT
  loss: cross_entropy
  optimizer: sgd
  epochs: 2
  batch_size: 64
"""


def test_training_data_are_augmented_and_held_out_data_are_not() -> None:
    report = pipeline.check(SPEC.replace("AUGMENT", "[random_horizontal_flip, {random_crop: {padding: 1}}, mixup]"))
    recipe = report.raise_for_errors().recipe
    assert recipe is not None and recipe.augment is not None
    assert recipe.augment.field == "image" and recipe.augment.targets == {"label": 10}
    data = open_data(recipe)
    assert isinstance(data.train, Augmented) and isinstance(data.holdout, TensorSplit)
    batch = next(Batches(data.train, 8, 0, 0))
    assert batch["label"].shape == (8, 10) and batch["label"].sum(1).tolist() == pytest.approx([1.0] * 8)


@pytest.mark.parametrize(
    ("augment", "words"),
    [
        ("[random_crp]", "unknown augmentation `random_crp`"),
        ("[{random_crop: {padding: 8}}]", "a padding of 8 hides"),
        ("[{color_jitter: {hue: 0.1}}]", "1 channel"),
        ("[{random_erasing: {scale: [0.5, 0.2]}}]", "the first is the smaller"),
        ("[{normalize: {}}]", "unknown augmentation `normalize`"),
        ("[{mixup: {alpha: 0}}]", "a positive number"),
    ],
)
def test_what_is_refused(augment: str, words: str) -> None:
    text = SPEC.replace("AUGMENT", augment)
    found = [d for d in pipeline.check(text).diagnostics if d.is_error]
    assert len(found) == 1 and words in found[0].message, found
    assert found[0].span.line == 10


def test_mixing_needs_a_loss_that_takes_it() -> None:
    text = SPEC.replace("AUGMENT", "cutmix").replace("loss: cross_entropy", "loss: multi_margin")
    found = [d for d in pipeline.check(text).diagnostics if d.is_error]
    assert len(found) == 1 and "takes none that are mixed" in found[0].message


@pytest.mark.slow
@pytest.mark.parametrize("workers", [2])
def test_workers_change_nothing(tmp_path: Path, workers: int) -> None:
    from archspec.cli.main import main

    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC.replace("AUGMENT", "[{random_rotation: {degrees: 15}}, mixup]"), encoding="utf-8")
    for count in (0, workers):
        more = ["--set", f"runtime.workers={count}"]
        assert main(["train", str(spec), "--run", str(tmp_path / str(count)), "-q", *more]) == 0
    runs = [tmp_path / str(count) for count in (0, workers)]
    assert len({(run / "last.safetensors").read_bytes() for run in runs}) == 1
    results = [json.loads((run / "run.json").read_text())["results"]["last"]["loss"] for run in runs]
    assert results[0] == results[1]
