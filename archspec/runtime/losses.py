"""The training objective: the weighted sum of a recipe's losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from archspec.recipe.losses import Ctc
from archspec.recipe.model import LossTerm, loss_labels
from archspec.runtime.ctc import ctc
from archspec.runtime.outputs import Outputs, pick, whole
from archspec.runtime.parallel.logits import cross_entropy_of_parts, in_parts, of_places, put_together


class Objective:
    """Called with the model's outputs and a batch, gives the scalar to minimise.

    Losses are computed in float32, whatever the precision of the forward pass.

    A batch may be gone through in parts, one after another or on several processes: `counts` of all parts, added up,
    are what each part's losses are divided by in `part`, and the parts' values then add up to that of the whole.
    """

    def __init__(self, terms: tuple[LossTerm, ...], device: torch.device) -> None:
        self._terms = [_evaluator(term, device) for term in terms]
        self._parts = [_evaluator(term, device, sum_only=True) for term in terms]
        self._counts = [_counter(term, device) for term in terms]
        self.labels = loss_labels(terms)
        self.weights = [term.weight for term in terms]

    def __call__(self, outputs: Outputs, batch: Mapping[str, Tensor]) -> Tensor:
        first, *rest = self.each(outputs, batch)
        return sum(rest, first)

    def each(self, outputs: Outputs, batch: Mapping[str, Tensor]) -> list[Tensor]:
        """The losses with their weights, of which the sum is what a call gives."""
        return [evaluate(outputs, batch) for evaluate in self._terms]

    def counts(self, batch: Mapping[str, Tensor]) -> Tensor:
        """What the sum of each loss over this batch is divided by: float32[losses], without gradient."""
        device = next(iter(batch.values())).device
        values = [torch.as_tensor(count(batch), dtype=torch.float32, device=device) for count in self._counts]
        return torch.stack(values)

    def part(self, outputs: Outputs, batch: Mapping[str, Tensor], counts: Tensor) -> Tensor:
        """The share of a part of the batch whose `counts` are those of the whole."""
        shares = [evaluate(outputs, batch) / n for evaluate, n in zip(self._parts, counts.unbind(), strict=True)]
        return torch.stack(shares).sum() if len(shares) > 1 else shares[0]


def _evaluator(
    term: LossTerm, device: torch.device, *, sum_only: bool = False
) -> Callable[[Outputs, Mapping[str, Tensor]], Tensor]:
    """The term as a function. It is called every step: what can be decided is decided here."""
    if isinstance(term.loss, Ctc):
        return ctc(term, term.loss, sum_only=sum_only)
    module = _criterion(term, device, sum_only=sum_only)
    criterion = module.forward  # without hooks: there are none
    weighted = any(True for _ in module.buffers())
    name, field, weight = term.input, term.target, term.weight
    place = term.loss.target_place
    # PyTorch takes classes in parts for class numbers, without label smoothing.
    parted = isinstance(module, nn.CrossEntropyLoss) and module.label_smoothing == 0

    def of_classes(values: Tensor, target: Tensor) -> Tensor:
        if parted and in_parts(values) and not target.is_floating_point():
            return cross_entropy_of_parts(criterion, values, target)
        loss: Tensor = criterion(put_together(values), target)
        return loss

    def several(outputs: Outputs, batch: Mapping[str, Tensor]) -> Tensor:
        given = [whole(pick(outputs, each)) for each in term.outputs]
        if not term.loss.targetless:
            target = batch[field].to(given[0].dtype) if term.cast_target else batch[field]
            given.insert(place, target)
        loss: Tensor = criterion(*given) * weight
        return loss

    if term.loss.others:
        return several

    def plain(outputs: Outputs, batch: Mapping[str, Tensor]) -> Tensor:
        values = outputs if isinstance(outputs, Tensor) else outputs[name]
        return of_classes(whole(values), batch[field])

    def full(outputs: Outputs, batch: Mapping[str, Tensor]) -> Tensor:
        values, target = whole(outputs if isinstance(outputs, Tensor) else outputs[name]), batch[field]
        if weighted:
            module.to(values.dtype)
        if term.cast_target:
            target = target.to(values.dtype)
        if term.class_dim == -1 and sum_only and of_places(values):
            from archspec.runtime.parallel.context import summed_over_places

            return summed_over_places(criterion, values, target) * weight
        if term.class_dim == -1:
            # [..., C] as [N, C]; targets are class numbers [...], or probabilities of the input's shape.
            probabilities = target.ndim == values.ndim
            values, target = values.flatten(0, -2), target.flatten(0, -2) if probabilities else target.flatten()
        return of_classes(values, target) * weight

    return full if term.cast_target or term.class_dim == -1 or weight != 1.0 or weighted else plain


def _counter(term: LossTerm, device: torch.device) -> Callable[[Mapping[str, Tensor]], Tensor | int]:
    """What PyTorch divides the sum of this loss by for its mean, as a function of the batch."""
    field, over = term.target, term.loss.mean_over
    ignored: int = getattr(term.loss, "ignore_index", -100)
    weight = getattr(term.loss, "weight", None)
    weights = None if weight is None else torch.tensor(weight, dtype=torch.float32, device=device)
    class_dim = term.class_dim or 0

    def count(batch: Mapping[str, Tensor]) -> Tensor | int:
        if over == "nothing":
            return 1
        if over == "samples":
            return len(next(iter(batch.values())))
        target = batch[field]
        if over == "elements":
            return target.numel()
        if target.is_floating_point():  # probabilities: a mean over the places, whatever the weights
            return target.numel() // target.shape[class_dim]
        counted = target.ne(ignored)
        if weights is None:
            return counted.sum()
        return torch.where(counted, weights[target.clamp(min=0)], 0).sum()

    return count


def _criterion(term: LossTerm, device: torch.device, *, sum_only: bool = False) -> nn.Module:
    keywords: dict[str, Any] = {  # a tuple of numbers stands for a tensor
        key: torch.tensor(value, dtype=torch.float32) if isinstance(value, tuple) else value
        for key, value in term.loss.keywords.items()
    }
    if sum_only:
        keywords["reduction"] = "sum"
    cls: type[nn.Module] = getattr(nn, term.loss.counterpart.rpartition(".")[2])
    return cls(**keywords).to(device)


def total(shares: Sequence[Tensor]) -> Tensor:
    """The loss of a batch from those of its parts, without gradient."""
    return torch.stack([share.detach() for share in shares]).sum()
