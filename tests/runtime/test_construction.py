"""Every optimizer, schedule and loss that a spec may name is built as PyTorch builds it, and works."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from archspec.recipe.files import DataError
from archspec.recipe.losses import LOSSES
from archspec.recipe.model import LossTerm, ParamGroup
from archspec.recipe.optimizers import OPTIMIZERS
from archspec.recipe.schedules import SCHEDULES
from archspec.runtime.losses import Objective
from archspec.runtime.optim import build_optimizer
from archspec.runtime.parallel.state import load_optimizer_state, optimizer_state
from archspec.runtime.schedule import build_schedule
from archspec.runtime.world import World

CPU = torch.device("cpu")
REQUIRED = {
    "step": {"step_size": 3},
    "multi_step": {"milestones": [2, 5]},
    "exponential": {"gamma": 0.9},
    "cosine_warm_restarts": {"t_0": 1},
}
CLASSES = ("cross_entropy", "nll", "multi_margin")


@pytest.mark.parametrize("name", OPTIMIZERS.parts)
def test_an_optimizer_without_arguments_is_torchs(name: str) -> None:
    torch.manual_seed(0)
    ours, theirs = (nn.Linear(3, 2, bias=name != "muon") for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    part = OPTIMIZERS.parts[name].parse({})
    optimizer = build_optimizer(part, ours)
    other = getattr(torch.optim, part.counterpart.rpartition(".")[2])(theirs.parameters())
    x = torch.randn(5, 3)
    for _ in range(3):
        for model, step in ((ours, optimizer), (theirs, other)):

            def closure(model: nn.Module = model, step: torch.optim.Optimizer = step) -> Tensor:
                step.zero_grad()
                loss: Tensor = model(x).square().mean()
                loss.backward()
                return loss

            step.step(closure)
    assert all(map(torch.equal, ours.parameters(), theirs.parameters()))


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
    assert seen == pytest.approx([0.5 * part.at(k, 12, 4) for k in range(12)])
    assert all(math.isfinite(rate) and rate >= 0 for rate in seen)


def test_a_rate_falls_where_held_out_values_stand_still_as_in_pytorch() -> None:
    values = [1.0, 0.9, 0.9, 0.9, 0.5, 0.6, 0.7, 0.8]
    args = {"factor": 0.5, "patience": 1, "cooldown": 1}
    theirs = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.5)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **args)
    optimizer = build_optimizer(OPTIMIZERS.parts["sgd"].parse({"lr": 0.5}), nn.Linear(1, 1))
    part = SCHEDULES.parts["reduce_on_plateau"].parse(args)
    schedule = build_schedule(part, optimizer, 24, 3)
    for number, value in enumerate(values):
        for _ in range(3):
            optimizer.step()
            schedule.step()
        schedule.judge(value)
        scheduler.step(value)
        assert optimizer.param_groups[0]["lr"] == theirs.param_groups[0]["lr"]
        if number == 3:  # a run that goes on from here has the same rates
            later = build_schedule(part, optimizer, 24, 3)
            optimizer.param_groups[0]["lr"] = theirs.param_groups[0]["lr"]
            later.restore(schedule.position())
            schedule = later
    assert optimizer.param_groups[0]["lr"] == 0.125


def test_muon_has_matrices_and_adamw_the_rest() -> None:
    net = nn.ModuleDict({"embed": nn.Embedding(7, 4), "fc": nn.Linear(4, 4), "norm": nn.LayerNorm(4)})
    ours, theirs = net, copy.deepcopy(net)
    groups = (
        ParamGroup(("fc.weight",), 16, {}),
        ParamGroup(("embed.weight", "fc.bias", "norm.weight", "norm.bias"), 40, {}, adamw=True),
    )
    part = OPTIMIZERS.parts["muon"].parse({"lr": 0.02, "adamw": {"lr": 3e-3}})
    together = build_optimizer(part, ours, groups)
    assert [group["lr"] for group in together.param_groups] == [0.02, 3e-3]
    hand = [
        torch.optim.Muon([theirs["fc"].weight], lr=0.02),
        torch.optim.AdamW([p for p in theirs.parameters() if p is not theirs["fc"].weight], lr=3e-3),
    ]
    given = torch.randint(0, 7, (5,), generator=torch.Generator().manual_seed(0))
    for step in range(4):
        for model, optimizers in ((ours, [together]), (theirs, hand)):
            loss = model["norm"](model["fc"](model["embed"](given))).square()[:, 0].sum()
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad()
        if step == 1:  # as a resumption does it
            state = optimizer_state(ours, together, World())
            together = build_optimizer(part, ours, groups)
            load_optimizer_state(ours, together, state)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)


def sample(name: str) -> tuple[Tensor, Tensor]:
    """An output and a target that suit a loss."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(6, 4, generator=generator), torch.rand(6, 4, generator=generator)
    if name in CLASSES:
        return x.log_softmax(1), torch.tensor([0, 1, 2, 3, 0, 1])
    if name == "bce":
        return x.sigmoid(), y
    if name == "kl_div":
        return x.log_softmax(1), y.softmax(1)
    if name in ("soft_margin", "hinge_embedding", "margin_ranking"):
        return x, (y - 0.5).sign()
    if name == "cosine_embedding":
        return x, (y - 0.5).sign()[:, 0]
    if name == "multilabel_margin":
        return x, torch.tensor([[0, 2, -1, 0]] * 6)
    if name == "ctc":
        return torch.randn(6, 9, 4, generator=generator).log_softmax(2), torch.tensor([[1, 2, 0], [3, 3, 1]] * 3)
    return x, y


