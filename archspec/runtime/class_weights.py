"""The weights of classes that a spec leaves to the data."""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import Tensor

from archspec.data import Data
from archspec.data.images import ImageSplit
from archspec.data.split import TensorSplit
from archspec.recipe.losses import BALANCED
from archspec.recipe.model import LossTerm


def balanced(terms: tuple[LossTerm, ...], data: Data) -> tuple[LossTerm, ...]:
    """The terms with numbers where they say `balanced`, from the training samples.

    As scikit-learn's `compute_class_weight`: samples / (classes * samples of the class), over the classes that there
    are. A class without samples weighs nothing. Targets that the loss ignores are not counted.
    """
    return tuple(_balanced(term, data) if getattr(term.loss, "weight", None) == BALANCED else term for term in terms)


def _balanced(term: LossTerm, data: Data) -> LossTerm:
    assert term.classes is not None
    targets = _targets(data, term.target)
    targets = targets[(targets >= 0) & (targets != getattr(term.loss, "ignore_index", -100))]
    counts = torch.bincount(targets.flatten(), minlength=term.classes)[: term.classes].double()
    weights = (counts.sum() / (counts.count_nonzero() * counts)).where(counts > 0, 0.0)
    loss = copy.copy(term.loss)
    cast(Any, loss).weight = tuple(weights.tolist())
    return term._replace(loss=loss)


def _targets(data: Data, field: str) -> Tensor:
    split: Any = data.train
    while hasattr(split, "plain"):  # augmented, or guarded
        split = split.plain
    if isinstance(split, ImageSplit):
        return split.labels
    assert isinstance(split, TensorSplit)
    return split.fields[field]
