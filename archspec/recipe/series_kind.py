"""Time series as data: windows of a table's rows."""

from __future__ import annotations

from pathlib import Path

from archspec.ops.base import arg
from archspec.ops.kinds import BadValue, Bool, ListOf, Optional, PositiveInt, Refined, Str, show
from archspec.recipe.columns import Columns
from archspec.recipe.data_kinds import DATA, Holdout, Path_
from archspec.recipe.files import DataError
from archspec.recipe.model import DataFacts, DataKind, Field


@DATA.declare("series")
class Series(DataKind):
    """Windows of a time series: `features` float32[B, lags, columns], and the rows after them, `target`
    float32[B, horizon] (of several columns float32[B, horizon, columns]). The end of the series is held out."""

    countable = False
    targets = ("target",)
    path = arg(Path_, doc="a csv, npz or parquet file of columns, its rows in order of time")
    target = arg(ListOf(Str, 1, lone=True, title="a column name"), doc="the column to forecast, or several")
    lags = arg(PositiveInt, doc="rows that a forecast is made from")
    horizon = arg(PositiveInt, 1, "rows that are forecast")
    features = arg(Optional(ListOf(Str, 1, lone=True)), None, "the columns to forecast from; left out: the targets")
    time = arg(Optional(Str), None, "a column of times (numbers or ISO dates), which must rise from row to row")
    stride = arg(PositiveInt, 1, "rows from the start of one window to the next")
    standardize = arg(
        Bool,
        True,
        "bring each column to mean 0 and deviation 1, by the rows trained on; loss and metrics are of these values, "
        "`archspec predict` brings forecasts back",
    )
    delimiter = arg(
        Refined(Str, lambda text: None if len(text) == 1 else "one character"), ",", "what separates values of a csv"
    )
    holdout = arg(
        Holdout, 0.2, "share of the rows, at the end, whose forecasts are held out; not used with `validation`"
    )
    validation = arg(Optional(Path_), None, "held-out series, of the same columns")

    def validate(self) -> None:
        for key in ("target", "features"):
            names = getattr(self, key) or ()
            for position, name in enumerate(names):
                if name in names[:position]:
                    raise BadValue(f"{show(name)} is there twice", (key, position))

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(self.features or self.target)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are read: the inputs, and the targets that are none of them."""
        return (*self.inputs, *(name for name in self.target if name not in self.inputs))

    def held_out(self, rows: int) -> int:
        """How many rows of a file are held out."""
        return 0 if self.validation is not None else min(max(round(rows * self.holdout), self.horizon), rows)

    def peek(self, base: Path) -> DataFacts:
        for argument in ("path", "validation") if self.validation is not None else ("path",):
            path = base / getattr(self, argument)
            table = Columns(path, self.delimiter, argument)
            table.check(tuple(self.target), "target")
            table.check(self.inputs, "features")
            if self.time is not None:
                table.check((self.time,), "time")
            needed = self.lags + self.horizon + self.held_out(table.rows)
            if table.rows < needed:
                rest = (
                    f" and {self.held_out(table.rows):,} are held out"
                    if argument == "path" and not self.validation
                    else ""
                )
                message = f"{table.rows:,} rows are too few: a window has {self.lags + self.horizon:,}{rest}"
                raise DataError(message, path, argument="lags" if argument == "path" else argument)
        target = (self.horizon,) if len(self.target) == 1 else (self.horizon, len(self.target))
        fields = (Field("features", "float32", (self.lags, len(self.inputs))), Field("target", "float32", target))
        return DataFacts(fields, columns=self.columns)
