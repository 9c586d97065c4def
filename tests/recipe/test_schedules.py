"""Schedules against torch.optim.lr_scheduler, step by step."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from archspec.ops.kinds import BadValue
from archspec.recipe.model import Schedule
from archspec.recipe.schedules import SCHEDULES

BASE = 0.4


def ours(name: str, args: dict[str, Any], total: int, per_epoch: int) -> list[float]:
    part = SCHEDULES.parts[name].parse(args)
    return [BASE * part.at(step, total, per_epoch) for step in range(total)]


def theirs(make: Any, total: int, every: int = 1) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=BASE)
    scheduler = make(optimizer)
    out = []
    for step in range(total):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if (step + 1) % every == 0:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                scheduler.step()
    return out


@pytest.mark.parametrize("final", [0.0, 0.1])
def test_cosine(final: float) -> None:
    want = theirs(lambda o: lr_scheduler.CosineAnnealingLR(o, 30, eta_min=final * BASE), 30)
    assert ours("cosine", {"final": final}, 30, 10) == pytest.approx(want)


@pytest.mark.parametrize("final", [0.0, 0.25])
def test_linear(final: float) -> None:
    want = theirs(lambda o: lr_scheduler.LinearLR(o, 1.0, final, total_iters=20), 20)
    assert ours("linear", {"final": final}, 20, 10) == pytest.approx(want)


def test_step_by_epoch_and_by_step() -> None:
    by_epoch = theirs(lambda o: lr_scheduler.StepLR(o, 2, gamma=0.5), 40, every=5)
    assert ours("step", {"step_size": 2, "gamma": 0.5}, 40, 5) == pytest.approx(by_epoch)
    by_step = theirs(lambda o: lr_scheduler.StepLR(o, 7, gamma=0.5), 40)
    assert ours("step", {"step_size": 7, "gamma": 0.5, "unit": "step"}, 40, 5) == pytest.approx(by_step)


def test_multi_step() -> None:
    want = theirs(lambda o: lr_scheduler.MultiStepLR(o, [2, 5], gamma=0.1), 35, every=5)
    assert ours("multi_step", {"milestones": [2, 5]}, 35, 5) == pytest.approx(want)


def test_exponential() -> None:
    want = theirs(lambda o: lr_scheduler.ExponentialLR(o, 0.9), 30, every=4)
    assert ours("exponential", {"gamma": 0.9}, 30, 4) == pytest.approx(want)


@pytest.mark.parametrize("anneal", ["cos", "linear"])
@pytest.mark.parametrize(("total", "pct"), [(50, 0.3), (7, 0.5), (100, 0.05)])
def test_one_cycle(anneal: str, total: int, pct: float) -> None:
    want = theirs(
        lambda o: lr_scheduler.OneCycleLR(
            o, BASE, total_steps=total, pct_start=pct, anneal_strategy=anneal, cycle_momentum=False
        ),
        total,
    )
    assert ours("one_cycle", {"pct_start": pct, "anneal_strategy": anneal}, total, 10) == pytest.approx(want)


@pytest.mark.parametrize("power", [1.0, 2.0, 0.5])
def test_polynomial(power: float) -> None:
    want = theirs(lambda o: lr_scheduler.PolynomialLR(o, 20, power), 20)
    assert ours("polynomial", {"power": power}, 20, 10) == pytest.approx(want)


@pytest.mark.parametrize(("first", "times"), [(5, 1), (3, 2), (1, 3)])
def test_cosine_warm_restarts(first: int, times: int) -> None:
    want = theirs(lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, first, times, eta_min=0.1 * BASE), 40)
    args = {"t_0": first, "t_mult": times, "final": 0.1}
    assert ours("cosine_warm_restarts", {**args, "unit": "step"}, 40, 7) == pytest.approx(want)
    by_epoch = ours("cosine_warm_restarts", args, 40 * 4, 4)
    assert by_epoch[::4] == pytest.approx(want)


@pytest.mark.parametrize("mode", ["triangular", "triangular2", "exp_range"])
@pytest.mark.parametrize("down", [None, 3])
def test_cyclic(mode: str, down: int | None) -> None:
    args = {"step_size_up": 5, "step_size_down": down, "mode": mode, "gamma": 0.97}
    want = theirs(lambda o: lr_scheduler.CyclicLR(o, 0.2 * BASE, BASE, cycle_momentum=False, **args), 40)
    assert ours("cyclic", {**args, "base": 0.2}, 40, 10) == pytest.approx(want)


def test_inverse_sqrt_is_that_of_the_transformer() -> None:
    got = ours("inverse_sqrt", {"warmup": 10}, 400, 10)
    # Vaswani et al., 2017: min(step^-0.5, step * warmup^-1.5), here scaled to 1 at its peak; from 10 on
    assert got[10:] == pytest.approx([BASE * (10 / step) ** 0.5 for step in range(10, 400)])


def test_warmup_stable_decay() -> None:
    got = ours("warmup_stable_decay", {"warmup": 2, "decay": 4, "final": 0.2}, 10, 5)
    rates = [1 / 3, 2 / 3, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4]
    assert got == pytest.approx([BASE * rate for rate in rates])


def test_warmup_rises_in_equal_steps_to_the_whole_rate() -> None:
    part = SCHEDULES.parts["constant"].parse({"warmup": 4})
    assert [part.at(step, 10, 5) for step in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


def test_warmup_is_a_share_below_one_and_steps_from_one() -> None:
    cls = SCHEDULES.parts["cosine"]
    assert cls.parse({"warmup": 0.05}).warmup_steps(200) == 10  # type: ignore[attr-defined]
    assert cls.parse({"warmup": 10}).warmup_steps(200) == 10  # type: ignore[attr-defined]
    assert cls.parse({"warmup": 500}).warmup_steps(200) == 200  # type: ignore[attr-defined]
    with pytest.raises(BadValue):
        cls.parse({"warmup": 1.5})


def test_milestones_must_rise() -> None:
    with pytest.raises(BadValue):
        SCHEDULES.parts["multi_step"].parse({"milestones": [5, 2]})


def _any_schedule() -> st.SearchStrategy[Schedule]:
    required: dict[str, dict[str, Any]] = {
        "step": {"step_size": 2},
        "multi_step": {"milestones": [1, 3]},
        "exponential": {"gamma": 0.9},
        "cosine_warm_restarts": {"t_0": 2},
    }
    warm = st.one_of(st.integers(0, 50), st.floats(0, 0.99))

    def build(name: str, warmup: float) -> Schedule:
        cls = SCHEDULES.parts[name]
        return cls.parse({**required.get(name, {}), **({"warmup": warmup} if "warmup" in cls.args else {})})

    return st.builds(build, st.sampled_from(list(SCHEDULES.parts)), warm)


@given(_any_schedule(), st.integers(1, 60), st.integers(1, 20))
def test_a_factor_is_never_negative_nor_above_one(schedule: Schedule, total: int, per_epoch: int) -> None:
    for step in range(total + 1):  # one beyond the end, as a last call of a scheduler may ask
        assert 0 <= schedule.at(step, total, per_epoch) <= 1 + 1e-12
