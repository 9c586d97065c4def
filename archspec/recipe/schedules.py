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
    NonNegativeFloat,
    NonNegativeInt,
    OneOf,
    Optional,
    PositiveFloat,
    PositiveInt,
    Probability,
    Str,
)
from archspec.recipe.model import Schedule
from archspec.recipe.monitor import MONITOR_DOC
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

    def at(self, step: int, total: int, per_epoch: int) -> float:
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

    def at(self, step: int, total: int, per_epoch: int) -> float:
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


@SCHEDULES.declare("polynomial", "torch.optim.lr_scheduler.PolynomialLR")
class Polynomial(_Warmed):
    """From the optimizer's rate down to `final` times it, as a power of the share of steps that are left."""

    power = arg(PositiveFloat, 1.0, "the power; 1 is a straight line")
    warmup = arg(Warmup, 0, WARMUP)
    final = arg(Factor, 0.0, "factor reached at the end")

    def after(self, step: int, total: int, per_epoch: int) -> float:
        left: float = (1 - min(step / total, 1.0)) ** self.power
        return self.final + (1 - self.final) * left


@SCHEDULES.declare("cosine_warm_restarts", "torch.optim.lr_scheduler.CosineAnnealingWarmRestarts")
class CosineWarmRestarts(_Warmed):
    """Half a cosine down to `final` times the rate, over and over (Loshchilov and Hutter, 2016)."""

    t_0 = arg(PositiveInt, doc="epochs (or steps) to the first restart")
    t_mult = arg(PositiveInt, 1, "how many times as long each period is as the one before")
    unit = arg(Unit, "epoch", "what `t_0` counts; the rate changes every step")
    warmup = arg(Warmup, 0, WARMUP)
    final = arg(Factor, 0.0, "factor reached before a restart")

    def after(self, step: int, total: int, per_epoch: int) -> float:
        length = self.t_0 if self.unit == "step" else self.t_0 * max(per_epoch, 1)
        if self.t_mult == 1:
            step %= length
        while step >= length:
            step, length = step - length, length * self.t_mult
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * step / length)) / 2


@SCHEDULES.declare("cyclic", "torch.optim.lr_scheduler.CyclicLR")
class Cyclic(_Warmed):
    """Up to the optimizer's rate and down to `base` times it, over and over (Smith, 2015). Momentum stays as it is."""

    step_size_up = arg(PositiveInt, 2000, "steps of a rise")
    step_size_down = arg(Optional(PositiveInt), None, "steps of a fall; left out: as of a rise")
    base = arg(Factor, 0.1, "factor of the lowest rate")
    mode = arg(
        Choice("triangular", "triangular2", "exp_range"),
        "triangular",
        "`triangular2`: each cycle has half the height of the one before; `exp_range`: times `gamma` every step",
    )
    gamma = arg(Float(0, 1), 1.0, "factor of every step, for `exp_range`")
    warmup = arg(Warmup, 0, WARMUP)

    def validate(self) -> None:
        if self.base > 1:
            raise BadValue("the lowest rate is at most the optimizer's", ("base",))

    def after(self, step: int, total: int, per_epoch: int) -> float:
        down = self.step_size_down or self.step_size_up
        cycle, place = divmod(step, self.step_size_up + down)
        rising = place <= self.step_size_up
        height = place / self.step_size_up if rising else 1 - (place - self.step_size_up) / down
        scale = {"triangular": 1.0, "triangular2": 0.5**cycle, "exp_range": self.gamma**step}[self.mode]
        return float(self.base + (1 - self.base) * height * scale)


@SCHEDULES.declare("inverse_sqrt")
class InverseSqrt(_Warmed):
    """Falls as one over the root of the step, after a warm-up (Vaswani et al., 2017)."""

    warmup = arg(Warmup, 0, WARMUP)
    timescale = arg(
        Optional(PositiveInt),
        None,
        "steps after which the rate would be 0.707 of itself; left out: those of the warm-up",
    )

    def at(self, step: int, total: int, per_epoch: int) -> float:
        warm = self.warmup_steps(total)
        if step < warm:
            return (step + 1) / (warm + 1)
        scale = self.timescale or warm or 10_000
        return math.sqrt(scale / (scale + step - warm))


@SCHEDULES.declare("warmup_stable_decay")
class WarmupStableDecay(_Warmed):
    """The optimizer's rate, and in the last steps down to `final` times it (Hu et al., 2024)."""

    decay = arg(Warmup, 0.2, "share of all steps (0.2), or how many of them (500), that the fall takes")
    shape = arg(Choice("linear", "cosine", "sqrt"), "linear", "shape of the fall; `sqrt`: 1 minus the root")
    warmup = arg(Warmup, 0, WARMUP)
    final = arg(Factor, 0.0, "factor reached at the end")

    def at(self, step: int, total: int, per_epoch: int) -> float:
        warm = self.warmup_steps(total)
        if step < warm:
            return (step + 1) / (warm + 1)
        length = min(self.decay if isinstance(self.decay, int) else round(self.decay * total), total - warm)
        done = (step - (total - length)) / length if length else 0.0
        if done <= 0:
            return 1.0
        done = min(done, 1.0)
        left = {"linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2, "sqrt": 1 - math.sqrt(done)}
        return self.final + (1 - self.final) * left[self.shape]


@SCHEDULES.declare("reduce_on_plateau", "torch.optim.lr_scheduler.ReduceLROnPlateau")
class ReduceOnPlateau(_Warmed):
    """Times `factor` when a held-out value has not improved for `patience` epochs."""

    by_held_out = True
    monitor = arg(Optional(Str), None, MONITOR_DOC)
    factor = arg(Float(0, 1, open=True), 0.1, "factor of each change")
    patience = arg(NonNegativeInt, 10, "epochs without an improvement that are let pass")
    threshold = arg(NonNegativeFloat, 1e-4, "smallest change that is an improvement")
    threshold_mode = arg(Choice("rel", "abs"), "rel", "`rel`: as a share of the best value; `abs`: as it is")
    cooldown = arg(NonNegativeInt, 0, "epochs after a change in which none is counted")
    final = arg(Factor, 0.0, "the rate gets no lower than this times the optimizer's")
    eps = arg(NonNegativeFloat, 1e-8, "smaller changes are not made")
    warmup = arg(Warmup, 0, WARMUP)

    def after(self, step: int, total: int, per_epoch: int) -> float:
        return 1.0
