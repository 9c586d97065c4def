"""Source → nn.Module: the text that is printed is the text that runs."""

from __future__ import annotations

import itertools
import linecache
import os
from collections.abc import Sequence
from typing import Any

import torch  # noqa: F401 - emitted source needs it
from torch import nn

from archspec import pipeline
from archspec.codegen.emit import Source
from archspec.model.transfer import WeightsError, transfer

_number = itertools.count()
EMITTED = "<archspec "  # how the file names of emitted sources begin


def build(spec: str | os.PathLike[str] | pipeline.Spec, params: dict[str, Any] | None = None) -> nn.Module:
    """The module of a spec, with PyTorch's default initialisation. Raises SpecError, OSError."""
    return from_source(pipeline.emitted(pipeline.check(spec, params, weights=None)))


def build_with_weights(
    spec: str | os.PathLike[str] | pipeline.Spec, params: dict[str, Any] | None, files: Sequence[str]
) -> nn.Module:
    """The same with the weights that the spec names, or with `files` instead. Raises WeightsError too."""
    report = pipeline.check(spec, params, weights=files).raise_for_errors()
    if report.weights is None or not report.weights.files:
        raise WeightsError(f"{report.spec.file} names no weights")
    module = from_source(pipeline.emitted(report))
    transfer(module, report.weights.section, report.weights.files, report.weights.table)
    return module


def from_source(source: Source) -> nn.Module:
    """Run emitted source (codegen has verified its syntax) and construct its root class.

    The text is registered with `linecache`, so that a traceback shows its lines.
    """
    name = f"{EMITTED}{source.class_name} {next(_number)}>"
    linecache.cache[name] = (len(source.text), None, source.text.splitlines(keepends=True), name)
    space: dict[str, Any] = {"__name__": f"archspec.emitted.{source.class_name}"}
    exec(compile(source.text, name, "exec"), space)
    module = space[source.class_name]()
    assert isinstance(module, nn.Module)
    return module
