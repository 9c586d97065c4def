"""Tables as data: a csv file whose columns are numbers or names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from archspec.diagnostics.suggest import did_you_mean
from archspec.ops.base import arg
from archspec.ops.kinds import BadValue, Bool, Choice, ListOf, OneOf, Optional, Refined, Str, show
from archspec.recipe.by_name import ByName, OrByName
from archspec.recipe.columns import number
from archspec.recipe.data_kinds import DATA, HOLDOUT, VALIDATION, Guardable, Holdout, Path_, numbers_first
from archspec.recipe.files import MAX_CLASSES, CsvRow, DataError, csv_rows
from archspec.recipe.model import DataFacts, Field

Names = tuple[str, ...]
Fields = ByName(OneOf(Str, ListOf(Str, 1)), "a mapping of names to a column, or to a list of them", 1)
Task = Choice("class", "regression")
NAMES_HELP = "columns of names go to `categories`"
ROLES = {"target": "the target", "categories": "one of the categories"}


@DATA.declare("csv")
class Csv(Guardable):
    """A table with a row of column names: `features` float32[B, columns] and `target` (a class, or numbers).

    Columns of names (or of whole numbers that stand for something) are `categories`, a field each. `features` and
    `target` may be mappings, `{field: column}` or `{field: [columns]}`: each is then a field of its name, of one number
    a sample, or of as many as the list has. What the file at `path` does not have (a class, a category) is an error
    in held-out data and in prediction.
    """

    whole = True
    path = arg(Path_, doc="a csv file in UTF-8")
    target = arg(
        OrByName(ListOf(Str, 1, lone=True, title="a column name"), Fields),
        doc="the column to predict; for `task: regression` several. `{income: pay, hours: hours}`: a field each, for "
        "the losses of several outputs",
    )
    features = arg(
        Optional(OrByName(ListOf(Str, 1), Fields)),
        None,
        "the columns of numbers to predict from; left out: all that are neither target nor categories. "
        "`{age: age, money: [gain, loss]}`: `age` float32[B] and `money` float32[B, 2]",
    )
    categories = arg(
        Optional(ListOf(Str, 1, lone=True)),
        None,
        "columns of names to predict from: each is a field of its name, int64[B], for an embedding; names are numbered "
        "as they are sorted",
    )
    task = arg(
        OrByName(Task, ByName(Task, "a mapping of names to these", 1)),
        "class",
        "`class`: the target names classes; `regression`: it is a number; of several targets "
        "`{income: class, hours: regression}`",
    )
    delimiter = arg(
        Refined(Str, lambda text: None if len(text) == 1 else "one character"), ",", "what separates values"
    )
    standardize = arg(Bool, False, "bring each column of `features` to mean 0 and deviation 1, by the training split")
    holdout = arg(Holdout, 0.2, HOLDOUT)
    validation = arg(Optional(Path_), None, VALIDATION)

    def validate(self) -> None:
        self._check_task()
        role: dict[str, str] = {}
        for key in ("target", "categories", "features"):
            for column, path in _places(key, getattr(self, key)):
                if column in role:
                    what = "there twice" if role[column] == key else ROLES[role[column]]
                    raise BadValue(f"{show(column)} is {what}", path)
                role[column] = key
        taken: set[str] = set()
        fields: list[tuple[str, tuple[str | int, ...]]] = []
        for key in ("features", "target"):
            given = getattr(self, key)
            if isinstance(given, dict):
                fields += [(name, (key, name)) for name in given]
            else:
                taken.add(key)
        fields += [(name, ("categories", position)) for position, name in enumerate(self.categories or ())]
        for name, path in fields:
            if name in taken:
                help = "rename the column" if path[0] == "categories" else None
                raise BadValue(f"{show(name)} is the name of another field", path, help)
            taken.add(name)

    def _check_task(self) -> None:
        by_name = isinstance(self.target, dict)
        if isinstance(self.task, dict):
            if not by_name:
                raise BadValue("a task for each name is for targets by name", ("task",), "`target: {field: column}`")
            for name in self.task:
                if name not in self.target:
                    raise BadValue(f"no target is called {show(name)}", ("task", name), did_you_mean(name, self.target))
            for name in self.target:
                if name not in self.task:
                    raise BadValue(f"it does not say what {show(name)} is", ("task",))
        for name, columns in self.targets_by_field.items():
            if self.is_class(name) and not isinstance(columns, str):
                path = ("target", name) if by_name else ("target",)
                raise BadValue("a class is one column", path, "say `task: regression` for several numbers")

    @property
    def targets(self) -> Names:
        return tuple(self.targets_by_field)

    @property
    def targets_by_field(self) -> dict[str, str | Names]:
        """{field: its column, or its columns side by side}."""
        if isinstance(self.target, dict):
            return self.target
        return {"target": self.target[0] if len(self.target) == 1 else self.target}

    def features_by_field(self, columns: Names) -> dict[str, str | Names]:
        """The same of the features. `columns`: all of their columns, in order (`DataFacts.columns`)."""
        if isinstance(self.features, dict):
            return self.features
        return {"features": columns} if columns else {}

    def is_class(self, target: str) -> bool:
        """Does a field of the targets name classes?"""
        return (self.task[target] if isinstance(self.task, dict) else self.task) == "class"

    def peek(self, base: Path) -> DataFacts:
        path = base / self.path
        aside = self.on_bad_sample == "quarantine"
        rows = csv_rows(path, self.delimiter, bad=(lambda _: None) if aside else None)
        header = next(rows).cells
        columns = self._columns(header, path)
        first = next(rows, None)
        rows = chain([first] if first else [], rows)
        features = self.features_by_field(columns)
        targets = self.targets_by_field
        classes = {name: str(column) for name, column in targets.items() if self.is_class(name)}
        categories = {name: name for name in self.categories or ()}
        names: dict[str, Names] = {}
        samples = None
        if categories or classes:
            names, samples = self._names(rows, header, path, categories, classes)
        if first and not aside:
            self._check_numbers(first, header, columns, path)
        fields = [Field(name, "float32", _shape(each)) for name, each in features.items()]
        for name, each in (*categories.items(), *targets.items()):
            known = names.get(name)
            fields.append(Field(name, "int64", (), len(known)) if known else Field(name, "float32", _shape(each)))
        only = None if isinstance(self.target, dict) else names.pop("target", None)
        return DataFacts(tuple(fields), samples, only, columns=columns, categories=names or None)

    def _columns(self, header: list[str], path: Path) -> Names:
        """The columns of the features. Raises DataError for any column that the table does not have."""
        known = Counter(header)
        if len(known) != len(header):
            twice = next(name for name, count in known.items() if count > 1)
            raise DataError(f"two columns are called {show(twice)}", path, 1)
        named: dict[str, list[str]] = {}
        for key in ("target", "categories", "features"):
            named[key] = [name for name, _ in _places(key, getattr(self, key))]
            for name in named[key]:
                if name not in known:
                    help = did_you_mean(name, header) or f"its columns are {', '.join(header[:20])}"
                    raise DataError(f"no column is called {show(name)}", path, 1, argument=key, help=help)
        if self.features is not None:
            return tuple(named["features"])
        apart = {*named["target"], *named["categories"]}
        others = tuple(name for name in header if name not in apart)
        if not others and not self.categories:
            raise DataError("there is no column but the target", path, 1)
        return others

    def _check_numbers(self, row: CsvRow, header: list[str], columns: Names, path: Path) -> None:
        """Raises DataError where a row has no number in a column of the features."""
        cells = dict(zip(header, row.cells, strict=True))
        argument = "path" if self.features is None else "features"
        for name in columns:
            number(cells[name], name, path, row.line, argument, NAMES_HELP)

    def _names(
        self, rows: Iterator[CsvRow], header: list[str], path: Path, categories: dict[str, str], classes: dict[str, str]
    ) -> tuple[dict[str, Names], int]:
        """The names that each of these fields has, sorted, and how many rows there are. Raises DataError."""
        columns = {**categories, **classes}
        places = [header.index(column) for column in columns.values()]
        found: dict[str, set[str]] = {name: set() for name in columns}
        known = list(found.values())
        samples = 0
        for line, cells in rows:
            row = [cells[place].strip() for place in places]
            if not all(row):
                if self.on_bad_sample == "quarantine":
                    continue
                raise DataError(f"no value for {show(header[places[row.index('')]])}", path, line)
            samples += 1
            for k, text in enumerate(row):
                if text not in known[k]:
                    known[k].add(text)
                    if len(known[k]) > MAX_CLASSES:
                        raise _too_many(header[places[k]], path, line, classes=k >= len(categories))
        if not samples:
            raise DataError("it has no rows but the column names", path)
        return {name: tuple(sorted(texts, key=numbers_first)) for name, texts in found.items()}, samples


def _too_many(column: str, path: Path, line: int, *, classes: bool) -> DataError:
    what, argument = ("classes", "target") if classes else ("names", "categories")
    help = "say `task: regression` for numbers" if classes else "columns of numbers are `features`"
    return DataError(f"more than {MAX_CLASSES:,} {what} in {show(column)}", path, line, argument=argument, help=help)


def _places(key: str, value: Any) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """The columns that an argument names, and where in it each stands."""
    parts = {(key, name): each for name, each in value.items()} if isinstance(value, dict) else {(key,): value or ()}
    for path, columns in parts.items():
        if isinstance(columns, str):
            yield columns, path
        else:
            yield from ((column, (*path, position)) for position, column in enumerate(columns))


def _shape(columns: str | Names) -> tuple[int, ...]:
    return () if isinstance(columns, str) else (len(columns),)
