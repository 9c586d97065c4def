"""A model optimised for evaluation, and the proof that it computes the same."""

from __future__ import annotations

import copy
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


class Better(NamedTuple):
    """`difference`: from the model before, in float64, as a share of the largest output."""

    source: Source
    module: nn.Module
    found: Optimized
    difference: float


def optimized(report: Report, module: nn.Module, fixed: Sizes | None = None) -> Better:
    """The optimised model with the weights of `module`, which is in evaluation mode.

    Raises ExportError where the two differ by more than LIMIT in float64 (or exactly, where that is what they give).
    """
    source, found = pipeline.emitted_optimized(report)
    wide = copy.deepcopy(module).double().eval()
    other = optimized_module(source, found, wide)
    worst = 0.0
    for number, sizes in enumerate(examples(report, fixed or {})):
        given = tuple(t.double() if t.is_floating_point() else t for t in inputs(report, sizes, seed=number))
        names = list(report.outputs)
        before, after = outputs(wide, given, names), outputs(other, given, names)
        worst = max(worst, *(_difference(before[name], after[name]) for name in names))
    if not worst <= LIMIT:
        raise ExportError(f"the optimised model differs from the model by {worst:.2g} of its largest output")
    return Better(source, optimized_module(source, found, module), found, worst)


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
