"""Copies that a run keeps of files its data are read by (a tokenizer): the folder needs nothing beside it."""

from __future__ import annotations

from pathlib import Path

from archspec.model.weights import staged
from archspec.recipe.files import read_bytes
from archspec.recipe.model import DataSource
from archspec.recipe.tokenizer import MAX_TOKENIZER
from archspec.runtime.run_folder import RunError


def _copied(data: DataSource, run: Path) -> list[tuple[str, Path, Path]]:
    """(argument, file, its copy) of each."""
    named = [(key, getattr(data.kind, key, None), name) for key, name in data.kind.kept.items()]
    return [(key, data.base / written, run / name) for key, written, name in named if written is not None]


def same_copies(data: DataSource, run: Path) -> None:
    """Raises RunError where a folder has copies that differ from what the spec names now; DataError."""
    for key, file, copy in _copied(data, run):
        if copy.is_file() and read_bytes(file, key, MAX_TOKENIZER) != read_bytes(copy, key, MAX_TOKENIZER):
            raise RunError(f"{run} holds a run with another `{key}`: a run never overwrites another")


def keep_copies(data: DataSource, run: Path) -> None:
    """Copy what the folder does not have yet. Raises DataError, OSError."""
    for key, file, copy in _copied(data, run):
        if not copy.is_file():
            with staged(copy) as stage:
                stage.write_bytes(read_bytes(file, key, MAX_TOKENIZER))
