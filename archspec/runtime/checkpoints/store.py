"""The folder of a run's checkpoints: written beside, hashed, flushed to the disk, renamed; read only if whole.

checkpoints/
  step-000000120/        (step-000000120-2 for another of the same step, until the first is removed)
    tensors.safetensors
    state.json
    best.safetensors     the best weights so far, where there are any
    shards.json, shard-00000.safetensors, …   the module and the optimizer, where processes have parts of them
    manifest.json        the length and SHA-256 of each file above
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from archspec.runtime.checkpoints.files import INDEX, CheckpointError, linked, read_json, sync
from archspec.runtime.checkpoints.pack import PackError, unpack

FOLDER = "checkpoints"
TENSORS, STATE, BEST, MANIFEST = "tensors.safetensors", "state.json", "best.safetensors", "manifest.json"
FORMAT = 1
ASIDE = ".aside"
_NAME = re.compile(r"step-(\d{9,})(?:-(\d{1,9}))?")


class Checkpoint(NamedTuple):
    """A checkpoint on disk whose files are what its manifest says."""

    path: Path
    step: int

    @property
    def in_shards(self) -> bool:
        """Do the tensors of the module and of the optimizer lie in shards?"""
        return (self.path / INDEX).exists()

    def read(self, *, whole: bool = True) -> Any:
        """The tree that was saved; what lies in shards too, if `whole`. Raises KeyError, CheckpointError, OSError."""
        try:
            tree = self._tree()
            if whole and self.in_shards:
                train = tree["train"]
                from archspec.runtime.checkpoints.sharded import whole as put_together

                train["module"], train["optimizer"] = put_together(self.path, train["module"], train["optimizer"])
            return tree
        except (AttributeError, TypeError) as error:
            raise CheckpointError(f"{self.path}: {error}") from None

    def _tree(self) -> Any:
        try:
            data = read_json(self.path / STATE)
            with safe_open(self.path / TENSORS, framework="pt") as file:
                # In memory of their own, aligned as PyTorch aligns it: MKL rounds sums of products by that too.
                tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - no dict
            return unpack(data, tensors)
        except (SafetensorError, PackError) as error:
            raise CheckpointError(f"{self.path}: {error}") from None


def begin(run: Path, step: int, attach: Mapping[str, Path] | None = None) -> Path:
    """The folder in which a checkpoint is put together, with links to files of the run as they are now.

    Raises OSError.
    """
    folder = run / FOLDER
    folder.mkdir(exist_ok=True)
    stage = folder / f".step-{step:09}.{os.getpid()}.part"
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir()
    for name, path in (attach or {}).items():
        linked(path, stage / name)
    return stage


def finish(stage: Path, step: int, data: Any, tensors: Mapping[str, Tensor]) -> Checkpoint:
    """Write the state into `stage` and make it a checkpoint, whole or not at all. Raises OSError."""
    folder = stage.parent
    target = _free(folder, step)
    try:
        try:
            save_file(dict(tensors), stage / TENSORS, {"format": "pt"})
        except SafetensorError as error:  # the writer's word for a full disk
            raise OSError(str(error)) from None
        (stage / STATE).write_text(json.dumps(data), encoding="utf-8")
        files = {path.name: _measured(path) for path in sorted(stage.iterdir())}
        (stage / MANIFEST).write_text(json.dumps({"format": FORMAT, "step": step, "files": files}, indent=1), "utf-8")
        for path in stage.iterdir():
            sync(path)
        sync(stage)
        stage.rename(target)
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        raise
    sync(folder)
    return Checkpoint(target, step)


def newest(run: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest checkpoint of a run that is whole, and what is wrong with each that is newer than it."""
    refused: list[str] = []
    for path in listed(run):
        try:
            return verified(path), refused
        except (CheckpointError, OSError) as error:
            refused.append(str(error))
    return None, refused


def verified(path: Path) -> Checkpoint:
    """A checkpoint whose files have the lengths and hashes of its manifest. Raises CheckpointError, OSError."""
    try:
        manifest = read_json(path / MANIFEST)
        files: dict[str, Any] = manifest["files"]
        step, version = manifest["step"], manifest["format"]
        if version != FORMAT:
            raise CheckpointError(f"{path} is of format {version}, and this version reads {FORMAT}")
        if (
            not isinstance(step, int)
            or not {TENSORS, STATE} <= set(files)
            or any("/" in name or name.startswith(".") for name in files)
        ):
            raise CheckpointError(f"{path}: its manifest is damaged")
        for name, said in files.items():
            if _measured(path / name) != said:
                raise CheckpointError(f"{path / name} is not what the manifest says: it was cut short or changed")
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is not whole: it has no {Path(error.filename or MANIFEST).name}") from None
    except (KeyError, TypeError, AttributeError):
        raise CheckpointError(f"{path}: its manifest is damaged") from None
    return Checkpoint(path, step)


def set_aside(used: Checkpoint) -> list[str]:
    """Rename the checkpoints that are newer than the one that is used, which were passed over: they count no more,
    neither as the newest nor as one of those that are kept. Their new names.
    """
    names = []
    for path in listed(used.path.parent.parent):
        if _order(path) <= _order(used.path):
            break
        gone = path.with_name(f"{path.name}{ASIDE}")
        shutil.rmtree(gone, ignore_errors=True)
        path.rename(gone)
        names.append(gone.name)
    return names


def prune(run: Path, keep: int, spare: Collection[int] = ()) -> None:
    """Remove all but the newest `keep` checkpoints and those of the steps of `spare`, and what killed writers left.

    Of several of one step the newest counts.
    """
    seen: set[int | None] = set()
    for path in listed(run):
        step = step_of(path)
        if step in seen or (len(seen) >= keep and step not in spare):
            _remove(path)
        seen.add(step)
    for path in (run / FOLDER).glob(".step-*"):
        if path.suffix != ".part" or not _alive(path):
            shutil.rmtree(path, ignore_errors=True)


def step_of(path: Path) -> int | None:
    """The step that a checkpoint's folder is named after."""
    found = _NAME.fullmatch(path.name)
    return int(found[1]) if found else None


def listed(run: Path) -> list[Path]:
    """Folders named as checkpoints, the newest first."""
    folder = run / FOLDER
    found = [p for p in folder.iterdir() if _NAME.fullmatch(p.name) and p.is_dir()] if folder.is_dir() else []
    return sorted(found, key=_order, reverse=True)


def _order(path: Path) -> tuple[int, int]:
    """By step, and of one step by when it was written."""
    found = _NAME.fullmatch(path.name)
    return (int(found[1]), int(found[2] or 1)) if found else (-1, 0)


def _free(folder: Path, step: int) -> Path:
    """A name for a checkpoint. One of this step that is there already is replaced only when the new one is whole."""
    there = [_order(path)[1] for path in folder.iterdir() if step_of(path) == step]
    return folder / (f"step-{step:09}-{max(there) + 1}" if there else f"step-{step:09}")


def _remove(path: Path) -> None:
    """Remove a folder so that it is never seen half removed."""
    gone = path.with_name(f".{path.name}.{os.getpid()}.gone")
    shutil.rmtree(gone, ignore_errors=True)
    path.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _alive(stage: Path) -> bool:
    """Does the process that writes here still run?"""
    number = stage.name.split(".")[-2]
    try:
        os.kill(int(number), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return int(number) != os.getpid()  # our own: nothing is being written while we tidy up


def _measured(path: Path) -> dict[str, Any]:
    with path.open("rb", buffering=0) as file:
        digest = hashlib.file_digest(file, "sha256")
        return {"bytes": file.tell(), "sha256": digest.hexdigest()}
