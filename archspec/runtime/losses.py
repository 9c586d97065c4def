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


def classes_last(values: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """[..., C] and [...] as [N, C] and [N]."""
    return values.flatten(0, -2), target.flatten()


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
            if term.class_dim == -1:
                values, target = classes_last(values, target)
            loss = criterion(values, target)
            if term.weight != 1.0:
                loss = loss * term.weight
            total = loss if total is None else total + loss
        assert total is not None, "a recipe has at least one loss"
        return total


def _criterion(term: LossTerm, device: torch.device) -> nn.Module:
    keywords: dict[str, Any] = dict(term.loss.keywords)
    for name in ("weight", "pos_weight"):  # torch.nn takes these as tensors
        if keywords.get(name) is not None:
            keywords[name] = torch.tensor(keywords[name], dtype=torch.float32)
    cls: type[nn.Module] = getattr(nn, term.loss.counterpart.rpartition(".")[2])
    return cls(**keywords).to(device)
