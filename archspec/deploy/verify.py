"""Is what was exported the model? Both are given the same inputs, of two sizes where sizes are free."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from archspec.deploy.errors import ExportError, RefusedError
from archspec.deploy.inputs import inputs, outputs
from archspec.deploy.sizes import Sizes
from archspec.deploy.smaller import Quantised
from archspec.pipeline import Report

# Largest difference allowed, as a share of the largest output: kernels differ in the order of their sums.
_TOLERANCE = {
    torch.float64: 1e-9,
    torch.float32: 1e-4,
    torch.complex64: 1e-4,
    torch.bfloat16: 0.05,
    torch.float16: 0.01,
}

Runner = Callable[[tuple[Tensor, ...]], dict[str, Tensor]]


class Verified(NamedTuple):
    """`difference`: the largest, as a share of the largest output. `shapes`: of the inputs that were tried.
    `quantised`: what became of the file afterwards."""

    difference: float
    shapes: tuple[tuple[tuple[int, ...], ...], ...]
    quantised: Quantised | None = None


def verify(report: Report, module: nn.Module, run: Runner, tried: list[Sizes]) -> Verified:
    """Hold `run` against the module in eager mode. Raises ExportError where they differ, or `run` fails."""
    names = list(report.outputs)
    worst, shapes = 0.0, []
    for number, sizes in enumerate(tried):
        given = inputs(report, sizes, seed=number)
        shapes.append(tuple(tuple(tensor.shape) for tensor in given))
        wanted = outputs(module, given, names)
        try:
            found = run(given)
        except Exception as error:  # of whichever engine it is
            words = f"what was exported does not run for {_words(sizes)}: {_first(error)}"
            fixed = [f"--size {name}={value}" for name, value in tried[0].items() if sizes[name] != value]
            help = f"it does for {_words(tried[0])}: fix a size of these, as {fixed[-1]}" if number and fixed else None
            raise RefusedError(words, help) from None
        for name in names:
            worst = max(worst, _difference(name, found[name], wanted[name], sizes))
    return Verified(worst, tuple(shapes))


def _difference(name: str, found: Tensor, wanted: Tensor, sizes: Sizes) -> float:
    where = f"output `{name}` for {_words(sizes)}"
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        raise ExportError(
            f"what was exported gives {found.dtype} {list(found.shape)} for {where}, and the model "
            f"{wanted.dtype} {list(wanted.shape)}"
        )
    if not (wanted.is_floating_point() or wanted.is_complex()):
        if not torch.equal(found, wanted):
            raise ExportError(f"what was exported differs from the model in {where}")
        return 0.0
    odd = ~torch.isfinite(wanted)
    if not torch.equal(odd, ~torch.isfinite(found)):
        raise ExportError(f"what was exported differs from the model in {where}: which numbers are finite")
    wide = torch.complex128 if wanted.is_complex() else torch.float64
    gap = (found.to(wide) - wanted.to(wide)).abs().masked_fill(odd, 0)
    largest = wanted.to(wide).abs().masked_fill(odd, 0)
    share = float(gap.max() / largest.max().clamp(min=1e-30)) if wanted.numel() else 0.0
    if share > _TOLERANCE.get(wanted.dtype, 1e-4):
        raise ExportError(f"what was exported differs from the model in {where}: by {share:.2g} of the largest value")
    return share


def _words(sizes: Sizes) -> str:
    return ", ".join(f"{name}={value}" for name, value in sizes.items()) or "its inputs"


def _first(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
