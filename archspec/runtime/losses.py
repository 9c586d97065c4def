"""The training objective: the weighted sum of a recipe's losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from archspec.recipe.model import LossTerm

_HALF = (torch.bfloat16, torch.float16)
Outputs = Tensor | Mapping[str, Tensor]


def pick(outputs: Outputs, name: str) -> Tensor:
    """The model's output of this name; a model with one output gives the tensor itself."""
    return outputs if isinstance(outputs, Tensor) else outputs[name]


class Objective:
    """Called with the model's outputs and a batch, gives the scalar to minimise.

    Losses are computed in float32, whatever the precision of the forward pass.
    """

    def __init__(self, terms: tuple[LossTerm, ...], device: torch.device) -> None:
        first, *rest = [_evaluator(term, device) for term in terms]
        self._first = first
        self._rest = rest

    def __call__(self, outputs: Outputs, batch: Mapping[str, Tensor]) -> Tensor:
        total = self._first(outputs, batch)
        for evaluate in self._rest:
            total = total + evaluate(outputs, batch)
        return total


def _evaluator(term: LossTerm, device: torch.device) -> Callable[[Outputs, Mapping[str, Tensor]], Tensor]:
    """The term as a function. It is called every step: what can be decided is decided here."""
    criterion = _criterion(term, device).forward  # without hooks: there are none
    name, field, weight = term.input, term.target, term.weight

    def plain(outputs: Outputs, batch: Mapping[str, Tensor]) -> Tensor:
        values = outputs if isinstance(outputs, Tensor) else outputs[name]
        if values.dtype in _HALF:
            values = values.float()
        loss: Tensor = criterion(values, batch[field])
        return loss

    def full(outputs: Outputs, batch: Mapping[str, Tensor]) -> Tensor:
        values, target = pick(outputs, name), batch[field]
        if values.dtype in _HALF:
            values = values.float()
        if term.cast_target:
            target = target.to(values.dtype)
        if term.class_dim == -1:
            # [..., C] as [N, C]; targets are class numbers [...], or probabilities of the input's shape.
            probabilities = target.ndim == values.ndim
            values, target = values.flatten(0, -2), target.flatten(0, -2) if probabilities else target.flatten()
        loss: Tensor = criterion(values, target) * weight
        return loss

    return full if term.cast_target or term.class_dim == -1 or weight != 1.0 else plain


def _criterion(term: LossTerm, device: torch.device) -> nn.Module:
    keywords: dict[str, Any] = {  # a tuple of numbers stands for a tensor
        key: torch.tensor(value, dtype=torch.float32) if isinstance(value, tuple) else value
        for key, value in term.loss.keywords.items()
    }
    cls: type[nn.Module] = getattr(nn, term.loss.counterpart.rpartition(".")[2])
    return cls(**keywords).to(device)
