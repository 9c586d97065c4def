"""Optimizers of torch.optim, with the update of all weights in one kernel where PyTorch has one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch.optim import Optimizer

from archspec.recipe.model import Optimizer as OptimizerPart
from archspec.recipe.optimizers import FUSED
from archspec.runtime.parallel.kinds import is_dtensor
from archspec.runtime.parallel.muon import ShardedMuon


class Maker:
    """Makes the optimizer that a part names. `fused`: in one kernel or not; None leaves it to PyTorch, whose bits are
    then those of a loop written by hand."""

    def __init__(self, fused: bool | None = None) -> None:
        self._fused = fused

    def __call__(self, part: OptimizerPart, groups: Sequence[dict[str, Any]]) -> Optimizer:
        cls = cast("Callable[..., Optimizer]", getattr(torch.optim, part.counterpart.rpartition(".")[2]))
        if cls is torch.optim.Muon and any(is_dtensor(p) for group in groups for p in group["params"]):
            cls = ShardedMuon
        more: dict[str, Any] = {}
        if self._fused is not None and part.name in FUSED:
            more["fused"] = self._fused
        return cls(groups, **part.keywords, **more)
