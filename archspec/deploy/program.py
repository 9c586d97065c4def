"""torch.export: the model as a graph of PyTorch's operators, with the spec's symbols for sizes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.export import Dim as ExportDim
from torch.export import ExportedProgram

from archspec.deploy.errors import RefusedError
from archspec.deploy.inputs import inputs
from archspec.deploy.sizes import Sizes
from archspec.dims import Dim, Size, symbol
from archspec.pipeline import Report


def export_program(report: Report, module: nn.Module, sizes: Sizes, fixed: Mapping[str, int]) -> ExportedProgram:
    """The exported program. Symbols that are not `fixed` stay free within what the spec requires and promises.

    Raises RefusedError where PyTorch cannot trace the model, or only for some sizes.
    """
    given = inputs(report, sizes)
    failures: list[str] = []
    for dims in (_named(report, fixed), _found(report, fixed)):
        shapes = tuple(
            {axis: found for axis, size in enumerate(type_.shape) if (found := _axis(size, dims)) is not None}
            for type_ in report.inputs.values()
        )
        try:
            with quiet():
                program = torch.export.export(module, given, dynamic_shapes=shapes)
        except Exception as error:  # torch.export fails in many ways
            failures.append((str(error).strip() or type(error).__name__).splitlines()[0][:300])
            continue
        stuck = [name for name in _constant(report, program) if name not in fixed and name in dims]
        if not stuck:
            return program
        failures.append(f"it takes {' and '.join(f'`{n}` = {sizes[n]}' for n in stuck)} for a constant")
        raise RefusedError(
            f"torch.export cannot keep every size free: {failures[-1]}",
            "fix it: " + " ".join(f"--size {name}={sizes[name]}" for name in stuck),
        )
    raise RefusedError(f"torch.export cannot trace the model: {failures[0]}", _advice(report, sizes, fixed))


def _advice(report: Report, sizes: Sizes, fixed: Mapping[str, int]) -> str | None:
    free = [name for name in sizes if name not in fixed]
    return f"fix a size, as --size {free[-1]}={sizes[free[-1]]}" if free else None


@contextmanager
def quiet() -> Iterator[None]:
    """Without what exporters tell of themselves."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _named(report: Report, fixed: Mapping[str, int]) -> dict[str, Any]:
    """{symbol: PyTorch's of that name}, with its bounds; of one in steps of k, k times another."""
    out: dict[str, Any] = {}
    for name in _free(report, fixed):
        values = report.constraints.values(name)
        part = values.parts[0]
        if len(values.parts) > 1 or len(part.residues) > 1:
            out[name] = ExportDim.AUTO
            continue
        (rest,) = part.residues
        low = -(-(part.low - rest) // part.modulus)
        high = None if part.high is None else (part.high - rest) // part.modulus
        bounds = {**({"min": low} if low > 2 else {}), **({} if high is None else {"max": high})}
        made: Any = ExportDim(name if part.modulus == 1 else f"_{name}", **bounds)
        if part.modulus > 1:
            made = part.modulus * made + rest if rest else part.modulus * made
        out[name] = made
    return out


def _found(report: Report, fixed: Mapping[str, int]) -> dict[str, Any]:
    """{symbol: whatever PyTorch finds of it}."""
    return dict.fromkeys(_free(report, fixed), ExportDim.AUTO)


def _free(report: Report, fixed: Mapping[str, int]) -> list[str]:
    names = {
        n for type_ in report.inputs.values() for size in type_.shape if isinstance(size, Dim) for n in size.symbols
    }
    return [n for n in sorted(names) if n not in fixed and report.constraints.values(n).single is None]


def _axis(size: Size, dims: dict[str, Any]) -> Any:
    """What an axis is for PyTorch; None where it is a number."""
    if not isinstance(size, Dim) or size.symbols.isdisjoint(dims):
        return None
    if len(size.symbols) == 1:
        (name,) = size.symbols
        if size == symbol(name):
            return dims[name]
        start, times = size.evaluate({name: 0}), size.evaluate({name: 1}) - size.evaluate({name: 0})
        if dims[name] is not ExportDim.AUTO and times > 0 and size == times * symbol(name) + start:
            return times * dims[name] + start if start else times * dims[name]
    return ExportDim.AUTO


def _constant(report: Report, program: ExportedProgram) -> list[str]:
    """Symbols of axes that the program knows for one size only."""
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    found: dict[str, None] = {}
    for name, type_ in zip(program.graph_signature.user_inputs, report.inputs.values(), strict=True):
        value = nodes[name].meta["val"]
        for size, actual in zip(type_.shape, value.shape, strict=True):
            if isinstance(size, Dim) and isinstance(actual, int):
                found.update(dict.fromkeys(sorted(size.symbols)))
    return list(found)
