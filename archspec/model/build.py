"""Source → nn.Module: the text that is printed is the text that runs."""

from __future__ import annotations

import itertools
import linecache
import os
import sys
from collections import deque
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import torch  # noqa: F401 - emitted source needs it
from torch import nn

from archspec import pipeline
from archspec.codegen.emit import Source
from archspec.model.transfer import WeightsError, transfer

_number = itertools.count()
_homes: deque[str] = deque()
_MOST_HOMES = 256
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
    number = next(_number)
    name = f"{EMITTED}{source.class_name} {number}>"
    linecache.cache[name] = (len(source.text), None, source.text.splitlines(keepends=True), name)
    home = ModuleType(f"archspec.emitted.{source.class_name}_{number}")
    _registered(home)
    exec(compile(source.text, name, "exec"), vars(home))
    module = vars(home)[source.class_name]()
    assert isinstance(module, nn.Module)
    return module


def _registered(home: ModuleType) -> None:
    """Let torch.compile find a model's globals by name, as it asks when the model runs inside another; for the newest
    models only, so that a process that makes many keeps none."""
    sys.modules[home.__name__] = home
    _homes.append(home.__name__)
    if len(_homes) > _MOST_HOMES:
        sys.modules.pop(_homes.popleft(), None)
