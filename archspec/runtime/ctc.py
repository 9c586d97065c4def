"""Connectionist temporal classification of a batch whose sequences differ in length."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from archspec.recipe.files import DataError
from archspec.recipe.losses import Ctc
from archspec.recipe.model import LossTerm
from archspec.runtime.outputs import Outputs, pick, whole


def ctc(term: LossTerm, loss: Ctc, *, sum_only: bool) -> Callable[[Outputs, Mapping[str, Tensor]], Tensor]:
    """The term as a function: each sample's loss over the length of its target, and of these the mean, or the sum.

    The function raises DataError for lengths and class numbers that the output does not have: PyTorch's kernels read
    past the end for the latter.
    """

    def evaluate(outputs: Outputs, batch: Mapping[str, Tensor]) -> Tensor:
        values, target = whole(pick(outputs, term.input)), batch[term.target]
        steps = _lengths(loss.input_lengths, batch, values.shape[1])
        if steps is None:
            steps = target.new_full((len(target),), values.shape[1])
        lengths = _lengths(loss.target_lengths, batch, target.shape[1])
        if lengths is None:
            lengths = target.ne(loss.blank).sum(-1)
        read = torch.arange(target.shape[1], device=target.device) < lengths[:, None]
        if len(outside := target[read & ((target < 0) | (target >= values.shape[2]))]):
            raise DataError(
                f"`{term.target}` has the class number {int(outside[0])}, for which the model has no output"
            )
        each = functional.ctc_loss(
            values.transpose(0, 1),
            target.where(read, 0),  # no matter what stands behind them
            steps,
            lengths,
            loss.blank,
            "none",
            loss.zero_infinity,
        )
        each = each / lengths.clamp(min=1)
        share: Tensor = (each.sum() if sum_only else each.mean()) * term.weight
        return share

    return evaluate


def best_path(values: Tensor, blank: int) -> tuple[list[int], float]:
    """The sequence that log-probabilities [T, C] say by the best class of each step (Graves et al., 2006): repeats as
    one, without blanks; and the probability of that sequence, over all the places where it can stand."""
    best = torch.unique_consecutive(values.argmax(-1))
    sequence = best[best != blank]
    lengths = torch.tensor([len(values)]), torch.tensor([len(sequence)])
    cost = functional.ctc_loss(values[:, None], sequence[None], *lengths, blank, "sum")
    return sequence.tolist(), math.exp(-cost.item())


def _lengths(field: str | None, batch: Mapping[str, Tensor], most: int) -> Tensor | None:
    if field is None:
        return None
    lengths = batch[field]
    if len(outside := lengths[(lengths < 0) | (lengths > most)]):
        raise DataError(f"`{field}` has the length {int(outside[0])}, of {most} at most")
    return lengths
