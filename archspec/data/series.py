"""Time series: windows of a table's rows, split by time."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from archspec.data.guard import Bad
from archspec.data.series_rows import Rows
from archspec.data.table import statistics
from archspec.ops.kinds import show
from archspec.recipe.files import DataError
from archspec.recipe.model import DataFacts
from archspec.recipe.series_kind import Series


class Static(NamedTuple):
    """What does not change along a series: float32[series, static covariates], and int64[series] by name."""

    covariates: Tensor
    categories: dict[str, Tensor]

    def of(self, series: Tensor) -> dict[str, Tensor]:
        """The fields of samples of these series (int64[n])."""
        out = {name: numbers[series] for name, numbers in self.categories.items()}
        return {"static_covariates": self.covariates[series], **out} if self.covariates.shape[1] else out


class SeriesSplit:
    """Windows of rows float32[n, columns] that lie one series below the other: see the fields of `Series`.

    `begin`, `lengths`, int64[series]: from where on, and of how many rows, each series has its windows; none crosses
    the end. `series`: their numbers in `static`.
    """

    def __init__(
        self, rows: Tensor, kind: Series, begin: Tensor, lengths: Tensor, series: Tensor, static: Static
    ) -> None:
        self.rows = rows
        self.kind = kind
        self._begin, self._series, self._static = begin, series, static
        windows = ((lengths - kind.lags - kind.horizon).div(kind.stride, rounding_mode="floor") + 1).clamp(min=0)
        self._behind = windows.cumsum(0)  # how many windows there are up to the end of each
        self._before = self._behind - windows
        self._past = torch.arange(kind.lags)
        self._future = torch.arange(kind.lags, kind.lags + kind.horizon)
        self._inputs = len(kind.inputs)
        self._targets = torch.tensor([kind.columns.index(name) for name in kind.target])
        self._ahead = torch.tensor([kind.columns.index(name) for name in kind.ahead], dtype=torch.int64)

    def __len__(self) -> int:
        return int(self._behind[-1]) if len(self._behind) else 0

    def take(self, indices: Tensor) -> dict[str, Tensor]:
        which = torch.searchsorted(self._behind, indices, right=True)
        starts = (self._begin[which] + (indices - self._before[which]) * self.kind.stride)[:, None]
        future = self.rows[starts + self._future]
        target = future[..., self._targets]
        out = {
            "features": self.rows[starts + self._past][..., : self._inputs],
            "target": target.squeeze(-1) if len(self._targets) == 1 else target,
            **self._static.of(self._series[which]),
        }
        return {**out, "future_covariates": future[..., self._ahead]} if len(self._ahead) else out


def open_series(
    kind: Series, facts: DataFacts, path: Path, other: Path | None
) -> tuple[SeriesSplit, SeriesSplit, DataFacts, list[Bad]]:
    """The windows to train on and those held out, the facts with the columns' statistics, and the series that are set
    aside. Raises DataError."""
    rows = Rows(kind, path, "path", (*kind.columns, *kind.static))
    series, bad = _sift(rows, kind, "path", path)
    first, lengths = torch.from_numpy(rows.first)[series], torch.from_numpy(rows.lengths)[series]
    cuts = torch.tensor([n - kind.held_out(n) for n in lengths.tolist()])
    if kind.standardize:
        facts = _measured(rows, kind, facts, series, first, cuts)
    whole, static = _scaled(rows, kind, facts, path, "path")
    train = SeriesSplit(whole, kind, first, cuts, series, static)
    if other is None:
        begin = (cuts - kind.lags).clamp(min=0)  # what the first row that is held out is forecast from
        return train, SeriesSplit(whole, kind, first + begin, lengths - begin, series, static), facts, bad
    rows = Rows(kind, other, "validation", (*kind.columns, *kind.static))
    series, more = _sift(rows, kind, "validation", other)
    first, lengths = torch.from_numpy(rows.first)[series], torch.from_numpy(rows.lengths)[series]
    whole, static = _scaled(rows, kind, facts, other, "validation")
    return train, SeriesSplit(whole, kind, first, lengths, series, static), facts, bad + more


def _sift(rows: Rows, kind: Series, argument: str, path: Path) -> tuple[Tensor, list[Bad]]:
    """The numbers of the series that have windows, and those set aside. Raises DataError for a fault where one is to
    stop, for more of them than there may be, and where no series is left."""
    faults = rows.faults()
    if faults and kind.on_bad_sample == "stop":
        raise min(faults.values(), key=lambda error: error.line or 0)
    if len(faults) > max(1, int(kind.bad_share * len(rows.ids))):
        series, error = next(iter(sorted(faults.items())))
        message = f"{len(faults):,} of {len(rows.ids):,} series are bad, and {kind.bad_share:.2%} may be set aside"
        message += f"; series {show(rows.ids[series])}: {error.message}"
        raise DataError(message, path, error.line, argument=argument, help="`bad_share` is how many may be bad")
    part = "train" if argument == "path" else "holdout"
    kept, bad = [], []
    for series, length in enumerate(rows.lengths.tolist()):
        reason = kind.too_short(length, argument)
        if series in faults:
            error = faults[series]
            reason = (f"line {error.line}: " if error.line else "") + error.message
        if reason is None:
            kept.append(series)
        else:
            bad.append(Bad(part, series, str(path), f"series {show(rows.ids[series])}: {reason}"))
    if not kept:
        raise DataError(f"no series is left: {bad[0].reason}", path, argument=argument)
    return torch.tensor(kept), bad


def _measured(rows: Rows, kind: Series, facts: DataFacts, series: Tensor, first: Tensor, cuts: Tensor) -> DataFacts:
    """The facts with the statistics of the rows trained on: of all of them, and of each series where it is asked."""
    trained = [slice(begin, begin + cut) for begin, cut in zip(first.tolist(), cuts.tolist(), strict=True)]
    columns = len(kind.columns)
    pooled = statistics(torch.cat([rows.values[part, :columns] for part in trained]))
    static = statistics(rows.values[first, columns:]) if kind.static else ((), ())
    facts = facts._replace(mean=pooled[0] + static[0], std=pooled[1] + static[1])
    if kind.standardize == "series":
        each = (statistics(rows.values[part, :columns]) for part in trained)
        facts = facts._replace(scales=dict(zip((rows.ids[k] for k in series.tolist()), each, strict=True)))
    return facts


def _scaled(rows: Rows, kind: Series, facts: DataFacts, path: Path, argument: str) -> tuple[Tensor, Static]:
    """The rows of all series and what is static in them, standardised as the facts say."""
    columns = len(kind.columns)
    values, static = rows.values[:, :columns], rows.values[torch.from_numpy(rows.first), columns:]
    if kind.standardize:
        assert facts.mean is not None and facts.std is not None
        mean, std = (torch.tensor(numbers, dtype=torch.float64) for numbers in (facts.mean, facts.std))
        static = ((static.double() - mean[columns:]) / std[columns:]).float()
        mean, std = mean[:columns].expand(len(rows.ids), -1), std[:columns].expand(len(rows.ids), -1)
        if facts.scales is not None:
            own = [facts.scales.get(name) for name in rows.ids]
            unknown = [name for name, scale in zip(rows.ids, own, strict=True) if scale is None]
            if unknown and argument == "validation":
                message = f"series {show(unknown[0])} is not one of `path`, by which it would be standardised"
                raise DataError(message, path, argument="validation")
            plain = ((0.0,) * columns, (1.0,) * columns)  # of one that is set aside
            both = torch.tensor([scale or plain for scale in own], dtype=torch.float64)
            mean, std = both[:, 0], both[:, 1]
        counts = torch.from_numpy(rows.lengths)
        mean, std = mean.repeat_interleave(counts, 0), std.repeat_interleave(counts, 0)
        values = ((values.double() - mean) / std).float()
    return values, Static(static, rows.categories(facts))
