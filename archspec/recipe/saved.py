"""Folders that `Dataset.save_to_disk` of Hugging Face datasets writes: Arrow files, and JSON that describes them.

They are read without that library. Nothing of a data set is run, and nothing is fetched.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

from archspec.recipe.files import DataError, read_bytes
from archspec.recipe.parquet import HELP, words

STATE, SPLITS, INFO = "state.json", "dataset_dict.json", "dataset_info.json"
MAX_JSON = 2**26  # bytes
MAX_UNPACKED = 2**30  # bytes of a file whose batches are compressed


def is_saved(path: Path) -> bool:
    """Is a folder one of these?"""
    return (path / STATE).is_file() or (path / SPLITS).is_file()


def saved_files(path: Path, argument: str = "path") -> list[Path]:
    """The Arrow files of a data set, in order. Raises DataError."""
    if not (path / STATE).is_file():
        splits = _json(path / SPLITS, argument).get("splits")
        listed = ", ".join(map(str, splits)) if isinstance(splits, list) else ""
        first = splits[0] if isinstance(splits, list) and splits else "train"
        message = f"it has several splits: {listed}"
        raise DataError(message, path, argument=argument, help=f"name one of them: `{path.name}/{first}`")
    if any(path.glob("*.py")):
        raise DataError("it has a script: nothing of a data set is ever run", path, argument=argument)
    state = _json(path / STATE, argument)
    try:
        names = [entry["filename"] for entry in state["_data_files"]]
    except (KeyError, TypeError):
        raise DataError("it does not list its files", path / STATE, argument=argument) from None
    if state.get("_indices_data_files"):
        help = "save it with `flatten_indices()`"
        raise DataError("its rows are chosen by another file", path / STATE, argument=argument, help=help)
    for name in names:
        if not isinstance(name, str) or PurePosixPath(name).name != name or not name.endswith(".arrow"):
            raise DataError(f"{name!r} is not an Arrow file in this folder", path / STATE, argument=argument)
    return [path / name for name in names]


def saved_classes(path: Path, argument: str = "path") -> dict[str, tuple[str, ...]]:
    """{column: names of its classes}, of the columns that have any. Raises DataError."""
    features = _json(path / INFO, argument).get("features") if (path / INFO).is_file() else None
    out = {}
    for name, feature in features.items() if isinstance(features, dict) else ():
        names = feature.get("names") if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" else None
        if isinstance(names, list):
            out[name] = tuple(map(str, names))
    return out


def _json(path: Path, argument: str) -> dict[str, Any]:
    try:
        found = json.loads(read_bytes(path, argument, MAX_JSON))
    except (ValueError, RecursionError):
        raise DataError("it is no JSON", path, argument=argument) from None
    if not isinstance(found, dict):
        raise DataError("it is no JSON object", path, argument=argument)
    return found


def open_arrow(path: Path, argument: str = "path") -> tuple[Any, list[Any]]:
    """The schema and the record batches of an Arrow stream, mapped from the file. Raises DataError."""
    try:
        import pyarrow as pa
    except ImportError:
        raise DataError("pyarrow is not installed", path, argument=argument, help=HELP) from None
    try:
        before, batches = pa.total_allocated_bytes(), []
        with pa.ipc.open_stream(pa.memory_map(str(path))) as stream:
            for batch in stream:
                batches.append(batch)  # mapped, unless it is compressed
                if pa.total_allocated_bytes() - before > MAX_UNPACKED:
                    message = f"it is compressed, and unpacks to more than {MAX_UNPACKED:,} bytes"
                    raise DataError(message, path, argument=argument, help="write it without compression")
            return stream.schema, batches
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"not an Arrow stream ({words(error)})", path, argument=argument) from None
