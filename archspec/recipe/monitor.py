"""What a schedule, early stopping or the choice of checkpoints goes by: a value that each epoch gives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from archspec.diagnostics.model import Diagnostics, Span
from archspec.diagnostics.suggest import did_you_mean, rename
from archspec.recipe.model import MetricTerm

MONITOR_DOC = (
    "a value of each epoch: `loss` (held-out), `train_loss`, or a metric by its name (`val.` may stand before); "
    "left out: the first metric, or the held-out loss"
)


class Monitor(NamedTuple):
    """`name`: its key in an epoch's entry. `larger`: is a larger value better?"""

    name: str
    larger: bool

    def improves(self, value: float, best: float, least: float = 0.0) -> bool:
        """Is it better than `best` by more than `least`?"""
        return value > best + least if self.larger else value < best - least


def criterion(metrics: Iterable[MetricTerm]) -> Monitor:
    """What "best" means: the first metric, or else the held-out loss."""
    first = next(iter(metrics), None)
    return Monitor("loss", False) if first is None else Monitor(first.label, first.metric.best == "max")


def find(name: str | None, metrics: Iterable[MetricTerm]) -> Monitor | None:
    """The value of this name; without one, the first metric or the held-out loss. None for a name of nothing."""
    if name is None:
        return criterion(metrics)
    plain = {"train.loss": "train_loss"}.get(name, name.removeprefix("val."))
    return next((known for known in _known(metrics) if known.name == plain), None)


def check_monitor(
    name: str | None, metrics: Iterable[MetricTerm], span: Span, diagnostics: Diagnostics, what: str = "monitor"
) -> None:
    """AS503 for the name of nothing that an epoch gives."""
    if find(name, metrics) is not None or name is None:
        return
    known = [value.name for value in _known(metrics)]
    help = did_you_mean(name.removeprefix("val."), known) or f"each epoch gives {', '.join(known)}"
    diagnostics.error("AS503", span, f"`{what}`: no epoch gives `{name}`", help=help, fix=rename(name, known, span))


def _known(metrics: Iterable[MetricTerm]) -> list[Monitor]:
    return [
        Monitor("loss", False),
        Monitor("train_loss", False),
        *(Monitor(term.label, term.metric.best == "max") for term in metrics),
    ]
