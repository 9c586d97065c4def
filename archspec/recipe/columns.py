"""Columns of numbers by name, from csv, npz and parquet files alike. Torch-free; nothing is unpickled."""

from __future__ import annotations

import math
from array import array
from datetime import datetime
from pathlib import Path
from typing import Any

from archspec.diagnostics.suggest import did_you_mean
from archspec.ops.kinds import show
from archspec.recipe.files import CSV_SUFFIXES, MAX_ARRAY, DataError, csv_rows, npz_headers, read_array
from archspec.recipe.parquet import parquet_column, parquet_columns, parquet_rows

SUFFIXES = (*CSV_SUFFIXES, ".npz", ".parquet")
LARGEST = 3.4028234663852886e38  # of float32


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
        """float32[rows, names], as numpy; every value is there, and finite."""
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
            bad = ~(np.abs(column.astype(np.float64)) <= LARGEST)
            if bad.any():
                message = f"row {int(np.argmax(bad))} of column {show(name)} is not a finite number"
                raise DataError(message, self.path, argument=self.argument)
            out[:, k] = column
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
        for line, cells in rows:
            for place in places:
                values.append(number(cells[place], header[place], self.path, line, self.argument))
        return np.frombuffer(values, dtype=np.float32).reshape(-1, len(names))

    def check_rising(self, name: str) -> None:
        """Raises DataError where a column of times does not rise from row to row."""
        import numpy as np

        if self.suffix in CSV_SUFFIXES:
            rows = csv_rows(self.path, self.delimiter, self.argument)
            place = next(rows).cells.index(name)
            before = -math.inf
            for line, cells in rows:
                now = _moment(cells[place], name, self.path, line, self.argument)
                if now <= before:
                    message = f"{show(cells[place])} in column {show(name)} is not later than the row before"
                    raise DataError(message, self.path, line, argument=self.argument, help=_SORT)
                before = now
            return
        column = self._column(name)
        if column.dtype.kind == "M":
            column = column.astype("datetime64[ns]").astype(np.int64)
        if column.dtype.kind not in "fiu":
            raise DataError(
                f"column {show(name)} is {column.dtype}: times are needed", self.path, argument=self.argument
            )
        late = ~(column[1:] > column[:-1])
        if late.any():
            message = f"row {int(np.argmax(late)) + 1} of column {show(name)} is not later than the row before"
            raise DataError(message, self.path, argument=self.argument, help=_SORT)


_SORT = "rows must be in order of time, each with a time of its own"


def number(text: str, column: str, path: Path, line: int, argument: str) -> float:
    """A cell of a csv file as a number that float32 holds. Raises DataError, at its line."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found) or abs(found) > LARGEST:
        what = (
            f"{show(text)} in column {show(column)} is not a finite number"
            if text.strip()
            else f"no value for {show(column)}"
        )
        raise DataError(what, path, line, argument=argument)
    return found


def _moment(text: str, column: str, path: Path, line: int, argument: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text.strip())
        return (found.replace(tzinfo=None) - (found.utcoffset() or _ZERO) - datetime(1970, 1, 1)).total_seconds()
    except (ValueError, OverflowError):
        message = (
            f"{show(text)} in column {show(column)} is neither a number nor a date as 2024-01-31 or 2024-01-31T12:00"
        )
        raise DataError(message, path, line, argument=argument) from None


_ZERO = datetime(1970, 1, 1) - datetime(1970, 1, 1)
