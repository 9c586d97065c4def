"""Every optimizer, schedule and loss that a spec may name is built as PyTorch builds it, and works."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from archspec.recipe.losses import LOSSES
from archspec.recipe.model import LossTerm
from archspec.recipe.optimizers import OPTIMIZERS
from archspec.recipe.schedules import SCHEDULES
from archspec.runtime.losses import Objective
from archspec.runtime.optim import build_optimizer
from archspec.runtime.schedule import build_schedule

CPU = torch.device("cpu")
REQUIRED = {"step": {"step_size": 3}, "multi_step": {"milestones": [2, 5]}, "exponential": {"gamma": 0.9}}


@pytest.mark.parametrize("name", OPTIMIZERS.parts)
def test_an_optimizer_without_arguments_is_torchs(name: str) -> None:
    torch.manual_seed(0)
    ours, theirs = nn.Linear(3, 2), nn.Linear(3, 2)
    theirs.load_state_dict(ours.state_dict())
    part = OPTIMIZERS.parts[name].parse({})
    optimizer = build_optimizer(part, ours)
    other = getattr(torch.optim, part.counterpart.rpartition(".")[2])(theirs.parameters())
    x = torch.randn(5, 3)
    for _ in range(3):
        for model, step in ((ours, optimizer), (theirs, other)):
            step.zero_grad()
            model(x).square().mean().backward()
            step.step()
    assert torch.equal(ours.weight, theirs.weight) and torch.equal(ours.bias, theirs.bias)


def test_a_tied_parameter_is_moved_once() -> None:
    model = nn.ModuleList([nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)])
    model[1].weight = model[0].weight
    optimizer = build_optimizer(OPTIMIZERS.parts["sgd"].parse({"lr": 0.5, "weight_decay": 0.1}), model)
    assert [len(group["params"]) for group in optimizer.param_groups] == [1]
    assert optimizer.param_groups[0]["weight_decay"] == 0.1


def test_a_model_without_parameters() -> None:
    with pytest.raises(ValueError, match="no parameters"):
        build_optimizer(OPTIMIZERS.parts["sgd"].parse({}), nn.ReLU())


@pytest.mark.parametrize("name", SCHEDULES.parts)
def test_a_schedule_sets_the_rate_of_every_step(name: str) -> None:
    model = nn.Linear(1, 1)
    optimizer = build_optimizer(OPTIMIZERS.parts["sgd"].parse({"lr": 0.5}), model)
    part = SCHEDULES.parts[name].parse(REQUIRED.get(name, {}))
    schedule = build_schedule(part, optimizer, 12, 4)
    seen = []
    for _ in range(12):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert seen == pytest.approx([0.5 * part.factor(k, 12, 4) for k in range(12)])
    assert all(math.isfinite(rate) and rate >= 0 for rate in seen)


def sample(name: str) -> tuple[Tensor, Tensor]:
    """An output and a target that suit a loss."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(6, 4, generator=generator), torch.rand(6, 4, generator=generator)
    if name in ("cross_entropy", "nll"):
        return x.log_softmax(1), torch.tensor([0, 1, 2, 3, 0, 1])
    if name == "bce":
        return x.sigmoid(), y
    if name == "kl_div":
        return x.log_softmax(1), y.softmax(1)
    return x, y


@pytest.mark.parametrize("name", LOSSES.parts)
def test_a_loss_without_arguments_is_torchs(name: str) -> None:
    part = LOSSES.parts[name].parse({})
    x, y = sample(name)
    classes = 1 if name in ("cross_entropy", "nll") else None
    expected = getattr(nn, part.counterpart.rpartition(".")[2])()(x, y)
    assert torch.equal(Objective((LossTerm(part, "out", "y", 1.0, classes),), CPU)(x, {"y": y}), expected)
    twice = (LossTerm(part, "out", "y", 1.0, classes), LossTerm(part, "out", "y", 0.5, classes))
    torch.testing.assert_close(Objective(twice, CPU)({"out": x}, {"y": y}), 1.5 * expected)


def test_classes_last_is_the_same_mean() -> None:
    x, y = torch.randn(3, 5, 7), torch.randint(0, 7, (3, 5))
    part = LOSSES.parts["cross_entropy"].parse({"weight": [1, 2, 3, 4, 5, 6, 7], "label_smoothing": 0.1})
    expected = nn.CrossEntropyLoss(torch.arange(1.0, 8), label_smoothing=0.1)(x.movedim(-1, 1), y)
    torch.testing.assert_close(Objective((LossTerm(part, "o", "y", 1.0, -1),), CPU)(x, {"y": y}), expected)
    smooth = torch.randn(3, 5, 7).softmax(-1)
    expected = nn.CrossEntropyLoss()(x.movedim(-1, 1), smooth.movedim(-1, 1))
    part = LOSSES.parts["cross_entropy"].parse({})
    torch.testing.assert_close(Objective((LossTerm(part, "o", "y", 1.0, -1),), CPU)(x, {"y": smooth}), expected)


def test_whole_numbers_are_cast_and_half_precision_is_widened() -> None:
    part = LOSSES.parts["bce_with_logits"].parse({"pos_weight": [3.0]})
    x, y = torch.randn(4).bfloat16(), torch.tensor([0, 1, 1, 0])
    loss = Objective((LossTerm(part, "o", "y", 1.0, None, True),), CPU)(x, {"y": y})
    expected = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([3.0]))(x.float(), y.float())
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, expected)
