"""Data from csv files."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from archspec.ops.kinds import show
from archspec.recipe.columns import number
from archspec.recipe.data_kinds import Csv
from archspec.recipe.files import MAX_ARRAY, DataError, csv_rows
from archspec.recipe.model import DataFacts


def table(
    kind: Csv,
    facts: DataFacts,
    path: Path,
    argument: str = "path",
    *,
    targets: bool = True,
    bad: Callable[[DataError], None] | None = None,
) -> dict[str, Tensor]:
    """The features of a csv file, and its targets; features not yet standardised. Raises DataError at a bad row, or
    gives it to `bad` and leaves the row out."""
    rows = csv_rows(path, kind.delimiter, argument, bad)
    header = next(rows).cells
    assert facts.columns is not None
    wanted = [*facts.columns, *(kind.target if targets else ())]
    for name in wanted:
        if header.count(name) != 1:
            found = "no column is" if name not in header else "two columns are"
            raise DataError(f"{found} called {show(name)}", path, 1, argument=argument)
    places = [header.index(name) for name in facts.columns]
    goals = [header.index(name) for name in kind.target] if targets else []
    numbers: dict[str, int] | None = None
    if facts.classes is not None:
        numbers = {name: index for index, name in enumerate(facts.classes)}
    features, values, labels = array("f"), array("f"), array("q")
    count = 0
    for line, cells in rows:
        try:
            row = [number(cells[place], header[place], path, line, argument) for place in places]
            if goals and numbers is not None:
                label = numbers.get(cells[goals[0]].strip())
                if label is None:
                    message = f"{show(cells[goals[0]])} is not among the classes of {show(kind.target[0])}"
                    raise DataError(message, path, line, argument=argument)
                labels.append(label)
            else:
                values.extend([number(cells[place], header[place], path, line, argument) for place in goals])
        except DataError as error:
            if bad is None:
                raise
            bad(error)
            continue
        features.extend(row)
        count += 1
        if len(features) * 4 > MAX_ARRAY:
            raise DataError(f"more than {MAX_ARRAY:,} bytes of numbers", path, line, argument=argument)
    if not count:
        raise DataError("it has no rows but the column names", path, argument=argument)
    out = {"features": _tensor(features, torch.float32).view(count, len(places))}
    if goals:
        target = _tensor(labels, torch.int64) if numbers is not None else _tensor(values, torch.float32)
        out["target"] = target.view(count, len(goals)) if len(goals) > 1 else target
    return out


def _tensor(values: array, dtype: torch.dtype) -> Tensor:
    return torch.frombuffer(values, dtype=dtype).clone()


def statistics(features: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each column, in float64; a column of one value has deviation 1."""
    wide = features.double()
    mean, std = wide.mean(0), wide.std(0, correction=0)
    std = torch.where(std > 0, std, torch.ones_like(std))
    return tuple(mean.tolist()), tuple(std.tolist())


def standardise(features: Tensor, facts: DataFacts) -> Tensor:
    mean = torch.tensor(facts.mean, dtype=torch.float64)
    std = torch.tensor(facts.std, dtype=torch.float64)
    return ((features.double() - mean) / std).float()
