"""archspec: architectures as YAML, checked before torch is imported, compiled to the PyTorch a person would write."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from archspec.diagnostics.model import SpecError
    from archspec.pipeline import Report

__version__ = "0.1.0"
__all__ = ["Report", "SpecError", "check", "compile", "source"]


def check(path: str | os.PathLike[str], *, params: dict[str, Any] | None = None) -> Report:
    """Check a spec, given as a path or as YAML text; `params` override its parameters.

    Returns a Report: `.ok`, `.diagnostics`, `.inputs`, `.outputs`, `.requirements`, `.parameters`, `.flops`. Nothing is
    raised for what is wrong with the spec (`report.raise_for_errors()` does). torch is not imported.
    Raises OSError where the file cannot be read.
    """
    from archspec import pipeline

    return pipeline.check(path, params)


def source(path: str | os.PathLike[str], *, params: dict[str, Any] | None = None) -> str:
    """The PyTorch source of a spec: a file that works with torch alone. Raises SpecError, OSError."""
    from archspec import pipeline

    return pipeline.source(path, params)


def compile(
    path: str | os.PathLike[str],
    *,
    params: dict[str, Any] | None = None,
    weights: bool | str | os.PathLike[str] = False,
) -> nn.Module:
    """The module of a spec: an instance of the class that `source` prints.

    `weights`: True loads the files that the spec names under `weights`, a path that one, by the spec's rules; left out,
    the module is as it is initialised. Raises SpecError, OSError, and WeightsError (archspec.model.weights) for weights
    that cannot be read or do not fit.
    """
    from archspec.model.build import build, build_with_weights

    if weights is False:
        return build(path, params)
    return build_with_weights(path, params, () if weights is True else (os.fspath(weights),))


def __getattr__(name: str) -> Any:
    if name == "SpecError":
        from archspec.diagnostics.model import SpecError

        return SpecError
    if name == "Report":
        from archspec.pipeline import Report

        return Report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
