"""Columns of numbers by name, from csv, npz and parquet files alike. Torch-free; nothing is unpickled."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from archspec.diagnostics.suggest import did_you_mean
from archspec.ops.kinds import show
from archspec.recipe.files import CSV_SUFFIXES, MAX_ARRAY, DataError, csv_rows, npz_headers, read_array
from archspec.recipe.parquet import parquet_column, parquet_columns, parquet_labels, parquet_nulls, parquet_rows

SUFFIXES = (*CSV_SUFFIXES, ".npz", ".parquet")
LARGEST = 3.4028234663852886e38  # of float32


class Labels(NamedTuple):
    """A column of names. `codes`: int64[rows], which of the `names` (in order of first appearance) each row has."""

    codes: Any
    names: list[str]


class Columns:
    """A file of columns. `names`: all of them; `rows`: how many rows. Raises DataError, as every method does."""

    def __init__(self, path: Path, delimiter: str = ",", argument: str = "path") -> None:
        self.path, self.delimiter, self.argument = path, delimiter, argument
        self.suffix = path.suffix.lower()
        if self.suffix in CSV_SUFFIXES:
            table = csv_rows(path, delimiter, argument)
            self.names = list(next(table).cells)
            self.rows = sum(1 for _ in table)
        elif self.suffix == ".npz":
            headers = npz_headers(path, argument)
            self.names = [name for name, header in headers.items() if len(header.shape) == 1]
            lengths = {headers[name].shape[0] for name in self.names}
            if len(lengths) != 1:
                raise DataError("columns are arrays of one axis and of one length", path, argument=argument)
            self.rows = lengths.pop()
        elif self.suffix == ".parquet":
            self.names, self.rows = list(parquet_columns(path, argument)), parquet_rows(path, argument)
        else:
            raise DataError(f"a table ends in {', '.join(SUFFIXES)}", path, argument=argument)

    def check(self, names: tuple[str, ...], argument: str) -> None:
        """Raises DataError, at `argument`, for a name that is not that of one column."""
        for name in names:
            if name not in self.names:
                help = did_you_mean(name, self.names) or f"its columns are {', '.join(self.names[:20])}"
                message = f"no column is called {show(name)}"
                raise DataError(message, self.path, argument=argument, help=help)
            if self.names.count(name) > 1:
                raise DataError(f"two columns are called {show(name)}", self.path, argument=argument)

    def numbers(self, names: tuple[str, ...]) -> Any:
        """float32[rows, names], as numpy: NaN for what is missing, no number, or not finite (see `unfit`)."""
        import numpy as np

        if self.rows * len(names) * 4 > MAX_ARRAY:
            raise DataError(f"more than {MAX_ARRAY:,} bytes of numbers", self.path, argument=self.argument)
        if self.suffix in CSV_SUFFIXES:
            return self._csv(names)
        out = np.empty((self.rows, len(names)), dtype=np.float32)
        for k, name in enumerate(names):
            column = self._column(name)
            if column.dtype.kind not in "fiub":
                raise DataError(
                    f"column {show(name)} is {column.dtype}: numbers are needed", self.path, argument=self.argument
                )
            known = np.abs(column.astype(np.float64)) <= LARGEST
            out[:, k] = column if known.all() else np.where(known, column, np.nan)
        return out

    def unfit(self, cells: Mapping[int, str]) -> dict[int, DataError]:
        """{row: what is wrong with the value of a column there, for which `numbers` gave NaN}."""
        out = {}
        if self.suffix in CSV_SUFFIXES:
            for row, (line, text) in self._cells(cells).items():
                try:
                    number(text, cells[row], self.path, line, self.argument)
                except DataError as error:
                    out[row] = error
            return out
        null: dict[str, Any] = {}
        if self.suffix == ".parquet":
            null = {name: parquet_nulls(self.path, name, self.argument) for name in set(cells.values())}
        for row, name in cells.items():
            message = f"row {row} of column {show(name)} is not a finite number"
            if name in null and null[name][row]:
                message = f"no value for {show(name)} in row {row}"
            out[row] = DataError(message, self.path, argument=self.argument)
        return out

    def _column(self, name: str) -> Any:
        if self.suffix == ".npz":
            return read_array(self.path, name, self.argument)
        return parquet_column(self.path, name, self.argument)

    def _csv(self, names: tuple[str, ...]) -> Any:
        import numpy as np

        rows = csv_rows(self.path, self.delimiter, self.argument)
        header = next(rows).cells
        places = [header.index(name) for name in names]
        values = array("f")
        for _, cells in rows:
            for place in places:
                values.append(_value(cells[place]))
        return np.frombuffer(values, dtype=np.float32).reshape(-1, len(names))

    def _cells(self, wanted: Mapping[int, str]) -> dict[int, tuple[int, str]]:
        """{row: (line, text)} of cells of a csv file."""
        rows = csv_rows(self.path, self.delimiter, self.argument)
        header = next(rows).cells
        return {k: (line, cells[header.index(wanted[k])]) for k, (line, cells) in enumerate(rows) if k in wanted}

    def labels(self, name: str) -> Labels:
        """A column of names: text, or whole numbers. Every row has one."""
        import numpy as np

        if self.suffix in CSV_SUFFIXES:
            rows = csv_rows(self.path, self.delimiter, self.argument)
            place = next(rows).cells.index(name)
            known: dict[str, int] = {}
            codes = array("q")
            for line, cells in rows:
                text = cells[place].strip()
                if not text:
                    raise DataError(f"no value for {show(name)}", self.path, line, argument=self.argument)
                codes.append(known.setdefault(text, len(known)))
            return Labels(np.frombuffer(codes, dtype=np.int64), list(known))
        if self.suffix == ".npz":
            column = read_array(self.path, name, self.argument)
            if column.dtype.kind not in "Uiu":
                message = f"column {show(name)} is {column.dtype}: names or whole numbers are needed"
                raise DataError(message, self.path, argument=self.argument)
            values, inverse = np.unique(column, return_inverse=True)
            texts = [str(value) for value in values.tolist()]
        else:
            inverse, texts = parquet_labels(self.path, name, self.argument)
        used, first = np.unique(inverse, return_index=True)
        order = used[np.argsort(first)]
        place_of = np.zeros(len(texts), dtype=np.int64)
        place_of[order] = np.arange(len(order))
        return Labels(place_of[inverse], [texts[k] for k in order.tolist()])

    def times(self, name: str) -> Any:
        """A column of times as numpy, float64[rows] or int64[rows]; NaN for what is none in a csv file."""
        import numpy as np

        if self.suffix in CSV_SUFFIXES:
            rows = csv_rows(self.path, self.delimiter, self.argument)
            place = next(rows).cells.index(name)
            return np.array([_moment(cells[place]) for _, cells in rows], dtype=np.float64)
        column = self._column(name)
        if column.dtype.kind == "M":
            return column.astype("datetime64[ns]").astype(np.int64)
        if column.dtype.kind not in "fiu":
            raise DataError(
                f"column {show(name)} is {column.dtype}: times are needed", self.path, argument=self.argument
            )
        return column

    def late(self, rows: set[int], name: str) -> dict[int, DataError]:
        """{row: what is wrong with its time, which is not later than the one before}."""
        if self.suffix not in CSV_SUFFIXES:
            message = f"of column {show(name)} is not later than the row before"
            return {
                row: DataError(f"row {row} {message}", self.path, argument=self.argument, help=_SORT) for row in rows
            }
        out = {}
        for row, (line, text) in self._cells(dict.fromkeys(rows, name)).items():
            message = f"{show(text)} in column {show(name)} is not later than the row before"
            help: str | None = _SORT
            if math.isnan(_moment(text)):
                what = "neither a number nor a date as 2024-01-31 or 2024-01-31T12:00"
                message, help = f"{show(text)} in column {show(name)} is {what}", None
            out[row] = DataError(message, self.path, line, argument=self.argument, help=help)
        return out

    def at(self, messages: Mapping[int, str]) -> dict[int, DataError]:
        """{row: an error there}, of messages by their rows."""
        if self.suffix not in CSV_SUFFIXES:
            return {k: DataError(f"row {k}: {text}", self.path, argument=self.argument) for k, text in messages.items()}
        cells = self._cells(dict.fromkeys(messages, self.names[0]))
        return {k: DataError(messages[k], self.path, line, argument=self.argument) for k, (line, _) in cells.items()}


_SORT = "rows must be in order of time, each with a time of its own"


def number(text: str, column: str, path: Path, line: int, argument: str, help: str | None = None) -> float:
    """A cell of a csv file as a number that float32 holds. Raises DataError, at its line; `help`: if it is text."""
    found = _value(text)
    if math.isnan(found):
        what = (
            f"{show(text)} in column {show(column)} is not a finite number"
            if text.strip()
            else f"no value for {show(column)}"
        )
        raise DataError(what, path, line, argument=argument, help=help if text.strip() else None)
    return found


def _value(text: str) -> float:
    """A number that float32 holds, or NaN."""
    try:
        found = float(text)
    except ValueError:
        return math.nan
    return found if abs(found) <= LARGEST else math.nan


def _moment(text: str) -> float:
    """A time in seconds, or the number that it is; NaN for what is neither."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text.strip())
        return (found.replace(tzinfo=None) - (found.utcoffset() or _ZERO) - datetime(1970, 1, 1)).total_seconds()
    except (ValueError, OverflowError):
        return math.nan


_ZERO = datetime(1970, 1, 1) - datetime(1970, 1, 1)
