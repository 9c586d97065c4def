"""A model optimised for evaluation, and the proof that it computes the same."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from archspec import pipeline
from archspec.codegen.emit import Source
from archspec.deploy.errors import ExportError
from archspec.deploy.inputs import inputs, outputs
from archspec.deploy.sizes import Sizes, examples
from archspec.model.fold import optimized_module
from archspec.optimize.model import Optimized
from archspec.pipeline import Report

LIMIT = 1e-12  # of the largest output, in float64
SINGLE = 1e-5  # in float32, where the graph itself has casts to it


class Better(NamedTuple):
    """`difference`: from the model before, as a share of the largest output; in float64, where the model runs in it."""

    source: Source
    module: nn.Module
    found: Optimized
    difference: float


def optimized(report: Report, module: nn.Module, fixed: Sizes | None = None) -> Better:
    """The optimised model with the weights of `module`, which is in evaluation mode.

    Raises ExportError where the two differ by more than LIMIT in float64 (or exactly, where that is what they give); by
    more than SINGLE for a graph that casts to float32 and so does not run in float64.
    """
    source, found = pipeline.emitted_optimized(report)
    sizes = list(examples(report, fixed or {}))
    try:
        worst, limit = _worst(report, source, found, copy.deepcopy(module).double(), sizes), LIMIT
    except RuntimeError:
        worst, limit = _worst(report, source, found, module, sizes), SINGLE
    if not worst <= limit:
        raise ExportError(f"the optimised model differs from the model by {worst:.2g} of its largest output")
    return Better(source, optimized_module(source, found, module), found, worst)


def _worst(report: Report, source: Source, found: Optimized, module: nn.Module, sizes: Sequence[Sizes]) -> float:
    """The largest difference over the examples, in the module's type. Raises RuntimeError where it has no one type."""
    module = module.eval()
    other = optimized_module(source, found, module)
    dtype = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float64)
    worst = 0.0
    for number, each in enumerate(sizes):
        given = tuple(t.to(dtype) if t.is_floating_point() else t for t in inputs(report, each, seed=number))
        names = list(report.outputs)
        before, after = outputs(module, given, names), outputs(other, given, names)
        worst = max(worst, *(_difference(before[name], after[name]) for name in names))
    return worst


def _difference(wanted: Tensor, given: Tensor) -> float:
    if wanted.shape != given.shape or wanted.dtype != given.dtype:
        return float("inf")
    if not (wanted.is_floating_point() or wanted.is_complex()):
        return 0.0 if torch.equal(wanted, given) else float("inf")
    finite = torch.isfinite(wanted)
    if not torch.equal(finite, torch.isfinite(given)):
        return float("inf")
    gap = (wanted - given).abs()[finite]
    return float(gap.max() / wanted.abs()[finite].max().clamp(min=1e-30)) if gap.numel() else 0.0
