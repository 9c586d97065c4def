"""Sharded data as a kind: many files that are read as they are needed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from archspec.ops.base import arg
from archspec.ops.kinds import BadValue, Choice, ListOf, Optional, Pair, PositiveInt, Str
from archspec.recipe.by_name import ByName
from archspec.recipe.data_kinds import DATA, Guardable, Holdout, NumbersByName, Path_
from archspec.recipe.files import DataError
from archspec.recipe.model import DataFacts, Field
from archspec.recipe.saved import is_saved, saved_classes
from archspec.recipe.shards import SUFFIXES, Shape, shard_files, shard_shapes

ColumnsByName = ByName(ListOf(Str, 1, lone=True), "a mapping of names to a column, or to several", 1)


@DATA.declare("shards")
class Shards(Guardable):
    """Many files (npz, parquet, Arrow, or tar as WebDataset has it), for what exceeds memory: each column is a field.

    A folder that `save_to_disk` of Hugging Face datasets wrote is read too: `path: my_data/train`.
    """

    countable = False
    path = arg(Path_, doc="a file, a folder of shards, or a pattern: `train/*.parquet`")
    fields = arg(
        Optional(ColumnsByName),
        None,
        "{field: column}, or {field: [columns side by side]}; left out: a field for each column of numbers",
    )
    divide = arg(NumbersByName, {}, "divide these fields: `{image: 255}` gives float32 from bytes")
    shuffle = arg(
        PositiveInt, 10_000, "samples among which the order is random: whole pieces of shards are drawn, then mixed"
    )
    memory = arg(PositiveInt, 512, "MiB of pieces of shards that a process keeps at most (one piece at least)")
    size = arg(Optional(Pair(PositiveInt)), None, "height and width that images are brought to")
    channels = arg(Choice("rgb", "gray"), "rgb", "of images: `rgb` gives 3 channels, `gray` 1")
    holdout = arg(Holdout, 0.1, "share at the end of every piece that is held out; not used with `validation`")
    validation = arg(Optional(Path_), None, "held-out shards")

    @property
    def depth(self) -> int:
        return 3 if self.channels == "rgb" else 1

    def validate(self) -> None:
        if self.size is not None and any(side > 8192 for side in self.size):
            raise BadValue("at most 8192 a side", ("size",))

    def peek(self, base: Path) -> DataFacts:
        found = self._peek(base / self.path, "path")
        if self.validation is not None:
            other = self._peek(base / self.validation, "validation")
            if [field[:3] for field in other] != [field[:3] for field in found]:
                listed = ", ".join(f"`{f.name}` {f}" for f in other)
                raise DataError(
                    f"its fields are not those of `path`: {listed}", base / self.validation, argument="validation"
                )
        named = {field.name: names for field, names in self._classes(base / self.path, found) if names}
        if len(named) > 1:
            return DataFacts(found, categories=named)
        return DataFacts(found, classes=next(iter(named.values()), None))

    def _classes(self, path: Path, fields: Iterable[Field]) -> list[tuple[Field, tuple[str, ...]]]:
        """The fields, and the names of their classes where the data have such."""
        names = saved_classes(path) if path.is_dir() and is_saved(path) else {}
        columns = self.fields or {}
        return [(f, names.get(columns.get(f.name, (f.name,))[0], ()) if not f.shape else ()) for f in fields]

    def _peek(self, path: Path, argument: str) -> tuple[Field, ...]:
        """The fields, by the first shard."""
        first = shard_files(path, argument)[0]
        fields = self.fields_of(shard_shapes(first, self.size, self.depth, argument), first, argument)
        classes = self._classes(path, fields)
        return tuple(field._replace(classes=len(names)) if names else field for field, names in classes)

    def columns(self, shapes: dict[str, Shape]) -> dict[str, tuple[str, ...]]:
        """{field: its columns}."""
        return self.fields if self.fields is not None else {name: (name,) for name in sorted(shapes)}

    def fields_of(self, shapes: dict[str, Shape], path: Path, argument: str = "path") -> tuple[Field, ...]:
        """The fields that columns of these shapes give. Raises DataError."""
        if not shapes:
            raise DataError("it has no columns of numbers", path, argument=argument)
        out = []
        for name, columns in self.columns(shapes).items():
            for column in columns:
                if column not in shapes:
                    listed = ", ".join(list(shapes)[:20])
                    message = f"it has no column `{column}` of numbers"
                    raise DataError(message, path, argument="fields", help=f"its columns are {listed}")
            kinds, parts = zip(*(shapes[column] for column in columns), strict=True)
            dtype = "float32" if name in self.divide or "f" in kinds else "int64" if set(kinds) & {"i", "u"} else "bool"
            if len(columns) > 1 and any(len(part) > 1 for part in parts):
                raise DataError(f"columns of `{name}` have several axes", path, argument="fields")
            side_by_side = (sum(part[0] if part else 1 for part in parts),)
            out.append(Field(name, dtype, parts[0] if len(columns) == 1 else side_by_side))
        for name in self.divide:
            if name not in [field.name for field in out]:
                raise DataError(f"it has no field `{name}`", path, argument="divide")
        return tuple(out)


__all__ = ["SUFFIXES", "Shards"]
