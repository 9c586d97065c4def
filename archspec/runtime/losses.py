"""The training objective: the weighted sum of a recipe's losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from archspec.recipe.model import LossTerm

Outputs = Tensor | Mapping[str, Tensor]


def pick(outputs: Outputs, name: str) -> Tensor:
    """The model's output of this name; a model with one output gives the tensor itself."""
    return outputs if isinstance(outputs, Tensor) else outputs[name]


class Objective:
    """Called with the model's outputs and a batch, gives the scalar to minimise.

    Losses are computed in float32, whatever the precision of the forward pass.
    """

    def __init__(self, terms: tuple[LossTerm, ...], device: torch.device) -> None:
        self._terms: list[tuple[LossTerm, Callable[[Tensor, Tensor], Tensor]]] = [
            (term, _criterion(term, device)) for term in terms
        ]

    def __call__(self, outputs: Outputs, batch: Mapping[str, Tensor]) -> Tensor:
        total: Tensor | None = None
        for term, criterion in self._terms:
            values, target = pick(outputs, term.input), batch[term.target]
            if values.dtype in (torch.bfloat16, torch.float16):
                values = values.float()
            if term.cast_target:
                target = target.to(values.dtype)
            if term.class_dim == -1:
                # [..., C] as [N, C]; targets are class numbers [...], or probabilities of the input's shape.
                probabilities = target.ndim == values.ndim
                values, target = values.flatten(0, -2), target.flatten(0, -2) if probabilities else target.flatten()
            loss = criterion(values, target)
            if term.weight != 1.0:
                loss = loss * term.weight
            total = loss if total is None else total + loss
        assert total is not None, "a recipe has at least one loss"
        return total


def _criterion(term: LossTerm, device: torch.device) -> nn.Module:
    keywords: dict[str, Any] = {  # a tuple of numbers stands for a tensor
        key: torch.tensor(value, dtype=torch.float32) if isinstance(value, tuple) else value
        for key, value in term.loss.keywords.items()
    }
    cls: type[nn.Module] = getattr(nn, term.loss.counterpart.rpartition(".")[2])
    return cls(**keywords).to(device)
