"""Time series: windows of a table's rows, split by time."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from archspec.data.table import standardise, statistics
from archspec.recipe.columns import Columns
from archspec.recipe.files import DataError
from archspec.recipe.model import DataFacts
from archspec.recipe.series_kind import Series


class SeriesSplit:
    """Windows of rows float32[n, columns]: `features` [B, lags, inputs] and `target` [B, horizon(, targets)].

    A target lies in the rows from `first` on; what it is forecast from may lie before.
    """

    def __init__(self, rows: Tensor, kind: Series, first: int = 0) -> None:
        self.rows = rows
        self.kind = kind
        self.begin = max(0, first - kind.lags)
        self._past = torch.arange(kind.lags)
        self._future = torch.arange(kind.lags, kind.lags + kind.horizon)
        self._inputs = len(kind.inputs)
        self._targets = torch.tensor([kind.columns.index(name) for name in kind.target])

    def __len__(self) -> int:
        spare = len(self.rows) - self.begin - self.kind.lags - self.kind.horizon
        return max(0, spare // self.kind.stride + 1)

    def take(self, indices: Tensor) -> dict[str, Tensor]:
        starts = self.begin + indices[:, None] * self.kind.stride
        future = self.rows[starts + self._future][..., self._targets]
        target = future.squeeze(-1) if len(self._targets) == 1 else future
        return {"features": self.rows[starts + self._past][..., : self._inputs], "target": target}


def open_series(
    kind: Series, facts: DataFacts, path: Path, other: Path | None
) -> tuple[SeriesSplit, SeriesSplit, DataFacts]:
    """The windows to train on and those held out, and the facts with the columns' statistics. Raises DataError."""
    rows = _rows(kind, path, "path")
    cut = len(rows) - kind.held_out(len(rows))
    if kind.standardize:
        mean, std = statistics(rows[:cut])
        facts = facts._replace(mean=mean, std=std)
        rows = standardise(rows, facts)
    if other is None:
        return SeriesSplit(rows[:cut], kind), SeriesSplit(rows, kind, cut), facts
    held = _rows(kind, other, "validation")
    return SeriesSplit(rows, kind), SeriesSplit(standardise(held, facts) if kind.standardize else held, kind), facts


def _rows(kind: Series, path: Path, argument: str, columns: tuple[str, ...] | None = None) -> Tensor:
    table = Columns(path, kind.delimiter, argument)
    if kind.time is not None:
        table.check_rising(kind.time)
    return torch.from_numpy(table.numbers(kind.columns if columns is None else columns)).clone()


def last_window(kind: Series, facts: DataFacts, path: Path) -> Tensor:
    """The last rows of a file, to forecast what comes after: float32[1, lags, inputs]. Raises DataError."""
    table = Columns(path, kind.delimiter)
    table.check(kind.inputs, "features")
    if table.rows < kind.lags:
        raise DataError(f"a forecast is made from {kind.lags:,} rows, and it has {table.rows:,}", path)
    if kind.time is not None:
        table.check((kind.time,), "time")
        table.check_rising(kind.time)
    rows = torch.from_numpy(table.numbers(kind.inputs)[-kind.lags :]).clone()
    if kind.standardize:
        count = len(kind.inputs)
        if facts.mean is None or facts.std is None:
            raise DataError("the run does not say how the columns were standardised")
        rows = standardise(rows, facts._replace(mean=facts.mean[:count], std=facts.std[:count]))
    return rows[None]


def restore(values: Tensor, kind: Series, facts: DataFacts) -> Tensor:
    """Forecasts [..., horizon] or [..., horizon, targets] in the units of the columns."""
    if facts.mean is None or facts.std is None:
        return values
    places = [kind.columns.index(name) for name in kind.target]
    mean, std = (torch.tensor([numbers[k] for k in places]) for numbers in (facts.mean, facts.std))
    return values * std + mean if len(places) > 1 else values * std[0] + mean[0]
