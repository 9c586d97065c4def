"""Time series as data: windows of a table's rows, of one series or of many told apart by a column."""

from __future__ import annotations

from pathlib import Path

from archspec.ops.base import arg
from archspec.ops.kinds import BadValue, Bool, Choice, ListOf, OneOf, Optional, PositiveInt, Refined, Str, show
from archspec.recipe.columns import Columns
from archspec.recipe.data_kinds import DATA, Guardable, Holdout, Path_, numbers_first
from archspec.recipe.files import MAX_CLASSES, DataError
from archspec.recipe.model import DataFacts, Field

MAX_SERIES = 1_000_000
FIELDS = ("features", "target", "future_covariates", "static_covariates")
Names = Optional(ListOf(Str, 1, lone=True))


@DATA.declare("series")
class Series(Guardable):
    """Windows of time series: `features` float32[B, lags, columns], and the rows after them, `target`
    float32[B, horizon] (of several columns float32[B, horizon, columns]). The end of each series is held out. A table
    of many series, one below the other or mixed, has an `id`: no window holds rows of two of them. A series with too
    few rows for a window and what is held out is set aside, with its id and the reason in `quarantine.jsonl`."""

    countable = False
    whole = True
    targets = ("target",)
    path = arg(Path_, doc="a csv, npz or parquet file of columns, the rows of a series in order of time")
    target = arg(ListOf(Str, 1, lone=True, title="a column name"), doc="the column to forecast, or several")
    lags = arg(PositiveInt, doc="rows that a forecast is made from")
    horizon = arg(PositiveInt, 1, "rows that are forecast")
    id = arg(Optional(Str), None, "a column that names the series of each row; left out: the table is one series")
    features = arg(Names, None, "the columns to forecast from; left out: the targets")
    future_covariates = arg(
        Names,
        None,
        "columns known ahead (a holiday, a price): `future_covariates` float32[B, horizon, columns], of the rows that "
        "are forecast; `archspec predict` reads them from `horizon` rows after the last known ones",
    )
    static_covariates = arg(
        Names, None, "columns of numbers that stay what they are in a series: `static_covariates` float32[B, columns]"
    )
    static_categories = arg(
        Names,
        None,
        "columns of names that stay what they are in a series (a shop, `id` itself): each is a field of its name, "
        "int64[B], for an embedding",
    )
    time = arg(Optional(Str), None, "a column of times (numbers or ISO dates), which must rise along each series")
    stride = arg(PositiveInt, 1, "rows from the start of one window to the next")
    standardize = arg(
        OneOf(Bool, Choice("series")),
        True,
        "bring each column to mean 0 and deviation 1, by the rows trained on: those of all series, or with `series` "
        "those of its own; loss and metrics are of these values, `archspec predict` brings forecasts back",
    )
    delimiter = arg(
        Refined(Str, lambda text: None if len(text) == 1 else "one character"), ",", "what separates values of a csv"
    )
    holdout = arg(
        Holdout,
        0.2,
        "share of the rows, at the end of each series, whose forecasts are held out; not used with `validation`",
    )
    validation = arg(Optional(Path_), None, "held-out series, of the same columns")
    on_bad_sample = arg(
        Choice("stop", "quarantine"),
        "stop",
        "`stop`: a value that is missing or not finite, or a time that does not rise, is an error; `quarantine`: its "
        "series is set aside, as one that is too short always is",
    )
    bad_share = arg(
        Guardable.args["bad_share"].kind, 0.01, "share of the series that may be set aside so; one may always be"
    )

    def validate(self) -> None:
        for key in ("target", "features", "future_covariates", "static_covariates", "static_categories"):
            names = getattr(self, key) or ()
            for position, name in enumerate(names):
                if name in names[:position]:
                    raise BadValue(f"{show(name)} is there twice", (key, position))
                if key == "future_covariates" and name in self.target:
                    raise BadValue(f"{show(name)} is the target, which is not known ahead", (key, position))
                if key == "static_categories" and name in FIELDS:
                    raise BadValue(f"{show(name)} is the name of another field", (key, position), "rename the column")
        if self.id is None:
            for key in ("static_covariates", "static_categories"):
                if getattr(self, key):
                    raise BadValue("of one series these say nothing", (key,), "name the column of series: `id: …`")
            if self.on_bad_sample == "quarantine":
                raise BadValue("a series is set aside whole, and there is one", ("on_bad_sample",), "`id: …` has more")

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(self.features or self.target)

    @property
    def ahead(self) -> tuple[str, ...]:
        return tuple(self.future_covariates or ())

    @property
    def static(self) -> tuple[str, ...]:
        return tuple(self.static_covariates or ())

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that change along a series: the inputs first, and each once."""
        return tuple(dict.fromkeys((*self.inputs, *self.target, *self.ahead)))

    def held_out(self, rows: int) -> int:
        """How many rows of a series are held out."""
        return 0 if self.validation is not None else min(max(round(rows * self.holdout), self.horizon), rows)

    def too_short(self, rows: int, argument: str = "path") -> str | None:
        """Why a series of the file at `argument` has too few rows, or None."""
        held = self.held_out(rows) if argument == "path" else 0
        if rows >= self.lags + self.horizon + held:
            return None
        rest = f" and {held:,} are held out" if held else ""
        return f"{rows:,} rows are too few: a window has {self.lags + self.horizon:,}{rest}"

    def peek(self, base: Path) -> DataFacts:
        categories: dict[str, tuple[str, ...]] = {}
        for argument in ("path", "validation") if self.validation is not None else ("path",):
            table = Columns(base / getattr(self, argument), self.delimiter, argument)
            self.check_columns(table, (*self.target, *self.inputs))
            self._check_lengths(table)
            for name in (self.static_categories or ()) if argument == "path" else ():
                names = table.labels(name).names
                if len(names) > MAX_CLASSES:
                    message = f"more than {MAX_CLASSES:,} names in {show(name)}"
                    raise DataError(message, table.path, argument="static_categories")
                categories[name] = tuple(sorted(names, key=numbers_first))
        target = (self.horizon,) if len(self.target) == 1 else (self.horizon, len(self.target))
        fields = [Field("features", "float32", (self.lags, len(self.inputs))), Field("target", "float32", target)]
        if self.ahead:
            fields.append(Field("future_covariates", "float32", (self.horizon, len(self.ahead))))
        if self.static:
            fields.append(Field("static_covariates", "float32", (len(self.static),)))
        fields += [Field(name, "int64", (), len(names)) for name, names in categories.items()]
        return DataFacts(tuple(fields), columns=(*self.columns, *self.static), categories=categories or None)

    def check_columns(self, table: Columns, read: tuple[str, ...]) -> None:
        """Raises DataError, at its argument, for a column of `read` or a further one that the table does not have."""
        for key in ("target", "features", "future_covariates", "static_covariates", "static_categories"):
            names = getattr(self, key) or ()
            table.check(tuple(name for name in names if key not in ("target", "features") or name in read), key)
        for key in ("id", "time"):
            if (name := getattr(self, key)) is not None:
                table.check((name,), key)

    def _check_lengths(self, table: Columns) -> None:
        """Raises DataError where no series is long enough."""
        import numpy as np

        lengths, names = [table.rows], [""]
        if self.id is not None:
            labels = table.labels(self.id)
            lengths, names = np.bincount(labels.codes, minlength=1).tolist(), labels.names
            if len(names) > MAX_SERIES:
                raise DataError(f"more than {MAX_SERIES:,} series", table.path, argument="id")
        reason = self.too_short(longest := max(lengths), table.argument)
        if reason is None:
            return
        if len(names) > 1:
            name = names[lengths.index(longest)]
            reason = f"all {len(names):,} series are too short, and the longest is {show(name)}: {reason}"
        raise DataError(reason, table.path, argument="lags" if table.argument == "path" else table.argument)
