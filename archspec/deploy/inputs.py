"""Inputs for a model of given sizes, and its outputs by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from archspec.deploy.sizes import Sizes
from archspec.dims import Dim
from archspec.ops.tensor import TensorType
from archspec.pipeline import Report


def inputs(report: Report, sizes: Sizes, seed: int = 0) -> tuple[Tensor, ...]:
    """Random tensors of the inputs' types; integers are valid numbers of rows of every embedding."""
    generator = torch.Generator().manual_seed(seed)
    ops = {id(entry.op): entry.op for entry in report.table.entries.values()}.values()
    rows = [n for op in ops if isinstance(n := getattr(op, "num_embeddings", None), int)]
    return tuple(_random(type_, sizes, min(rows, default=2), generator) for type_ in report.inputs.values())


def _random(type_: TensorType, sizes: Sizes, rows: int, generator: torch.Generator) -> Tensor:
    shape = [size.evaluate(sizes) if isinstance(size, Dim) else size for size in type_.shape]
    dtype: torch.dtype = getattr(torch, type_.dtype)
    if dtype == torch.bool:
        return torch.randint(0, 2, shape, generator=generator).bool()
    if not dtype.is_floating_point and not dtype.is_complex:
        return torch.randint(0, max(1, min(rows, torch.iinfo(dtype).max)), shape, generator=generator).to(dtype)
    wide = torch.complex128 if dtype.is_complex else torch.float64
    return torch.randn(shape, generator=generator, dtype=wide).to(dtype)


@torch.inference_mode()
def outputs(module: nn.Module | Any, given: tuple[Tensor, ...], names: list[str]) -> dict[str, Tensor]:
    """What a module (or what it was exported to) gives, by name."""
    return by_name(module(*(tensor.clone() for tensor in given)), names)


def by_name(found: Any, names: list[str]) -> dict[str, Tensor]:
    if isinstance(found, Mapping):
        return {name: found[name] for name in names}
    if isinstance(found, Tensor):
        return {names[0]: found}
    return dict(zip(names, found, strict=True))
