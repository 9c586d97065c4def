"""What losses accept, against what PyTorch runs: on generated shapes and dtypes."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.dims import Constraints, symbol
from archspec.ops.require import Mismatch, Require
from archspec.ops.tensor import TensorType
from archspec.recipe.losses import LOSSES
from archspec.recipe.metrics import METRICS
from archspec.recipe.model import Fit, LossTerm

B = symbol("B")
BATCH = 2

sizes = st.lists(st.integers(1, 3), max_size=3)
dtypes = st.sampled_from(["float32", "int64", "bool"])


# Losses of [B, C] alone: lists of class numbers, or one. PyTorch takes a lone sample [C] too.
SAMPLES = {"multi_margin", "multilabel_margin", "multilabel_soft_margin", "cosine_embedding"}
PLAIN = [name for name in LOSSES.parts if name not in ("ctc", "triplet_margin")]  # those have tests of their own
CLASSES = {"cross_entropy", "nll", "multi_margin"}


def fit(name: str, x: TensorType, target: TensorType, classes: int | None = None, **args: Any) -> Fit | None:
    try:
        others = dict.fromkeys(LOSSES.parts[name].others, "y")
        return LOSSES.parts[name].parse({**others, **args}).fit(Require(Constraints()), x, target, classes)
    except Mismatch:
        return None


def run(name: str, x: torch.Tensor, target: torch.Tensor, found: Fit) -> torch.Tensor:
    """As LossTerm says that a loss is called."""
    cls = LOSSES.parts[name]
    keywords = cls.parse(dict.fromkeys(cls.others, "y")).keywords
    loss = getattr(torch.nn, cls.counterpart.rpartition(".")[2])(**keywords)
    if found.class_dim == -1 and x.dim() > 2:
        x, target = x.flatten(0, -2), target.flatten()
    if found.cast_target:
        target = target.to(x.dtype)
    given = [x, *(x.clone() for _ in cls.others)]
    return loss(*given[: cls.target_place], target, *given[cls.target_place :])


@pytest.mark.filterwarnings("ignore:reduction:UserWarning")
@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(PLAIN),
    sizes,
    sizes,
    st.sampled_from(["float32", "int64"]),
    dtypes,
)
def test_what_is_accepted_runs_and_is_one_number(
    name: str, x_shape: list[int], t_shape: list[int], x_dtype: str, t_dtype: str
) -> None:
    x_type = TensorType(x_dtype, (B, *x_shape))
    t_type = TensorType(t_dtype, (B, *t_shape))
    found = fit(name, x_type, t_type)
    x = torch.rand(BATCH, *x_shape).to(getattr(torch, x_dtype))
    target = torch.zeros(BATCH, *t_shape).to(getattr(torch, t_dtype))
    if found is not None:
        assert run(name, x, target, found).shape == ()
        return
    # What is refused fails in PyTorch too, or is broadcast there without being asked for, or has its classes in an axis
    # that the shapes do not tell, or would take the batch for the classes.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            run(name, x, target, Fit())
    except (RuntimeError, ValueError, IndexError, UserWarning):
        return
    ambiguous = name in CLASSES and len(x_shape) > 1
    broadcast = x_shape != t_shape and name not in CLASSES
    batch_as_classes = name in CLASSES | SAMPLES and not x_shape
    planes = name in SAMPLES and len(x_shape) > 1
    whole = x_dtype != "float32" or t_dtype != "float32"  # mse of integers runs, and has no gradient
    assert ambiguous or broadcast or batch_as_classes or whole or planes


@pytest.mark.parametrize("name", ["cross_entropy", "nll"])
def test_class_axis(name: str) -> None:
    image = TensorType("float32", (B, 5, 8, 9))
    assert fit(name, image, TensorType("int64", (B, 8, 9))) == Fit(class_dim=1)
    text = TensorType("float32", (B, 16, 65))
    assert fit(name, text, TensorType("int64", (B, 16))) == Fit(class_dim=-1)
    assert fit(name, text, TensorType("int64", (B, 65))) == Fit(class_dim=1)
    assert fit(name, text, TensorType("int64", (B, 17))) is None
    square = TensorType("float32", (B, 16, 16))
    assert fit(name, square, TensorType("int64", (B, 16))) is None
    assert fit(name, square, TensorType("int64", (B, 16)), class_dim=-1) == Fit(class_dim=-1)


def test_flattening_gives_the_loss_of_moved_classes() -> None:
    x, target = torch.randn(4, 7, 5), torch.randint(0, 5, (4, 7))
    target[0, :3] = -100
    want = torch.nn.functional.cross_entropy(x.movedim(-1, 1), target)
    torch.testing.assert_close(run("cross_entropy", x, target, Fit(class_dim=-1)), want)


def test_class_counts() -> None:
    x, target = TensorType("float32", (B, 8)), TensorType("int64", (B,))
    assert fit("cross_entropy", x, target, 10) is None
    assert fit("cross_entropy", x, target, 8) == Fit(class_dim=1)
    more = fit("cross_entropy", x, target, 6)
    assert more is not None
    assert "8 classes" in more.warning
    assert fit("cross_entropy", x, target, 8, weight=[1.0] * 7) is None
    assert fit("bce_with_logits", TensorType("float32", (B,)), target, 3) is None
    assert fit("bce_with_logits", TensorType("float32", (B,)), target, 2) == Fit(threshold=0.0, cast_target=True)


def test_a_symbolic_size_is_held_against_a_number() -> None:
    x = TensorType("float32", (B, symbol("N"), 4))
    assert fit("mse", x, TensorType("float32", (B, 3, 4))) is not None  # N may be 3
    assert fit("mse", x, TensorType("float32", (B, 3, 5))) is None
    assert fit("cross_entropy", TensorType("float32", (B, symbol("N"))), TensorType("int64", (B,))) is None


def test_metrics_follow_the_loss() -> None:
    require = Require(Constraints())
    accuracy = METRICS.parts["accuracy"].parse({})
    one, target = TensorType("float32", (B,)), TensorType("int64", (B,))
    for name, threshold in (("bce_with_logits", 0.0), ("bce", 0.5)):
        loss = LossTerm(LOSSES.parts[name].parse({}), "y", "t")
        assert accuracy.fit(require, one, target, 2, loss).threshold == threshold
    labels = TensorType("float32", (B, 3))
    loss = LossTerm(LOSSES.parts["multilabel_soft_margin"].parse({}), "y", "t")
    assert accuracy.fit(require, labels, labels, None, loss).threshold == 0.0
    loss = LossTerm(LOSSES.parts["cross_entropy"].parse({}), "y", "t", 1.0, -1)
    fits = accuracy.fit(require, TensorType("float32", (B, 4, 4)), TensorType("int64", (B, 4)), 4, loss)
    assert fits.class_dim == -1


@pytest.mark.parametrize("name", METRICS.parts)
def test_every_metric_refuses_what_it_cannot_read(name: str) -> None:
    required = {"f_beta": {"beta": 2.0}, "mase": {"insample": "past"}}
    part = METRICS.parts[name].parse(required.get(name, {}))
    wrong = itertools.product(
        [TensorType("int64", (B, 3)), TensorType("float32", (B,))], [TensorType("float32", (B, 2, 2))]
    )
    for x, target in wrong:
        with pytest.raises(Mismatch):
            part.fit(Require(Constraints()), x, target, None, None)


def test_the_past_of_a_scaled_error() -> None:
    mase = METRICS.parts["mase"].parse({"insample": "past", "season": 12})
    mase.fit_field(Require(Constraints()), TensorType("float32", (B, 13)))
    for past in (TensorType("float32", (B, 12)), TensorType("int64", (B, 24)), TensorType("float32", (B,))):
        with pytest.raises(Mismatch):
            mase.fit_field(Require(Constraints()), past)
