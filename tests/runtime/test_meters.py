"""Metrics against scikit-learn and torch.nn.functional, accumulated over batches of any size."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from archspec.recipe.metrics import METRICS
from archspec.recipe.model import MetricTerm
from archspec.runtime.metrics import METERS, Meter, build_meters

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
    assert set(METERS) == {name for name, part in METRICS.parts.items() if not part.counterpart}


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


def several(seed: int = 5) -> tuple[Tensor, Tensor]:
    """Scores of 120 samples over four classes, all of which occur, and the classes."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(120) % 4
    return torch.randn(120, 4, generator=generator) + 1.5 * F.one_hot(y, 4), y


BY_CLASS: dict[str, Any] = {
    "precision": lambda y, p, average: sk.precision_score(y, p, average=average),
    "recall": lambda y, p, average: sk.recall_score(y, p, average=average),
    "mean_iou": lambda y, p, average: sk.jaccard_score(y, p, average=average),
    "dice": lambda y, p, average: sk.f1_score(y, p, average=average),
}


@pytest.mark.parametrize("name", BY_CLASS)
@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
def test_averages_over_classes(name: str, average: str) -> None:
    x, y = several()
    want = BY_CLASS[name](y, x.argmax(1), average)
    assert measure(name, x, y, class_dim=1, args={"average": average}) == pytest.approx(want)
    planes, places = x.view(10, 3, 4, 4).movedim(-1, 1), y.view(10, 3, 4)  # as in segmentation: [N, C, H, W]
    assert measure(name, planes, places, class_dim=1, args={"average": average}) == pytest.approx(want)


def test_other_metrics_of_classes() -> None:
    x, y = several()
    p = x.argmax(1)
    assert measure("f_beta", x, y, class_dim=1, args={"beta": 2.0}) == pytest.approx(
        sk.fbeta_score(y, p, beta=2.0, average="macro")
    )
    assert measure("balanced_accuracy", x, y, class_dim=1) == pytest.approx(sk.balanced_accuracy_score(y, p))
    assert measure("cohen_kappa", x, y, class_dim=1) == pytest.approx(sk.cohen_kappa_score(y, p))
    assert measure("matthews_corrcoef", x, y, class_dim=1) == pytest.approx(sk.matthews_corrcoef(y, p))
    shares = x.double().softmax(1).numpy()
    assert measure("auroc", x, y, class_dim=1) == pytest.approx(sk.roc_auc_score(y, shares, multi_class="ovr"))
    by_class = [sk.average_precision_score(y == k, shares[:, k]) for k in range(4)]
    assert measure("average_precision", x, y, class_dim=1) == pytest.approx(sum(by_class) / 4)


def test_what_the_loss_leaves_out_is_left_out_of_torchmetrics_too() -> None:
    x, y = several()
    y[::3] = -100
    kept = y >= 0
    for name in ("recall", "auroc"):
        assert measure(name, x, y, class_dim=1, ignore_index=-100) == measure(name, x[kept], y[kept], class_dim=1)


@pytest.mark.parametrize("threshold", [0.0, 0.5])
def test_one_score_a_target_in_torchmetrics(threshold: float) -> None:
    generator = torch.Generator().manual_seed(8)
    y = torch.randint(0, 2, (60,), generator=generator)
    logits = torch.randn(60, generator=generator) + y
    # Every batch of logits is within [0, 1] here or there: torchmetrics would take it for probabilities.
    x = logits if threshold == 0.0 else logits.sigmoid()
    p = logits > 0

    def of(name: str, **args: Any) -> float:
        return measure(name, x, y, size=1, args=args, threshold=threshold)

    assert of("precision") == pytest.approx(sk.precision_score(y, p))
    assert of("recall") == pytest.approx(sk.recall_score(y, p))
    assert of("specificity") == pytest.approx(sk.recall_score(y == 0, ~p))
    assert of("mean_iou") == pytest.approx(sk.jaccard_score(y, p))
    assert of("auroc") == pytest.approx(sk.roc_auc_score(y, logits))
    assert of("average_precision") == pytest.approx(sk.average_precision_score(y, logits))
    assert of("balanced_accuracy") == pytest.approx(sk.balanced_accuracy_score(y, p))