@pytest.mark.parametrize("name", LOSSES.parts)
def test_a_loss_without_arguments_is_torchs(name: str) -> None:
    part = LOSSES.parts[name].parse(dict.fromkeys(LOSSES.parts[name].others, "more"))
    x, y = sample(name)
    more = x.roll(1, 0).abs() + 0.1
    classes = 1 if name in CLASSES else None
    given = {
        "gaussian_nll": (x, y, more),
        "cosine_embedding": (x, more, y),
        "margin_ranking": (x, more, y),
        "triplet_margin": (x, more, more),
    }
    if name == "ctc":
        given["ctc"] = x.movedim(1, 0), y, torch.tensor([9] * 6), torch.tensor([2, 3] * 3)
    expected = getattr(nn, part.counterpart.rpartition(".")[2])()(*given.get(name, (x, y)))
    outputs = {"out": x, "more": more}
    loss = Objective((LossTerm(part, "out", "y", 1.0, classes),), CPU)(outputs, {"y": y})
    torch.testing.assert_close(loss, expected, rtol=1e-6 if name == "ctc" else 0, atol=0)
    twice = (LossTerm(part, "out", "y", 1.0, classes), LossTerm(part, "out", "y", 0.5, classes))
    torch.testing.assert_close(Objective(twice, CPU)(outputs, {"y": y}), 1.5 * expected)


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


def test_a_triplet_is_told_apart() -> None:
    a, p, n = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0)).unbind()
    part = LOSSES.parts["triplet_margin"].parse({"positive": "p", "negative": "n", "margin": 2.0, "swap": True})
    loss = Objective((LossTerm(part, "a", ""),), CPU)({"a": a, "p": p, "n": n}, {"any": a})
    assert torch.equal(loss, nn.TripletMarginLoss(margin=2.0, swap=True)(a, p, n))


def test_ctc_by_lengths() -> None:
    x = torch.randn(4, 8, 5, generator=torch.Generator().manual_seed(0)).log_softmax(2)
    y = torch.tensor([[4, 4, 1], [2, -1, -1], [0, 0, 3], [1, -1, -1]])
    fields = {"y": y, "steps": torch.tensor([8, 6, 7, 3]), "symbols": torch.tensor([3, 1, 3, 0])}
    part = LOSSES.parts["ctc"].parse({"blank": 2, "input_lengths": "steps", "target_lengths": "symbols"})
    y[1, 0] = 3
    expected = nn.CTCLoss(blank=2)(x.movedim(1, 0), y.clamp(min=0), fields["steps"], fields["symbols"])
    objective = Objective((LossTerm(part, "o", "y"),), CPU)
    torch.testing.assert_close(objective(x, fields), expected)
    for field, value, words in (("steps", 9, "length 9, of 8"), ("symbols", -1, "length -1"), ("y", 5, "number 5")):
        wrong = fields[field].clone()
        wrong.view(-1)[0] = value
        with pytest.raises(DataError, match=words):
            objective(x, {**fields, field: wrong})
