"""Learning-rate schedules: pure functions of the step. The formulas are torch.optim.lr_scheduler's closed forms."""

from __future__ import annotations

import math
from itertools import pairwise

from archspec.ops.base import arg
from archspec.ops.kinds import (
    BadValue,
    Choice,
    Float,
    Int,
    ListOf,
    OneOf,
    PositiveFloat,
    PositiveInt,
    Probability,
)
from archspec.recipe.model import Schedule
from archspec.recipe.parts import Family

SCHEDULES: Family[Schedule] = Family("schedule")

# Below 1 a share of all steps, from 1 on a number of steps. An integer is asked first: 1 is one step, 0 none.
Warmup = OneOf(Int(0), Float(0, 1), title="a share of all steps (0.05) or a number of steps (500)")
WARMUP = "rise linearly over this share of all steps (0.05), or this many steps (500), first"
Unit = Choice("epoch", "step")
Factor = Float(0, title="a non-negative factor")


class _Warmed(Schedule):
    """A schedule after a linear rise. Step w of a warm-up of w steps is the first with the whole rate."""

    warmup: int | float

    def warmup_steps(self, total: int) -> int:
        steps = self.warmup if isinstance(self.warmup, int) else round(self.warmup * total)
        return min(steps, total)

    def factor(self, step: int, total: int, per_epoch: int) -> float:
        warm = self.warmup_steps(total)
        if step < warm:
            return (step + 1) / (warm + 1)
        return self.after(step - warm, max(total - warm, 1), per_epoch)

    def after(self, step: int, total: int, per_epoch: int) -> float:
        """The factor `step` steps after the warm-up, of `total` such steps."""
        raise NotImplementedError


class _Stepped(_Warmed):
    """A schedule that changes every so many epochs (or steps)."""

    unit: str

    def passed(self, step: int, per_epoch: int) -> int:
        return step if self.unit == "step" else step // max(per_epoch, 1)


@SCHEDULES.declare("constant", "torch.optim.lr_scheduler.ConstantLR")
class Constant(_Warmed):
    """The optimizer's rate throughout."""

    warmup = arg(Warmup, 0, WARMUP)

    def after(self, step: int, total: int, per_epoch: int) -> float:
        return 1.0


@SCHEDULES.declare("cosine", "torch.optim.lr_scheduler.CosineAnnealingLR")
class Cosine(_Warmed):
    """Half a cosine from the optimizer's rate down to `final` times it (Loshchilov and Hutter, 2016)."""

    warmup = arg(Warmup, 0, WARMUP)
    final = arg(Factor, 0.0, "factor reached at the end")

    def after(self, step: int, total: int, per_epoch: int) -> float:
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * min(step / total, 1.0))) / 2


@SCHEDULES.declare("linear", "torch.optim.lr_scheduler.LinearLR")
class Linear(_Warmed):
    """A straight line from the optimizer's rate down to `final` times it."""

    warmup = arg(Warmup, 0, WARMUP)
    final = arg(Factor, 0.0, "factor reached at the end")

    def after(self, step: int, total: int, per_epoch: int) -> float:
        return 1 + (self.final - 1) * min(step / total, 1.0)


@SCHEDULES.declare("step", "torch.optim.lr_scheduler.StepLR")
class Step(_Stepped):
    """Times `gamma` every `step_size` epochs."""

    step_size = arg(PositiveInt, doc="epochs (or steps) between two changes")
    gamma = arg(PositiveFloat, 0.1, "factor of each change")
    unit = arg(Unit, "epoch", "what `step_size` counts")
    warmup = arg(Warmup, 0, WARMUP)

    def after(self, step: int, total: int, per_epoch: int) -> float:
        return float(self.gamma ** (self.passed(step, per_epoch) // self.step_size))


@SCHEDULES.declare("multi_step", "torch.optim.lr_scheduler.MultiStepLR")
class MultiStep(_Stepped):
    """Times `gamma` at each of the milestones."""

    milestones = arg(ListOf(PositiveInt, 1), doc="epochs (or steps) at which the rate changes, rising")
    gamma = arg(PositiveFloat, 0.1, "factor of each change")
    unit = arg(Unit, "epoch", "what `milestones` count")
    warmup = arg(Warmup, 0, WARMUP)

    def validate(self) -> None:
        if any(a >= b for a, b in pairwise(self.milestones)):
            raise BadValue("milestones must rise", ("milestones",))

    def after(self, step: int, total: int, per_epoch: int) -> float:
        passed = self.passed(step, per_epoch)
        return float(self.gamma ** sum(milestone <= passed for milestone in self.milestones))


@SCHEDULES.declare("exponential", "torch.optim.lr_scheduler.ExponentialLR")
class Exponential(_Stepped):
    """Times `gamma` every epoch."""

    gamma = arg(PositiveFloat, doc="factor of each epoch (or step)")
    unit = arg(Unit, "epoch", "how often")
    warmup = arg(Warmup, 0, WARMUP)

    def after(self, step: int, total: int, per_epoch: int) -> float:
        return float(self.gamma ** self.passed(step, per_epoch))


@SCHEDULES.declare("one_cycle", "torch.optim.lr_scheduler.OneCycleLR")
class OneCycle(Schedule):
    """Up to the optimizer's rate and down again (Smith and Topin, 2017). The momentum stays as it is."""

    pct_start = arg(Probability, 0.3, "share of the steps spent rising")
    anneal_strategy = arg(Choice("cos", "linear"), "cos", "shape of the rise and of the fall")
    div_factor = arg(Float(1), 25.0, "the first rate is the optimizer's over this")
    final_div_factor = arg(Float(1), 1e4, "the last rate is the first over this")

    def factor(self, step: int, total: int, per_epoch: int) -> float:
        first = 1 / self.div_factor
        peak = self.pct_start * total - 1
        last = max(total - 1, 1)
        if step <= peak:
            return self._between(first, 1.0, step / peak if peak > 0 else 1.0)
        start = max(peak, 0.0)
        share = min((step - start) / (last - start), 1.0) if last > start else 1.0
        return self._between(1.0, first / self.final_div_factor, share)

    def _between(self, start: float, end: float, share: float) -> float:
        if self.anneal_strategy == "linear":
            return start + (end - start) * share
        return end + (start - end) / 2 * (1 + math.cos(math.pi * share))
