"""Weights in and out of a module as safetensors: nothing is pickled, nothing is left half-written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

TIED = "archspec.tied"


class WeightsError(Exception):
    """A weight file that cannot be read, or does not fit the module."""


class Shapes(NamedTuple):
    name: str
    module: tuple[int, ...]
    file: tuple[int, ...]


class LoadReport(NamedTuple):
    """What became of every name. A name tied to a loaded one counts as loaded."""

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    wrong_shape: tuple[Shapes, ...]

    @property
    def complete(self) -> bool:
        return not (self.missing or self.unexpected or self.wrong_shape)

    def __str__(self) -> str:
        lines = [f"{len(self.loaded)} loaded"]
        lines += _listed("missing in the file", self.missing)
        lines += _listed("not in the model", self.unexpected)
        lines += _listed(
            "of another shape",
            [f"{s.name} (model {list(s.module)}, file {list(s.file)})" for s in self.wrong_shape],
        )
        return "; ".join(lines)


def _listed(title: str, names: Iterable[str], most: int = 5) -> list[str]:
    names = list(names)
    if not names:
        return []
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return [f"{len(names)} {title}: {', '.join(names[:most])}{more}"]


def tied_names(state: Mapping[str, Tensor]) -> dict[str, str]:
    """{name: the earlier name of the same tensor}, for names that are one tensor (same memory, shape and strides)."""
    first: dict[tuple[object, ...], str] = {}
    tied: dict[str, str] = {}
    for name, tensor in state.items():
        if tensor.numel() == 0 or tensor.is_meta:
            continue
        key = (tensor.device, tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())
        if key in first:
            tied[name] = first[key]
        else:
            first[key] = name
    return tied


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; on success it is fsynced and renamed to `path`, on failure removed."""
    stage = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        stage.touch()
        mode = stage.stat().st_mode & 0o777  # what the user's umask gives; some writers make their files private
        yield stage
        stage.chmod(mode)
        with stage.open("rb") as file:
            os.fsync(file.fileno())
        stage.replace(path)
    except BaseException:
        stage.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the rename itself is durable once the directory is
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def write_text(path: Path, text: str) -> None:
    """Replace a text file (UTF-8) as a whole, or leave it as it was."""
    with staged(path) as stage:
        stage.write_text(text, encoding="utf-8")


def save(module: nn.Module, path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None) -> None:
    """Write `module.state_dict()` to a safetensors file, replacing it as a whole.

    A tied tensor is stored once, under its first name; the others are listed in the file's metadata. `metadata` is
    stored beside them (strings only). Raises OSError where the file cannot be written.
    """
    save_state(module.state_dict(), path, metadata)


def save_state(
    state: Mapping[str, Tensor], path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None
) -> None:
    """`save` for a state dict."""
    tied = tied_names(state)
    tensors = {}
    memory: set[tuple[torch.device, int]] = set()
    for name, tensor in state.items():
        if name in tied:
            continue
        plain = tensor.detach().cpu().contiguous()
        # Views that overlap without being equal are each stored in full.
        storage = (plain.device, plain.untyped_storage().data_ptr())
        if storage in memory:
            plain = plain.clone()
        memory.add(storage)
        tensors[name] = plain
    described = {"format": "pt", **(metadata or {})}
    if tied:
        described[TIED] = json.dumps(tied, sort_keys=True)
    with staged(Path(path)) as stage:
        try:
            save_file(tensors, stage, described)
        except SafetensorError as error:  # the writer's word for a full disk
            raise OSError(str(error)) from None


def load(module: nn.Module, path: str | os.PathLike[str], *, strict: bool = True) -> LoadReport:
    """Copy a safetensors file into a module's parameters and buffers, in place, keeping their dtype and device.

    With `strict` a name that is missing, unexpected or of another shape raises WeightsError before anything is
    copied; without it what fits is copied and the report says what did not. Raises WeightsError for a file that is
    no safetensors file, and OSError where it cannot be read.
    """
    state = module.state_dict()
    if any(tensor.is_meta for tensor in state.values()):
        raise WeightsError("the module is on the meta device: materialise it (`module.to_empty`) before loading")
    try:
        with safe_open(path, framework="pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no dict
            report, source = _compare(state, shapes, _aliases(file))
            if strict and not report.complete:
                raise WeightsError(f"{os.fspath(path)} does not fit the model: {report}")
            with torch.no_grad():
                for name, stored in source.items():
                    state[name].copy_(file.get_tensor(stored))
    except SafetensorError as error:
        raise WeightsError(f"{os.fspath(path)} is not a whole safetensors file: {error}") from None
    return report


def _aliases(file: safe_open) -> dict[str, str]:
    """The tied names that the file's metadata lists; anything but {name: name} is ignored."""
    try:
        found = json.loads((file.metadata() or {}).get(TIED, "{}"))
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: kept for name, kept in found.items() if isinstance(kept, str)}


def _compare(
    state: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], aliases: Mapping[str, str]
) -> tuple[LoadReport, dict[str, str]]:
    """The report, and {module's name: name in the file} of what to copy."""
    tied = tied_names(state)
    given: set[str] = set()  # first names of the module's tensors that the file has under any of their names
    loaded, missing, wrong = [], [], []
    source: dict[str, str] = {}
    for name, tensor in state.items():
        stored = name if name in shapes else aliases.get(name, "")
        if stored not in shapes:
            continue
        given.add(tied.get(name, name))
        if tuple(tensor.shape) != shapes[stored]:
            wrong.append(Shapes(name, tuple(tensor.shape), shapes[stored]))
            continue
        loaded.append(name)
        source[name] = stored
    for name in state:
        if name in source or any(s.name == name for s in wrong):
            continue
        if tied.get(name, name) in given:
            loaded.append(name)
        else:
            missing.append(name)
    unexpected = sorted(set(shapes) - set(state) - set(source.values()))
    return LoadReport(tuple(loaded), tuple(missing), tuple(unexpected), tuple(wrong)), source
