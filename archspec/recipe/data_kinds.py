"""Kinds of data: their arguments, and which named fields they give.

Every field's first axis is the batch. Floating arrays are given as float32, whole numbers as int64.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import ClassVar

from archspec.diagnostics.suggest import did_you_mean
from archspec.ops.base import arg
from archspec.ops.kinds import (
    BadValue,
    Choice,
    Float,
    ListOf,
    Number,
    Optional,
    Pair,
    PositiveFloat,
    PositiveInt,
    Refined,
    Str,
    show,
)
from archspec.recipe.by_name import ByName
from archspec.recipe.files import (
    DataError,
    class_folders,
    npz_headers,
    read_array,
)
from archspec.recipe.model import DataFacts, DataKind, Field
from archspec.recipe.parts import Family

PEEKED = 2**26  # bytes of an array that is read to count its classes

DATA: Family[DataKind] = Family("kind of data")

Path_ = Refined(Str, lambda text: None if text else "a path may not be empty", title="a path")
Holdout = Float(0, 1, title="a share between 0 and 1", open=True)
HOLDOUT = "share held out for evaluation, chosen by `seed`; not used with `validation`"
VALIDATION = "held-out data, of the same form"


NumbersByName = ByName(PositiveFloat, "a mapping of names to positive numbers")


class Guardable(DataKind):
    """A kind whose samples may be bad one by one. `whole`: they are found when it is opened, not as they are taken."""

    whole: ClassVar[bool] = False
    on_bad_sample = arg(
        Choice("stop", "quarantine"),
        "stop",
        "`stop`: a sample that cannot be read is an error; `quarantine`: it is set aside, with path and reason in "
        "`quarantine.jsonl` of the run, and the next good one takes its place (of a csv, the row is left out)",
    )
    bad_share = arg(Float(0, 1), 0.01, "share of the samples that may be set aside; one may always be")


@DATA.declare("digits")
class Digits(DataKind):
    """1,797 handwritten digits of 8 by 8 (scikit-learn, from UCI): `image` float32[B, 1, 8, 8] in [0, 1], `label`."""

    targets = ("label",)
    holdout = arg(Holdout, 0.2, "share held out for evaluation, chosen by `seed`")

    def peek(self, base: Path) -> DataFacts:
        fields = (Field("image", "float32", (1, 8, 8)), Field("label", "int64", (), 10))
        return DataFacts(fields, 1797, tuple("0123456789"))


@DATA.declare("npz")
class Npz(DataKind):
    """Arrays of one length from a numpy archive; each array is a field of its name."""

    path = arg(Path_, doc="an npz file, as numpy.savez writes it")
    divide = arg(NumbersByName, {}, "divide these arrays: `{image: 255}` gives float32 from bytes")
    holdout = arg(Holdout, 0.2, HOLDOUT)
    validation = arg(Optional(Path_), None, VALIDATION)

    def peek(self, base: Path) -> DataFacts:
        facts = self._peek(base / self.path, "path")
        if self.validation is not None:
            other = self._peek(base / self.validation, "validation")
            mine, theirs = ({f.name: f[:3] for f in facts_.fields} for facts_ in (facts, other))
            if mine != theirs:
                fields = ", ".join(f"`{f.name}` {f}" for f in other.fields)
                raise DataError(
                    f"its arrays are not those of `path`: {fields}", base / self.validation, argument="validation"
                )
            joined = []
            for a, b in zip(facts.fields, other.fields, strict=True):
                joined.append(
                    a if a.classes is None or b.classes is None else a._replace(classes=max(a.classes, b.classes))
                )
            facts = facts._replace(fields=tuple(joined))
        return facts

    def _peek(self, path: Path, argument: str) -> DataFacts:
        headers = npz_headers(path, argument)
        for name in self.divide:
            if name not in headers:
                raise DataError(f"it has no array `{name}`", path, argument="divide", help=did_you_mean(name, headers))
        fields = []
        for name, header in sorted(headers.items()):
            if not header.shape:
                raise DataError(
                    f"array `{name}` is a single number; a first axis of samples is needed", path, argument=argument
                )
            kind = header.dtype.kind
            if kind not in "fiub":
                message = f"array `{name}` is {header.dtype}: numbers are needed"
                raise DataError(message, path, argument=argument)
            dtype = "float32" if kind == "f" or name in self.divide else "bool" if kind == "b" else "int64"
            classes = None
            # Labels and tokens are small and worth reading: too few classes is then an error before anything runs.
            small = header.dtype.itemsize * math.prod(header.shape) <= PEEKED
            if dtype == "int64" and len(header.shape) <= 2 and all(header.shape) and small:
                array = read_array(path, name, argument)
                low, high = int(array.min()), int(array.max())
                classes = high + 1 if low >= 0 and high < 2**31 else None
            fields.append(Field(name, dtype, header.shape[1:], classes))
        lengths = {header.shape[0] for header in headers.values()}
        if len(lengths) != 1:
            each = ", ".join(f"`{h.name}` {h.shape[0]}" for h in headers.values())
            raise DataError(f"its arrays differ in length: {each}", path, argument=argument)
        return DataFacts(tuple(fields), lengths.pop())


def numbers_first(name: str) -> tuple[int, int, str]:
    """Sort "2" before "10": class names that are whole numbers keep their order, so 0..k-1 are their own indices."""
    return (0, int(name), name) if name.isascii() and name.isdigit() and len(name) < 19 else (1, 0, name)


@DATA.declare("images")
class Images(Guardable):
    """A folder of images for each class: `image` float32[B, channels, height, width] and `label`."""

    targets = ("label",)
    path = arg(Path_, doc="a folder with a sub-folder for each class")
    size = arg(Pair(PositiveInt), doc="height and width the images are brought to")
    channels = arg(Choice("rgb", "gray"), "rgb", "`rgb` gives 3 channels, `gray` 1")
    fit = arg(
        Choice("crop", "stretch"), "crop", "`crop`: scale and cut the middle; `stretch`: scale each side by itself"
    )
    mean = arg(ListOf(Number, 1, 3, lone=True), [0.0], "subtracted from each channel, of values in [0, 1]")
    std = arg(ListOf(PositiveFloat, 1, 3, lone=True), [1.0], "each channel is then divided by it")
    holdout = arg(Holdout, 0.2, HOLDOUT)
    validation = arg(Optional(Path_), None, VALIDATION)

    @property
    def depth(self) -> int:
        return 3 if self.channels == "rgb" else 1

    def validate(self) -> None:
        if any(side > 8192 for side in self.size):
            raise BadValue("at most 8192 a side", ("size",))
        for name in ("mean", "std"):
            count = len(getattr(self, name))
            if count not in (1, self.depth):
                raise BadValue(f"{count} numbers for {self.depth} channels", (name,))

    def peek(self, base: Path) -> DataFacts:
        classes = class_folders(base / self.path)
        if self.validation is not None:
            for name in class_folders(base / self.validation, "validation"):
                if name not in classes:
                    message = f"class {show(name)} is not among those of `path`"
                    raise DataError(
                        message, base / self.validation, argument="validation", help=did_you_mean(name, classes)
                    )
        image = Field("image", "float32", (self.depth, *self.size))
        return DataFacts((image, Field("label", "int64", (), len(classes))), None, classes)
