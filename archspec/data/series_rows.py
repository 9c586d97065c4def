"""The rows of a table of time series, series by series, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from archspec.ops.kinds import show
from archspec.recipe.columns import Columns, Labels
from archspec.recipe.files import DataError
from archspec.recipe.model import DataFacts
from archspec.recipe.series_kind import Series


class Rows:
    """The rows of a file in order of its series, and within each as they are in the file.

    `ids`: of the series ("" where the table is one); `first` and `lengths`: where their rows are, int64[series].
    `values`: float32[rows, names], NaN where there is none. Raises DataError.
    """

    def __init__(self, kind: Series, path: Path, argument: str, names: tuple[str, ...]) -> None:
        self._kind = kind
        self._table = Columns(path, kind.delimiter, argument)
        kind.check_columns(self._table, names)
        labels = Labels(np.zeros(self._table.rows, dtype=np.int64), [""])
        if kind.id is not None:
            labels = self._table.labels(kind.id)
        self.ids = labels.names
        self._order = np.argsort(labels.codes, kind="stable")
        self._codes = labels.codes[self._order]
        self.lengths = np.bincount(labels.codes, minlength=len(self.ids))
        self.first = np.cumsum(self.lengths) - self.lengths
        self.names = names
        self.values = torch.from_numpy(self._table.numbers(names)[self._order])

    def categories(self, facts: DataFacts) -> dict[str, Tensor]:
        """The static categories by their numbers: {name: int64[series]}. Raises DataError for one that is not known."""
        out = {}
        for name, known in (facts.categories or {}).items():
            labels = self._table.labels(name)
            numbers = {category: number for number, category in enumerate(known)}
            for category in labels.names:
                if category not in numbers:
                    row = int(np.argmax(labels.codes == labels.names.index(category)))
                    message = f"{show(category)} in column {show(name)} is not in the data trained on"
                    raise self._table.at({row: message})[row]
            mine = [labels.names[code] for code in labels.codes[self._order[self.first]].tolist()]
            out[name] = torch.tensor([numbers[category] for category in mine], dtype=torch.int64)
        return out

    def faults(self) -> dict[int, DataError]:
        """{series: the first thing that is wrong with it}: a value, a time, or what is static and changes."""
        return {**self.changing(), **self.late(), **self._unfit()}

    def _unfit(self) -> dict[int, DataError]:
        places = self._firsts(self.values.isnan().any(1).numpy())
        return self.unfit({series: (k, int(self.values[k].isnan().int().argmax())) for series, k in places.items()})

    def unfit(self, cells: dict[int, tuple[int, int]]) -> dict[int, DataError]:
        """{series: what is wrong with its value at (row, column) of `values`, which is NaN}."""
        rows = {series: int(self._order[place]) for series, (place, _) in cells.items()}
        found = self._table.unfit({rows[series]: self.names[column] for series, (_, column) in cells.items()})
        return {series: found[row] for series, row in rows.items()}

    def late(self) -> dict[int, DataError]:
        """{series: the first time in it that does not rise}."""
        if self._kind.time is None:
            return {}
        times = self._table.times(self._kind.time)[self._order]
        bad = np.isnan(times)
        bad[1:] |= ~(times[1:] > times[:-1]) & (self._codes[1:] == self._codes[:-1])
        rows = {series: int(self._order[place]) for series, place in self._firsts(bad).items()}
        found = self._table.late(set(rows.values()), self._kind.time)
        return {series: found[row] for series, row in rows.items()}

    def changing(self) -> dict[int, DataError]:
        """{series: the first row at which something static is not what it was}."""
        rows, messages = {}, {}
        for name in (*self._kind.static, *(self._kind.static_categories or ())):
            if name in self._kind.static:
                column = self.values[:, self.names.index(name)].numpy()
            else:
                column = self._table.labels(name).codes[self._order]
            for series, place in self._firsts(column != column[self.first[self._codes]]).items():
                rows[series] = row = int(self._order[place])
                messages[row] = f"{show(name)} is static, and changes within a series"
        found = self._table.at(messages)
        return {series: found[row] for series, row in rows.items()}

    def _firsts(self, bad: Any) -> dict[int, int]:
        """{series: the place of the first row of it that is bad}."""
        places = np.flatnonzero(bad)
        series, which = np.unique(self._codes[places], return_index=True)
        return dict(zip(series.tolist(), places[which].tolist(), strict=True))
