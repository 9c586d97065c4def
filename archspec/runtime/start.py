"""The weights that a run starts from: loaded, told in its folder, and named in its spec."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from torch import nn

from archspec.model.transfer import expand_all, transfer
from archspec.pipeline import Report
from archspec.reading.nodes import Mapping
from archspec.runtime.resolved import with_values
from archspec.transfer.report import TransferReport


def start_from(report: Report, module: nn.Module) -> TransferReport | None:
    """Load the weights that a spec names, if it does. Raises WeightsError."""
    weights = report.weights
    if weights is None or not weights.named:
        return None
    return transfer(module, weights.section, weights.files or expand_all(weights.named), weights.table)


def started_from(report: Report, transferred: TransferReport) -> dict[str, Any]:
    """What run.json tells of it; transfer.json tells it a tensor at a time."""
    assert report.weights is not None
    files = [str(path) for path in report.weights.named]
    return {"files": files, "counts": transferred.counts, "converted": transferred.converted}


def with_files(report: Report, text: str, folder: Path) -> str:
    """The text of a spec with the paths of its weights as they are seen from `folder`, given ones too."""
    weights = report.weights
    if weights is None or not weights.named:
        return text
    seen = [
        str(path) if path.is_absolute() else Path(os.path.relpath(path, folder)).as_posix() for path in weights.named
    ]
    node = report.elaboration.root.get("weights") if report.elaboration is not None else None
    where = ("weights", "file") if isinstance(node, Mapping) else ("weights",)
    return with_values(text, {where: seen[0] if len(seen) == 1 else seen})
