"""Metrics against scikit-learn and torch.nn.functional, accumulated over batches of any size."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from sklearn import metrics as sk
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from archspec.recipe.metrics import METRICS
from archspec.recipe.model import MetricTerm
from archspec.runtime.metrics import METERS, build_meters

CPU = torch.device("cpu")


def measure(
    name: str, values: Tensor, target: Tensor, size: int = 7, args: dict[str, Any] | None = None, **term: Any
) -> float:
    part = METRICS.parts[name].parse(args or {})
    (meter,) = build_meters([MetricTerm(part, name, "out", "y", **term)], CPU)
    for _ in range(2):  # a second evaluation starts afresh
        meter.reset()
        for start in range(0, len(values), size):
            rows = slice(start, start + size)
            meter.update({"out": values[rows]} if start else values[rows], {"y": target[rows]})
    return meter.compute()


@pytest.fixture
def scores() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(50, 6, generator=generator), torch.randint(0, 5, (50,), generator=generator)


def test_every_declared_metric_is_computed() -> None:
    assert set(METERS) == set(METRICS.parts)


def test_accuracy(scores: tuple[Tensor, Tensor]) -> None:
    x, y = scores
    assert measure("accuracy", x, y, class_dim=1) == pytest.approx(sk.accuracy_score(y, x.argmax(1)))
    assert measure("accuracy", x, y, class_dim=-1, size=50) == pytest.approx(sk.accuracy_score(y, x.argmax(1)))


def test_accuracy_of_sequences_and_images_leaves_out_what_the_loss_leaves_out() -> None:
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(9, 5, 4, generator=generator), torch.randint(0, 4, (9, 5), generator=generator)
    y[2:4, 3:] = -100
    kept = y != -100
    expected = (x.argmax(-1) == y)[kept].float().mean().item()
    assert measure("accuracy", x, y, class_dim=-1, ignore_index=-100, size=2) == pytest.approx(expected)
    assert measure("accuracy", x.movedim(-1, 1), y, class_dim=1, ignore_index=-100, size=2) == pytest.approx(expected)


@pytest.mark.parametrize("threshold", [0.0, 0.5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bool])
def test_one_score_a_target(threshold: float, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(2)
    x, y = torch.rand(40, generator=generator), torch.rand(40, generator=generator) > 0.6
    x = x if threshold else x - 0.5
    assert measure("accuracy", x, y.to(dtype), threshold=threshold) == pytest.approx(
        sk.accuracy_score(y, x > threshold)
    )
    assert measure("f1", x, y.to(dtype), threshold=threshold) == pytest.approx(sk.f1_score(y, x > threshold))


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k(scores: tuple[Tensor, Tensor], k: int) -> None:
    x, y = scores
    expected = sk.top_k_accuracy_score(y, x, k=k, labels=range(6))
    assert measure("top_k_accuracy", x, y, args={"k": k}, class_dim=1) == pytest.approx(expected)


def test_f1_is_the_macro_mean_over_the_classes_that_occur(scores: tuple[Tensor, Tensor]) -> None:
    x, y = scores
    assert measure("f1", x, y, class_dim=1) == pytest.approx(sk.f1_score(y, x.argmax(1), average="macro"))
    x[:, 5] = -9  # class 5 is neither predicted nor there
    assert measure("f1", x, y, class_dim=1) == pytest.approx(sk.f1_score(y, x.argmax(1), average="macro"))
    y[::3] = -100
    kept = y != -100
    expected = sk.f1_score(y[kept], x.argmax(1)[kept], average="macro")
    assert measure("f1", x, y, class_dim=1, ignore_index=-100) == pytest.approx(expected)


def test_f1_without_positives_is_zero() -> None:
    assert measure("f1", torch.full((4,), -1.0), torch.zeros(4), threshold=0.0) == 0.0


@pytest.mark.parametrize("log", [False, True])
def test_perplexity(scores: tuple[Tensor, Tensor], log: bool) -> None:
    x, y = scores
    y[5:9] = -100
    expected = math.exp(F.cross_entropy(x.double(), y).item())
    x = x.log_softmax(1) if log else x
    assert measure("perplexity", x, y, class_dim=1, ignore_index=-100) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(30,), (30, 3)])
@pytest.mark.parametrize("size", [1, 7, 30])
def test_values(shape: tuple[int, ...], size: int) -> None:
    generator = torch.Generator().manual_seed(4)
    x, y = torch.randn(shape, generator=generator), torch.randn(shape, generator=generator) + 1000
    mse = F.mse_loss(x.double(), y.double()).item()
    assert measure("mse", x, y, size) == pytest.approx(mse)
    assert measure("rmse", x, y, size) == pytest.approx(math.sqrt(mse))
    assert measure("mae", x, y, size) == pytest.approx(F.l1_loss(x.double(), y.double()).item())
    near = y + x / 10
    assert measure("r2", near, y, size) == pytest.approx(sk.r2_score(y.double(), near.double()), abs=1e-9)


def test_r2_of_a_constant_target_is_as_in_scikit_learn() -> None:
    y = torch.ones(5)
    assert measure("r2", y, y) == sk.r2_score(y, y) == 1.0
    assert measure("r2", y + 0.5, y) == sk.r2_score(y, y + 0.5) == 0.0
