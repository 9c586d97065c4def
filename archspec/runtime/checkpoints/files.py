"""Files of a checkpoint: put on the disk for good, and read with care."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

INDEX = "shards.json"  # of a checkpoint in shards
MODULE, OPTIMIZER = "module/", "optimizer/"  # names there begin so; those of an optimizer's end in "/" and a key
MAX_JSON = 2**28  # bytes of a JSON file that is read


class CheckpointError(Exception):
    """A checkpoint that is not whole, or not what its manifest says."""


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if path.is_dir() and os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def linked(path: Path, to: Path) -> None:
    """Another name for a file as it is now. A run replaces its files as a whole: what one name has stays so when the
    other's is replaced. A copy, where the disk has no links. Raises OSError.
    """
    try:
        os.link(path, to)
    except OSError:
        shutil.copyfile(path, to)


def read_json(path: Path) -> Any:
    """Raises CheckpointError for what is no JSON, or too large; OSError."""
    if path.stat().st_size > MAX_JSON:
        raise CheckpointError(f"{path} is larger than {MAX_JSON:,} bytes")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is no JSON: {error}") from None