def test_calibration_error_by_arithmetic() -> None:
    # 0.6 is right half of the time and 0.9 always: (0.1 + 0.1) / 2.
    scores = torch.tensor([[0.6, 0.4], [0.6, 0.4], [0.9, 0.1], [0.9, 0.1]]).log()
    y = torch.tensor([0, 1, 0, 0])
    assert measure("calibration_error", scores, y, class_dim=1, args={"n_bins": 10}) == pytest.approx(0.1)


@pytest.mark.parametrize("shape", [(40,), (40, 3)])
def test_forecasts_and_regressions(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(2)
    y = torch.rand(shape, generator=generator) + 0.5
    x = y + 0.2 * torch.randn(shape, generator=generator)
    a, b = x.double().numpy(), y.double().numpy()
    assert measure("mape", x, y) == pytest.approx(sk.mean_absolute_percentage_error(b, a))
    assert measure("smape", x, y) == pytest.approx((2 * abs(a - b) / (abs(a) + abs(b))).mean())
    assert measure("wmape", x, y) == pytest.approx(abs(a - b).sum() / abs(b).sum())
    assert measure("explained_variance", x, y) == pytest.approx(sk.explained_variance_score(b, a))
    assert measure("pearson", x, y) == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1])
    ranks = [v.ravel().argsort().argsort() for v in (a, b)]
    assert measure("spearman", x, y) == pytest.approx(np.corrcoef(*ranks)[0, 1], rel=1e-6)


def test_mase_is_the_error_over_that_of_the_naive_forecast() -> None:
    past = torch.tensor([[1.0, 3.0, 2.0, 4.0], [5.0, 5.0, 5.0, 5.0], [0.0, 1.0, 0.0, 3.0]])
    target = torch.tensor([[5.0, 6.0], [1.0, 1.0], [2.0, 2.0]])
    output = torch.tensor([[4.0, 4.0], [9.0, 9.0], [2.0, 3.0]])
    part = METRICS.parts["mase"].parse({"insample": "past"})
    for season, want in ((1, (1.5 / (5 / 3) + 0.5 / (5 / 3)) / 2), (2, (1.5 / 1 + 0.5 / 1) / 2)):
        part = METRICS.parts["mase"].parse({"insample": "past", "season": season})
        for extra in (lambda t: t, lambda t: t[..., None]):
            (meter,) = build_meters([MetricTerm(part, "mase", "out", "y")], CPU)
            for row in range(3):  # the second past is constant, and does not count
                given = slice(row, row + 1)
                meter.update(extra(output[given]), {"y": extra(target[given]), "past": extra(past[given])})
            assert meter.compute() == pytest.approx(want)


def put_together(meters: list[Meter]) -> list[float]:
    """What each gives when they are those of several processes, here threads that wait for one another."""
    told: list[Any] = [None] * len(meters)
    all_here = Barrier(len(meters), timeout=30)

    def gives(number: int) -> float:
        def gather(tensor: Tensor) -> list[Tensor]:
            told[number] = tensor
            all_here.wait()
            found = list(told)
            all_here.wait()
            return found

        meters[number].put_together(gather)
        return meters[number].compute()

    with ThreadPoolExecutor(len(meters)) as threads:
        return list(threads.map(gives, range(len(meters))))


@pytest.mark.parametrize("name", sorted(METRICS.parts))
def test_what_several_processes_count_is_what_one_counts(name: str, scores: tuple[Tensor, Tensor]) -> None:
    """Uneven shares; all targets of the third process are ignored where some can be."""
    part = METRICS.parts[name].parse({"f_beta": {"beta": 2.0}, "mase": {"insample": "past"}}.get(name, {}))
    values, labels = scores
    labels = torch.cat([labels[:30], torch.full((20,), -100)])
    batch = {"y": labels}
    term = MetricTerm(part, name, "out", "y", class_dim=1, ignore_index=-100, bytes_per_token=1.5)
    if name in ("mae", "mse", "rmse", "r2", "mase") or ".regression." in part.counterpart:
        term = MetricTerm(part, name, "out", "y")
        batch = {"y": values.sin() + 0.5, "past": values.cos()}
    shares = [slice(0, 10), slice(10, 30), slice(30, 50)]
    (one, *several) = (build_meters([term], CPU)[0] for _ in range(4))
    for share, meter in zip(shares, several, strict=True):
        for counting in (one, meter):
            counting.update(values[share], {key: tensor[share] for key, tensor in batch.items()})
    expected = one.compute()
    assert math.isfinite(expected)
    assert put_together(several) == [pytest.approx(expected, rel=1e-6 if name == "calibration_error" else 1e-12)] * 3
