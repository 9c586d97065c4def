"""Augmentations of images. What becomes of a sample is a function of the seed, the epoch and its number alone.

So neither the batch it comes in, nor workers, nor the number of processes, nor a resumption changes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from archspec.data.split import Split
from archspec.recipe.augment import Augment, Augmentation

SAMPLE, PARTNER, MIX = 0, 1, 2  # streams of random numbers of a sample
Draws = Sequence[Generator]


def draws(seed: int, epoch: int, indices: Tensor, stream: int) -> list[Generator]:
    """The random numbers of each sample, apart for each use of them."""
    first = (seed * 0x9E3779B97F4A7C15 + epoch) % 2**64
    keys = (np.array([first, index * 4 + stream], dtype=np.uint64) for index in indices.tolist())
    return [Generator(np.random.Philox(key=key)) for key in keys]


class Augmented:
    """A split whose images come augmented where an epoch is named, and as they are from `take`."""

    def __init__(self, plain: Split, plan: Augmentation) -> None:
        self.plain = plain
        self.plan = plan

    def __len__(self) -> int:
        return len(self.plain)

    def take(self, indices: Tensor) -> dict[str, Tensor]:
        return self.plain.take(indices)

    def augmented(self, indices: Tensor, seed: int, epoch: int) -> dict[str, Tensor]:
        """These samples as training sees them in this epoch."""
        batch = self._transformed(indices, draws(seed, epoch, indices, SAMPLE))
        if self.plan.mixes:
            self._mix(batch, indices, seed, epoch)
        return batch

    def _transformed(self, indices: Tensor, rngs: Draws) -> dict[str, Tensor]:
        batch = dict(self.plain.take(indices))
        plan = self.plan
        if plan.transforms:
            mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (plan.mean, plan.std))
            images = batch[plan.field] * std + mean
            for part in plan.transforms:
                images = APPLY[part.name](images, part, rngs)
            batch[plan.field] = (images - mean) / std
        return batch

    def _mix(self, batch: dict[str, Tensor], indices: Tensor, seed: int, epoch: int) -> None:
        rngs = draws(seed, epoch, indices, MIX)
        partners = torch.tensor([int(rng.integers(len(self.plain))) for rng in rngs])
        others = self._transformed(partners, draws(seed, epoch, partners, PARTNER))
        images, theirs = batch[self.plan.field], others[self.plan.field]
        shares = []  # of the sample itself
        mixed = []
        for image, other, rng in zip(images, theirs, rngs, strict=True):
            part = self.plan.mixes[int(rng.integers(len(self.plan.mixes)))]
            share = float(rng.beta(part.keywords["alpha"], part.keywords["alpha"]))
            if rng.random() >= part.keywords["p"]:
                share, result = 1.0, image
            elif part.name == "mixup":
                result = image * share + other * (1 - share)
            else:
                share, result = _pasted(image, other, share, rng)
            shares.append(share)
            mixed.append(result)
        batch[self.plan.field] = torch.stack(mixed)
        weight = torch.tensor(shares, dtype=torch.float32)
        for name, classes in self.plan.targets.items():
            mine, other = batch[name], others[name]
            if classes:
                mine, other = (F.one_hot(target, classes).float() for target in (mine, other))
            part_of = weight.view(-1, *[1] * (mine.ndim - 1))
            batch[name] = mine * part_of + other * (1 - part_of)


def _pasted(image: Tensor, other: Tensor, share: float, rng: Generator) -> tuple[float, Tensor]:
    """CutMix: the share of the image that is left, and the image with a rectangle of the other."""
    height, width = image.shape[-2:]
    side = math.sqrt(1 - share)
    y, x = int(rng.integers(height)), int(rng.integers(width))
    half_y, half_x = round(height * side) // 2, round(width * side) // 2
    top, bottom = max(y - half_y, 0), min(y + half_y, height)
    left, right = max(x - half_x, 0), min(x + half_x, width)
    result = image.clone()
    result[:, top:bottom, left:right] = other[:, top:bottom, left:right]
    return 1 - (bottom - top) * (right - left) / (height * width), result


def _chosen(rngs: Draws, p: float) -> Tensor:
    """bool[N, 1, 1, 1]: which samples are changed."""
    return torch.tensor([rng.random() < p for rng in rngs]).view(-1, 1, 1, 1)


def _between(rngs: Draws, low: float, high: float) -> Tensor:
    """float32[N, 1, 1, 1], evenly from `low` to `high`."""
    return torch.tensor([rng.uniform(low, high) for rng in rngs], dtype=torch.float32).view(-1, 1, 1, 1)


def _crop(images: Tensor, part: Any, rngs: Draws) -> Tensor:
    height, width = images.shape[-2:]
    room = 2 * part.padding + 1
    padded = F.pad(images, [part.padding] * 4, value=part.fill)
    places = [(int(rng.integers(room)), int(rng.integers(room))) for rng in rngs]
    cut = [one[:, y : y + height, x : x + width] for one, (y, x) in zip(padded, places, strict=True)]
    return torch.stack(cut)


def _place(height: int, width: int, part: Any, rng: Generator) -> tuple[int, int, int, int] | None:
    """Top, left, height and width of a rectangle of random area and shape; None where ten tries give none within."""
    for _ in range(10):
        area = height * width * rng.uniform(*part.scale)
        ratio = math.exp(rng.uniform(math.log(part.ratio[0]), math.log(part.ratio[1])))
        h, w = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
        if 0 < h <= height and 0 < w <= width:
            return int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1)), h, w
    return None


def _resized_crop(images: Tensor, part: Any, rngs: Draws) -> Tensor:
    height, width = images.shape[-2:]
    out = []
    for image, rng in zip(images, rngs, strict=True):
        top, left, h, w = _place(height, width, part, rng) or (0, 0, height, width)
        cut = image[None, :, top : top + h, left : left + w]
        out.append(F.interpolate(cut, (height, width), mode="bilinear", antialias=True)[0])
    return torch.stack(out)


def _horizontal(images: Tensor, part: Any, rngs: Draws) -> Tensor:
    return torch.where(_chosen(rngs, part.p), images.flip(-1), images)


def _vertical(images: Tensor, part: Any, rngs: Draws) -> Tensor:
    return torch.where(_chosen(rngs, part.p), images.flip(-2), images)


def _affine(images: Tensor, part: Any, rngs: Draws) -> Tensor:
    """A turn (counter-clockwise), then a shift; before both, shear and scale, around the centre."""
    height, width = images.shape[-2:]
    across, down = getattr(part, "translate", (0.0, 0.0))
    small, large = getattr(part, "scale", (1.0, 1.0))
    shear = getattr(part, "shear", 0.0)
    half = np.diag([width / 2, height / 2, 1.0])
    thetas = []
    for rng in rngs:
        angle = math.radians(rng.uniform(-part.degrees, part.degrees))
        shift = rng.uniform(-across, across) * width, rng.uniform(-down, down) * height
        factor = rng.uniform(small, large)
        slant = math.tan(math.radians(rng.uniform(-shear, shear)))
        cos, sin = math.cos(angle), math.sin(angle)
        turned = np.array([[cos, sin, shift[0]], [-sin, cos, shift[1]], [0, 0, 1]])  # y points down
        forward = turned @ np.array([[factor, factor * slant, 0], [0, factor, 0], [0, 0, 1]])
        thetas.append((np.linalg.inv(half) @ np.linalg.inv(forward) @ half)[:2])  # where each pixel comes from
    theta = torch.from_numpy(np.stack(thetas)).float()
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    moved = F.grid_sample(images - part.fill, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return moved + part.fill


def _gray(images: Tensor) -> Tensor:
    """Luma, as ITU-R 601 has it: [N, 1, H, W]."""
    if images.shape[1] == 1:
        return images
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (images * weights).sum(1, keepdim=True)


def _jitter(images: Tensor, part: Any, rngs: Draws) -> Tensor:
    def factor(amount: float) -> Tensor:
        return _between(rngs, max(0.0, 1 - amount), 1 + amount)

    if part.brightness:
        images = (images * factor(part.brightness)).clamp(0, 1)
    if part.contrast:
        level = _gray(images).mean((1, 2, 3), keepdim=True)
        images = ((images - level) * factor(part.contrast) + level).clamp(0, 1)
    if part.saturation:
        gray = _gray(images)
        images = ((images - gray) * factor(part.saturation) + gray).clamp(0, 1)
    if part.hue:
        images = _turn_hue(images, _between(rngs, -part.hue, part.hue))
    return images


def _turn_hue(images: Tensor, turn: Tensor) -> Tensor:
    """RGB to HSV, the hue turned by `turn` turns, and back."""
    value, low = images.amax(1, keepdim=True), images.amin(1, keepdim=True)
    chroma = value - low
    safe = torch.where(chroma > 0, chroma, 1)
    red, green, blue = images.split(1, 1)
    hue = torch.where(
        value == red,
        ((green - blue) / safe) % 6,
        torch.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    hue = (hue / 6 + turn) % 1.0 * 6

    def channel(offset: float) -> Tensor:
        k = (offset + hue) % 6
        return value - chroma * torch.minimum(k, 4 - k).clamp(0, 1)

    return torch.cat([channel(5.0), channel(3.0), channel(1.0)], 1)


def _grayscale(images: Tensor, part: Any, rngs: Draws) -> Tensor:
    return torch.where(_chosen(rngs, part.p), _gray(images), images)


def _erase(images: Tensor, part: Any, rngs: Draws) -> Tensor:
    height, width = images.shape[-2:]
    images = images.clone()
    for image, rng in zip(images, rngs, strict=True):
        place = _place(height, width, part, rng) if rng.random() < part.p else None
        if place is not None:
            top, left, h, w = place
            image[:, top : top + h, left : left + w] = part.value
    return images


APPLY: dict[str, Callable[[Tensor, Augment, Draws], Tensor]] = {
    "random_crop": _crop,
    "random_resized_crop": _resized_crop,
    "random_horizontal_flip": _horizontal,
    "random_vertical_flip": _vertical,
    "random_rotation": _affine,
    "random_affine": _affine,
    "color_jitter": _jitter,
    "random_grayscale": _grayscale,
    "random_erasing": _erase,
}
