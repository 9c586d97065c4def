"""Data held in memory as arrays: `digits` and `npz`."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from archspec.recipe.data_kinds import Npz
from archspec.recipe.files import DataError, read_array
from archspec.recipe.model import DataFacts, Field
from archspec.recipe.shards_kind import Shards


@cache
def _digits() -> tuple[Tensor, Tensor]:
    table = _table()
    image = torch.from_numpy(table[:, :-1].astype(np.float32).reshape(-1, 1, 8, 8) / 16)  # grey levels 0 .. 16
    return image, torch.from_numpy(table[:, -1].astype(np.int64))


def _table() -> np.ndarray:
    """A row for each digit: 64 grey levels and the label. Read from scikit-learn's file where it lies, as importing
    scikit-learn takes a second."""
    package = find_spec("sklearn")
    for folder in (package and package.submodule_search_locations) or ():
        path = Path(folder, "datasets", "data", "digits.csv.gz")
        if path.is_file():
            return np.loadtxt(path, delimiter=",")
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    return np.column_stack([pixels, labels])


def digits() -> dict[str, Tensor]:
    """scikit-learn's 1,797 digits: image float32[1797, 1, 8, 8] in [0, 1], label int64[1797]."""
    image, label = _digits()
    return {"image": image, "label": label}


def npz(kind: Npz, facts: DataFacts, path: Path, argument: str) -> dict[str, Tensor]:
    """All arrays of an npz file, as the facts say."""
    return {f.name: as_field(read_array(path, f.name, argument), f, kind, path, argument) for f in facts.fields}


def as_field(array: np.ndarray, field: Field, kind: Npz | Shards, path: Path, argument: str = "path") -> Tensor:
    """An array [n, ...] as a field's tensor. Raises DataError where its shape or its values are not the field's."""
    if array.shape[1:] != field.shape:
        message = f"array `{field.name}` has samples of shape {array.shape[1:]}, and {field.shape} is needed"
        raise DataError(message, path, argument=argument)
    if field.dtype == "int64":
        if array.dtype.kind not in "iu" or (array.dtype == np.uint64 and array.size and int(array.max()) >= 2**63):
            raise DataError(f"array `{field.name}` must hold whole numbers", path, argument=argument)
        if field.classes is not None and array.size and not 0 <= int(array.min()) <= int(array.max()) < field.classes:
            message = (
                f"array `{field.name}` has values from {array.min()} to {array.max()}, not 0 to {field.classes - 1}"
            )
            raise DataError(message, path, argument=argument)
        return torch.from_numpy(array.astype(np.int64))
    if array.dtype.kind not in "fiub":
        raise DataError(f"array `{field.name}` is {array.dtype}: numbers are needed", path, argument=argument)
    if field.dtype == "bool":
        return torch.from_numpy(array.astype(np.bool_))
    values = array.astype(np.float32)
    if field.name in kind.divide:
        values /= np.float32(kind.divide[field.name])
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise DataError(
            f"array `{field.name}` has a value that is not finite, in sample {row}", path, argument=argument
        )
    return torch.from_numpy(values)
