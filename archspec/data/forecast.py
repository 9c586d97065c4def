"""What a forecast is made from: the last rows of each series of a file; and forecasts in the units of their columns."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from archspec.data.series import Static
from archspec.data.series_rows import Rows
from archspec.data.table import statistics
from archspec.ops.kinds import show
from archspec.recipe.files import DataError
from archspec.recipe.model import DataFacts
from archspec.recipe.series_kind import Series


class Origin(NamedTuple):
    """Where a sample is from. `id`: its series, None where the table is one. `mean`, `std`: of the targets, float32."""

    id: str | None
    mean: Tensor | None
    std: Tensor | None

    def restore(self, values: Tensor) -> Tensor:
        """Forecasts [horizon] or [horizon, targets] in the units of the columns."""
        if self.mean is None or self.std is None:
            return values
        return values * self.std + self.mean if len(self.mean) > 1 else values * self.std[0] + self.mean[0]


class Ends:
    """The last rows of the series of a file. Raises DataError, as every method does."""

    def __init__(self, kind: Series, facts: DataFacts, path: Path) -> None:
        self.kind, self.facts, self.path = kind, facts, path
        read = kind.columns  # a new series is standardised by its targets, too
        if kind.standardize != "series":
            read = tuple(name for name in read if name in kind.inputs or name in kind.ahead)
        self.rows = Rows(kind, path, "path", (*read, *kind.static))
        ahead = kind.horizon if kind.ahead else 0
        for name, length in zip(self.rows.ids, self.rows.lengths.tolist(), strict=True):
            if length < kind.lags + ahead:
                more = f" and {ahead:,} after them, for which `future_covariates` are known" if ahead else ""
                message = f"a forecast is made from {kind.lags:,} rows{more}, and it has {length:,}"
                raise DataError(message if kind.id is None else f"series {show(name)}: {message}", path)
        for faults in (self.rows.late(), self.rows.changing()):
            for error in faults.values():
                raise error
        self.behind = torch.from_numpy(self.rows.first + self.rows.lengths)  # the place after the last row
        self.now = self.behind - ahead

    def part(self, places: Tensor, names: tuple[str, ...]) -> Tensor:
        """The values at places int64[series, rows], float32[series, rows, names]; each must be there."""
        columns = torch.tensor([self.rows.names.index(name) for name in names], dtype=torch.int64)
        values = self.rows.values[places][..., columns]
        missing = values.isnan().nonzero()
        if len(missing):
            series, row, column = missing[0].tolist()
            cell = (int(places[series, row]), int(columns[column]))
            raise self.rows.unfit({series: cell})[series]
        return values

    def scales(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation of the columns of the kind, float64[series, columns]."""
        kind, facts = self.kind, self.facts
        if facts.mean is None or facts.std is None:
            raise DataError("the run does not say how the columns were standardised")
        count, each = len(kind.columns), []
        for series, name in enumerate(self.rows.ids):
            scale: tuple[tuple[float, ...], tuple[float, ...]] | None = (facts.mean[:count], facts.std[:count])
            if kind.standardize == "series":
                scale = (facts.scales or {}).get(name)
            if scale is None:  # a new series: by all that is known of it
                known = torch.arange(int(self.rows.first[series]), int(self.now[series]))
                scale = statistics(self.part(known[None], kind.columns)[0])
            each.append(scale)
        both = torch.tensor(each, dtype=torch.float64)
        return both[:, 0], both[:, 1]


def last_windows(kind: Series, facts: DataFacts, path: Path) -> tuple[dict[str, Tensor], list[Origin]]:
    """The last rows of each series of a file, to forecast what comes after: the fields but the target, and where each
    sample is from. Raises DataError."""
    ends = Ends(kind, facts, path)
    past = ends.part(ends.now[:, None] + torch.arange(-kind.lags, 0), kind.inputs)
    future = ends.part(ends.now[:, None] + torch.arange(kind.horizon if kind.ahead else 0), kind.ahead)
    static = ends.part(ends.behind[:, None] - 1, kind.static)[:, 0]
    origins = [Origin(None if kind.id is None else name, None, None) for name in ends.rows.ids]
    if kind.standardize:
        means, stds = ends.scales()

        def scaled(values: Tensor, names: tuple[str, ...]) -> Tensor:
            places = [kind.columns.index(name) for name in names]
            return ((values.double() - means[:, None, places]) / stds[:, None, places]).float()

        past, future = scaled(past, kind.inputs), scaled(future, kind.ahead)
        assert facts.mean is not None and facts.std is not None
        mean, std = (torch.tensor(n[len(kind.columns) :], dtype=torch.float64) for n in (facts.mean, facts.std))
        static = ((static.double() - mean) / std).float()
        goals = [kind.columns.index(name) for name in kind.target]
        origins = [
            Origin(origin.id, mean[goals].float(), std[goals].float())
            for origin, mean, std in zip(origins, means, stds, strict=True)
        ]
    fields = {"features": past, **Static(static, ends.rows.categories(facts)).of(torch.arange(len(origins)))}
    return ({**fields, "future_covariates": future} if kind.ahead else fields), origins
