"""Weights of files into a module, as a plan of the transfer says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from archspec.diagnostics.model import Span
from archspec.model.checkpoint import load_pickled, stored, tensors_of
from archspec.ops.base import State
from archspec.parameters.table import Entry, Table
from archspec.transfer.files import expand, headers, is_pickled
from archspec.transfer.header import Stored, WeightsFileError
from archspec.transfer.plan import Piece, Recipe, make_plan
from archspec.transfer.report import Status, TransferReport
from archspec.transfer.section import Section


class WeightsError(Exception):
    """Weights that cannot be read, or do not fit. `report`: what became of each tensor, where it is known."""

    def __init__(self, message: str, report: TransferReport | None = None, help: str | None = None) -> None:
        super().__init__(message)
        self.report = report
        self.help = help


class Reader:
    """The tensors of several files. `stored`: what there is; `notes`: how it was found."""

    def __init__(self, files: Sequence[Path], key: str | None = None) -> None:
        """Raises WeightsFileError."""
        self.stored: list[Stored] = list(headers(path for path in files if not is_pickled(path)))
        self.notes: list[str] = []
        self._open: dict[str, safe_open] = {}
        self._loaded: dict[str, Mapping[str, Tensor]] = {}
        seen = {each.name: each.file for each in self.stored}
        for path in files:
            if is_pickled(path):
                tensors, notes = tensors_of(load_pickled(path), key, path)
                self._loaded[str(path)] = tensors
                for each in stored(tensors, path):
                    if each.name in seen:
                        raise WeightsFileError(f"`{each.name}` is in {seen[each.name]} and in {path} too")
                    seen[each.name] = str(path)
                    self.stored.append(each)
                self.notes += [note for note in notes if note not in self.notes]

    def get(self, each: Stored) -> Tensor:
        """The tensor, on the CPU. Raises WeightsFileError where the file has become another meanwhile."""
        loaded = self._loaded.get(each.file)
        if loaded is not None:
            return loaded[each.key].detach()
        try:
            if each.file not in self._open:
                self._open[each.file] = safe_open(each.file, framework="pt")
            return self._open[each.file].get_tensor(each.key)
        except (SafetensorError, OSError) as error:
            raise WeightsFileError(f"{each.file} cannot be read: {error}") from None


def transfer(module: nn.Module, section: Section, files: Sequence[Path], table: Table | None = None) -> TransferReport:
    """Copy the tensors of files into a module's parameters and buffers, in place, keeping their dtype and device.

    `table`: the module's names, where they are known. Returns the report. Raises WeightsError for files that cannot be
    read and, before anything is copied, where what does not fit is an error (see `TransferReport.findings`); also for
    values that are not finite.
    """
    state = module.state_dict()
    if any(tensor.is_meta for tensor in state.values()):
        raise WeightsError("the module is on the meta device: materialise it (`module.to_empty`) before loading")
    try:
        reader = Reader(files, section.key)
        names = table or table_of(module)
        plan = make_plan(section, names, reader.stored, reader.notes)
        report = plan.report
        if report.findings:
            raise WeightsError(_words(files, report), report, report.advice())
        done: dict[str, str] = {}  # a tied tensor is copied once: by its first name, the one that was
        for recipe in plan.recipes:
            target = state[recipe.name]
            value = assembled(recipe, reader).to(target.dtype)
            value = value.reshape(target.shape) if recipe.reshape else value
            with suppress(NotImplementedError):  # of exotic dtypes, which nothing is trained in
                _check_finite(recipe.name, value, report)
            if (known := done.setdefault(names.entries[recipe.name].first, recipe.name)) != recipe.name:
                if not torch.equal(target, value.to(target.device)):
                    report.replace(recipe.name, Status.DIFFERS, f"it is tied to `{known}`, and has other values")
                continue
            with torch.no_grad():
                target.copy_(value)
    except WeightsFileError as error:
        raise WeightsError(str(error), help=error.help) from None
    if report.findings:
        raise WeightsError(_words(files, report), report)
    return report


def load_files(module: nn.Module, paths: Sequence[Path]) -> TransferReport:
    """Load files with the module's own names, every tensor of it. Raises WeightsError."""
    return transfer(module, Section(Span("--weights", 1, 1, 1, 1)), expand_all(paths))


def expand_all(paths: Sequence[Path]) -> list[Path]:
    """The files of tensors that paths mean. Raises WeightsError."""
    try:
        return [file for path in paths for file in expand(path)]
    except WeightsFileError as error:
        raise WeightsError(str(error), help=error.help) from None


def _words(files: Sequence[Path], report: TransferReport) -> str:
    names = ", ".join(str(path) for path in files[:3]) + (", …" if len(files) > 3 else "")
    return f"{names} does not fit the model: {report.summary()}"


def assembled(recipe: Recipe, reader: Reader) -> Tensor:
    """The tensor that a recipe makes of the file's."""
    parts = [_piece(piece, reader) for piece in recipe.pieces]
    value = parts[0]
    if len(parts) > 1:
        dim, groups = recipe.dim, recipe.groups
        # [groups * n] as [groups, n]: the parts lie side by side within each group
        grouped = [part.unflatten(dim, (groups, -1)) for part in parts]
        value = torch.cat(grouped, dim + 1).flatten(dim, dim + 1)
    if recipe.order is not None:
        value = value.permute(recipe.order)
    return value


def _piece(piece: Piece, reader: Reader) -> Tensor:
    value = reader.get(piece.stored)
    if piece.length is None:
        return value
    grouped = value.unflatten(piece.dim, (piece.groups, -1)).narrow(piece.dim + 1, piece.start, piece.length)
    return grouped.flatten(piece.dim, piece.dim + 1)


def _check_finite(name: str, value: Tensor, report: TransferReport) -> None:
    """Values that are not numbers are never meant; infinite ones neither, save in a buffer (a mask)."""
    if not (value.is_floating_point() or value.is_complex()) or value.numel() == 0:
        return
    real = torch.view_as_real(value) if value.is_complex() else value
    low, high = (float(end) for end in torch.aminmax(real))  # needs no memory, and hands on what is not a number
    if math.isfinite(low) and math.isfinite(high):
        return
    line = next(line for line in report.lines if line.name == name)
    bad = int((real.isnan() if not line.parameter else ~real.isfinite()).sum())
    if bad:
        report.replace(name, Status.NOT_FINITE, f"{bad:,} of its values are not finite")


def table_of(module: nn.Module) -> Table:
    """The names of a module that stands for itself."""
    tied = tied_names(module.state_dict())
    parameters = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    entries = {}
    for name, tensor in module.state_dict().items():
        dtype = str(tensor.dtype).removeprefix("torch.")
        entries[name] = Entry(
            name, State(name, tuple(tensor.shape), dtype, name in parameters), None, tied.get(name, name)
        )
    return Table(entries)


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
