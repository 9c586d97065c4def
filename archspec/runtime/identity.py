"""What a run is of: its spec and its data, as digests in run.json, so that a run goes on with these and no others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from archspec.diagnostics.model import Diagnostics
from archspec.reading.reader import read
from archspec.recipe.files import DataError, class_folders, image_files
from archspec.recipe.model import DataSource
from archspec.recipe.shards import shard_files
from archspec.runtime.run_folder import SPEC

WHOLE = 2**28  # bytes of a file up to which all of it counts, and of a larger one that is looked at
BLOCK = 2**20


def identity(resolved: str, data: DataSource) -> dict[str, dict[str, str]]:
    """{"spec": {key: digest}, "data": {argument: digest}} of a spec's resolved text and of the files it trains on.

    Of a spec, all but what only says where and how long (`runtime`, `train.epochs`). Raises DataError, OSError.
    """
    spec = {key: _digest([json.dumps(value, sort_keys=True)]) for key, value in trained_keys(resolved).items()}
    return {"spec": spec, "data": files_digests(data)}


def trained_keys(text: str) -> dict[str, Any]:
    """The entries of a spec, those of `train` as `train.loss`, …; without what may differ when a run goes on."""
    node = read(text, SPEC, Diagnostics())
    data = node.data() if node is not None else {}
    if not isinstance(data, dict):
        return {}
    train = data.get("train")
    out = {key: value for key, value in data.items() if key not in ("runtime", "train")}
    if isinstance(train, dict):
        out |= {f"train.{key}": value for key, value in train.items() if key != "epochs"}
    return out


def difference(first: Mapping[str, Any], second: Mapping[str, Any]) -> str | None:
    """The first key that two specs, or two parts of an identity, have different values of; None where there is none."""
    for key in [*first, *(key for key in second if key not in first)]:
        # As JSON text: 1, 1.0 and true are different values.
        if json.dumps(first.get(key), sort_keys=True) != json.dumps(second.get(key), sort_keys=True):
            return key
    return None


def files_digests(data: DataSource) -> dict[str, str]:
    """{argument: digest} of the files that the data are read from: of a file what is in it (where that is more than
    WHOLE, the size and blocks all over it), of a folder of images the names, of shards the names and sizes.

    Raises DataError, OSError.
    """
    out = {}
    for key in data.kind.files:
        written = getattr(data.kind, key, None)
        if written is None or key in data.kind.kept:  # (of these a run has a copy)
            continue
        path = data.base / written
        if path.is_file():
            out[key] = _of_file(path)
        elif data.kind.name == "images":  # (one that could not be read may have been mended)
            out[key] = _digest(_image_names(path, key))
        else:
            out[key] = _digest(f"{file.name} {file.stat().st_size}" for file in shard_files(path, key))
    return out


def _image_names(path: Path, argument: str) -> Iterator[str]:
    for name in class_folders(path, argument):
        with suppress(DataError):  # a class without images
            yield from (f"{name}/{file.name}" for file in image_files(path / name, argument))


def _of_file(path: Path) -> str:
    size = path.stat().st_size
    parts = hashlib.sha256(str(size).encode())
    step = max(BLOCK, size * BLOCK // WHOLE)
    with path.open("rb") as file:
        for start in range(0, size, step):
            file.seek(start)
            parts.update(file.read(BLOCK))
    return parts.hexdigest()


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
