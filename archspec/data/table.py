"""Data from csv files."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

import torch
from torch import Tensor

from archspec.ops.kinds import show
from archspec.recipe.columns import number
from archspec.recipe.csv_kind import NAMES_HELP, Csv
from archspec.recipe.files import MAX_ARRAY, DataError, csv_rows
from archspec.recipe.model import DataFacts


class _Names:
    """A column of names, each of which `known` gives a number."""

    def __init__(self, column: str, known: tuple[str, ...], *, classes: bool) -> None:
        self.column = column
        self.numbers = {name: number for number, name in enumerate(known)}
        self.classes = classes

    def code(self, text: str, path: Path, line: int, argument: str) -> int:
        """The number of a cell. Raises DataError, at its line."""
        found = self.numbers.get(text.strip())
        if found is not None:
            return found
        if self.classes:
            message = f"{show(text)} is not among the classes of {show(self.column)}"
        elif text.strip():
            message = f"{show(text.strip())} in column {show(self.column)} is not in the data trained on"
        else:
            message = f"no value for {show(self.column)}"
        raise DataError(message, path, line, argument=argument)


def table(
    kind: Csv,
    facts: DataFacts,
    path: Path,
    argument: str = "path",
    *,
    only: Collection[str] | None = None,
    bad: Callable[[DataError], None] | None = None,
) -> dict[str, Tensor]:
    """The fields of a csv file (those of `only`: no other column is read); features not yet standardised. Raises
    DataError at a bad row, or gives it to `bad` and leaves the row out."""
    rows = csv_rows(path, kind.delimiter, argument, bad)
    header = next(rows).cells
    numeric, named = _columns(kind, facts, only)
    columns = [name for each in numeric.values() for name in ([each] if isinstance(each, str) else each)]
    place_of, counts = {name: place for place, name in enumerate(header)}, Counter(header)
    for name in (*columns, *(each.column for each in named.values())):
        if counts[name] != 1:
            found = "two columns are" if counts[name] else "no column is"
            raise DataError(f"{found} called {show(name)}", path, 1, argument=argument)
    places = [(place_of[name], name) for name in columns]
    coded = [(place_of[each.column], each) for each in named.values()]
    help = NAMES_HELP if only is None else None
    values, codes = array("f"), array("q")
    count = 0
    for line, cells in rows:
        try:
            row = [number(cells[place], name, path, line, argument, help) for place, name in places]
            codes.extend([each.code(cells[place], path, line, argument) for place, each in coded])
        except DataError as error:
            if bad is None:
                raise
            bad(error)
            continue
        values.extend(row)
        count += 1
        if len(values) * 4 + len(codes) * 8 > MAX_ARRAY:
            raise DataError(f"more than {MAX_ARRAY:,} bytes of numbers", path, line, argument=argument)
    if not count:
        raise DataError("it has no rows but the column names", path, argument=argument)
    widths = [1 if isinstance(each, str) else len(each) for each in numeric.values()]
    parts = _matrix(values, torch.float32, count).split(widths, 1)
    out = {}
    for (name, each), part in zip(numeric.items(), parts, strict=True):
        out[name] = part[:, 0].clone() if isinstance(each, str) else part.clone()
    for name, column in zip(named, _matrix(codes, torch.int64, count).unbind(1), strict=True):
        out[name] = column.clone()
    return out


def _columns(
    kind: Csv, facts: DataFacts, only: Collection[str] | None
) -> tuple[dict[str, str | tuple[str, ...]], dict[str, _Names]]:
    """{field: its columns} of numbers, and {field: its column} of names."""
    assert facts.columns is not None
    numeric, named = kind.features_by_field(facts.columns), {}
    for name in kind.categories or ():
        named[name] = _Names(name, facts.names(name) or (), classes=False)
    for name, columns in kind.targets_by_field.items():
        if kind.is_class(name):
            named[name] = _Names(str(columns), facts.names(name) or (), classes=True)
        else:
            numeric = {**numeric, name: columns}
    if only is None:
        return numeric, named
    return (
        {name: each for name, each in numeric.items() if name in only},
        {name: each for name, each in named.items() if name in only},
    )


def _matrix(values: array, dtype: torch.dtype, rows: int) -> Tensor:
    if not values:  # no column of this kind
        return torch.empty(rows, 0, dtype=dtype)
    return torch.frombuffer(values, dtype=dtype).view(rows, -1)


def statistics(features: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each column, in float64; a column of one value has deviation 1."""
    wide = features.double()
    mean, std = wide.mean(0), wide.std(0, correction=0)
    std = torch.where(std > 0, std, torch.ones_like(std))
    return tuple(mean.tolist()), tuple(std.tolist())


def measured(fields: dict[str, Tensor], kind: Csv, facts: DataFacts) -> DataFacts:
    """The facts with the statistics of the columns of all features."""
    assert facts.columns is not None
    names = kind.features_by_field(facts.columns)
    if not names:
        return facts._replace(mean=(), std=())
    mean, std = statistics(torch.cat([fields[name].view(len(fields[name]), -1) for name in names], 1))
    return facts._replace(mean=mean, std=std)


def standardise(fields: dict[str, Tensor], kind: Csv, facts: DataFacts) -> dict[str, Tensor]:
    """The fields, with those that are features of mean 0 and deviation 1 by the facts."""
    assert facts.columns is not None
    mean, std = (torch.tensor(numbers, dtype=torch.float64) for numbers in (facts.mean, facts.std))
    out, start = dict(fields), 0
    for name, columns in kind.features_by_field(facts.columns).items():
        place: int | slice = start if isinstance(columns, str) else slice(start, start + len(columns))
        start += 1 if isinstance(columns, str) else len(columns)
        if name in fields:
            out[name] = ((fields[name].double() - mean[place]) / std[place]).float()
    return out
