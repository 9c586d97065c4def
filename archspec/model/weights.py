"""Weights in and out of a module as safetensors: nothing is pickled, nothing is left half-written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from archspec.diagnostics.model import Span
from archspec.model.transfer import WeightsError, tied_names, transfer
from archspec.transfer.header import TIED
from archspec.transfer.report import Line, Status, TransferReport
from archspec.transfer.section import Section

__all__ = ["TIED", "LoadReport", "Shapes", "WeightsError", "load", "save", "save_state", "staged", "write_text"]


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
    wrong_values: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        return not (self.missing or self.unexpected or self.wrong_shape or self.wrong_values)

    def __str__(self) -> str:
        lines = [f"{len(self.loaded)} loaded"]
        lines += _listed("missing in the file", self.missing)
        lines += _listed("not in the model", self.unexpected)
        lines += _listed(
            "of another shape",
            [f"{s.name} (model {list(s.module)}, file {list(s.file)})" for s in self.wrong_shape],
        )
        lines += _listed("of other values", self.wrong_values)
        return "; ".join(lines)


def _listed(title: str, names: Iterable[str], most: int = 5) -> list[str]:
    names = list(names)
    if not names:
        return []
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return [f"{len(names)} {title}: {', '.join(names[:most])}{more}"]


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
    no safetensors file, and OSError where it cannot be read. (For other files, and names that differ: transfer.py.)
    """
    file = Path(path)
    file.stat()
    section = Section(Span(str(file), 1, 1, 1, 1), strict=strict)
    try:
        return _outcome(transfer(module, section, [file]))
    except WeightsError as error:
        if error.report is None:
            raise
        raise WeightsError(f"{file} does not fit the model: {_outcome(error.report)}", error.report) from None


def _outcome(report: TransferReport) -> LoadReport:
    def named(*wanted: Status) -> list[Line]:
        return [line for line in (*report.lines, *report.others) if line.status in wanted]

    return LoadReport(
        tuple(line.name for line in named(Status.LOADED, Status.KEPT)),
        tuple(line.name for line in named(Status.MISSING)),
        tuple(sorted(line.name for line in named(Status.UNEXPECTED))),
        tuple(Shapes(line.name, line.model or (), line.file or ()) for line in named(Status.WRONG_SHAPE)),
        tuple(f"{line.name} ({line.words})" for line in named(Status.WRONG_DTYPE, Status.NOT_FINITE, Status.DIFFERS)),
    )
