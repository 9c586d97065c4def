"""Averages of the weights over the steps: what is evaluated, and kept, in their place."""

from __future__ import annotations

import math

from archspec.ops.base import arg
from archspec.ops.kinds import Choice, NonNegativeFloat, Optional, PositiveInt, Probability
from archspec.recipe.model import Average
from archspec.recipe.parts import Family
from archspec.recipe.schedules import Warmup

AVERAGES: Family[Average] = Family("average")
START = "share of all steps (0.75), or how many of them (500), before the first weights count"


def steps_of(given: int | float, total: int) -> int:
    """A share of all steps, or a number of them, as a number."""
    return min(given if isinstance(given, int) else round(given * total), total)


class _From(Average):
    """An average that begins at a step."""

    def first(self, total: int) -> int:
        return steps_of(self.start, total)


@AVERAGES.declare("ema", "torch.optim.swa_utils.AveragedModel")
class Ema(_From):
    """Exponential moving average of the weights; buffers are those of the last step."""

    decay = arg(Probability, 0.999, "share of the average that stays at each update")
    every = arg(PositiveInt, 1, "optimisation steps from one update to the next")
    start = arg(Warmup, 0, START)

    def counts(self, step: int, total: int, *, epoch: bool) -> bool:
        first = self.first(total)
        return not epoch and step > first and (step - first) % self.every == 0


@AVERAGES.declare("swa", "torch.optim.swa_utils.AveragedModel")
class Swa(_From):
    """Stochastic weight averaging (Izmailov et al., 2018): the mean of the weights at the end of each epoch.

    Before the average is evaluated, its batch norms gather their statistics anew from the training data.
    """

    fresh_statistics = True
    start = arg(Warmup, 0.75, START)
    lr = arg(Optional(NonNegativeFloat), None, "the rate from there on, as a factor; left out: that of the schedule")
    anneal = arg(Warmup, 0, "share of all steps, or how many of them, from the schedule's rate to this one")
    anneal_strategy = arg(Choice("cos", "linear"), "cos", "shape of the way there")

    def counts(self, step: int, total: int, *, epoch: bool) -> bool:
        return epoch and step > self.first(total)

    def at(self, step: int, total: int, rate: float, at_start: float) -> float:
        first = self.first(total)
        if self.lr is None or step < first:
            return rate
        length = steps_of(self.anneal, total)
        share = min((step - first) / length, 1.0) if length else 1.0
        if self.anneal_strategy == "cos":
            share = (1 - math.cos(math.pi * share)) / 2
        return self.lr * share + at_start * (1 - share)
